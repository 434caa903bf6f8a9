"""Waiting for a thread ends with the caller."""

import asyncio
import threading

import pytest

from serving.problems import Problem
from serving.threads import Pool


def test_a_caller_that_is_gone_waits_no_longer() -> None:
    release = threading.Event()

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        pool = Pool("test", 1)
        first = asyncio.ensure_future(pool.run(loop.create_future(), release.wait, 20))
        await asyncio.sleep(0.01)
        gone = loop.create_future()
        second = asyncio.ensure_future(pool.run(gone, print))
        await asyncio.sleep(0.01)
        gone.set_result(None)
        with pytest.raises(Problem) as left:
            await asyncio.wait_for(second, 2)
        assert left.value.code == "caller-gone"
        cancelled = asyncio.ensure_future(pool.run(loop.create_future(), print))
        await asyncio.sleep(0.01)
        cancelled.cancel()
        await asyncio.wait({cancelled})
        # Those that left have taken nothing with them.
        release.set()
        assert await first
        assert await asyncio.wait_for(pool.run(loop.create_future(), lambda: 5), 2) == 5

    asyncio.run(scene())
