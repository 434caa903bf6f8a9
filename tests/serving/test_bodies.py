"""Reading bodies, as far as no client can bring it about for certain."""

import asyncio
import contextlib
import gzip

import pytest
from pytest_django.fixtures import Settings

from serving.bodies import Body, Budget, Message
from serving.conf import Setting
from serving.content_coding import BLOCK_BYTES, Gunzip
from serving.problems import Problem
from serving.threads import Pool

LIMIT = Setting[int]("KMEANS_MAX_BODY_BYTES")


def test_a_piece_in_the_last_moment_does_not_stop_the_clock(settings: Settings) -> None:
    settings.HTTP_READ_TIMEOUT_SECONDS = 0.05
    pieces: list[bytes] = []

    async def receive() -> Message:
        assert not pieces, "goes on after the time is over"
        pieces.append(b" ")
        # As if a piece came at the very moment of the deadline.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return {"type": "http.request", "body": pieces[-1], "more_body": True}

    with pytest.raises(Problem) as raised:
        asyncio.run(Body(receive, Budget()).read(LIMIT))
    assert raised.value.status_code == 408


def test_a_refused_body_returns_its_bytes(settings: Settings) -> None:
    settings.KMEANS_BODIES_MAX_BYTES = 10
    budget = Budget()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"123456", "more_body": True}

    async def read() -> None:
        body = Body(receive, budget)
        with pytest.raises(Problem) as raised:
            await body.read(LIMIT)
        assert raised.value.status_code == 503
        assert budget.held == 6
        body.release()
        body.release()
        assert budget.held == 0

    asyncio.run(read())


def read_gzip(content: bytes, budget: Budget, size: int = 100) -> bytes:
    """Return a body that is expanded from pieces of this size."""
    pieces = [content[i : i + size] for i in range(0, len(content), size)]

    async def receive() -> Message:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def read() -> bytes:
        body = Body(receive, budget)
        gone = asyncio.get_running_loop().create_future()
        try:
            return await body.read(LIMIT, Gunzip(Pool("gunzip", 1), gone))
        finally:
            body.release()

    return asyncio.run(read())


@pytest.mark.parametrize("size", [1, 100, 1_000_000])
def test_the_limit_is_for_the_expanded_body(settings: Settings, size: int) -> None:
    settings.KMEANS_MAX_BODY_BYTES = 1000
    assert read_gzip(gzip.compress(b" " * 1000), Budget(), size) == b" " * 1000
    with pytest.raises(Problem) as raised:
        read_gzip(gzip.compress(b" " * 1001), Budget(), size)
    assert raised.value.status_code == 413


def test_the_limit_is_for_what_is_sent_too(settings: Settings) -> None:
    settings.KMEANS_MAX_BODY_BYTES = 100
    # Blocks that expand to nothing.
    endless = gzip.compress(b"", mtime=0)[:10] + b"\x00\x00\x00\xff\xff" * 30
    with pytest.raises(Problem) as raised:
        read_gzip(endless, Budget(), 10)
    assert raised.value.status_code == 413


def test_expanded_bytes_count_in_the_budget(settings: Settings) -> None:
    settings.KMEANS_BODIES_MAX_BYTES = BLOCK_BYTES
    budget = Budget()
    assert len(read_gzip(gzip.compress(b" " * BLOCK_BYTES), budget)) == BLOCK_BYTES
    with pytest.raises(Problem) as raised:
        read_gzip(gzip.compress(b" " * (BLOCK_BYTES + 1)), budget)
    assert raised.value.status_code == 503
    assert budget.held == 0
