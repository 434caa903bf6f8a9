"""Decides which requests are computed now, which wait, and which are refused."""

import asyncio
import collections
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from serving import conf, metrics
from serving.contract import ServedModel, served_models
from serving.problems import Problem

# One for small requests and one for large ones. Two small ones at once would exchange the GIL and
# be slower than one after the other. Large ones mostly run without the GIL, so small ones need not
# wait for them.
LANES: Final = 2
RETRY_AFTER_SECONDS: Final = 1

Turn = asyncio.Future[None]


class _Lane:
    """One request at a time, in the order of arrival."""

    def __init__(self) -> None:
        self.is_taken = False
        self.waiting: collections.deque[Turn] = collections.deque()


class Admission:
    """Two lanes with one bounded queue; waiting takes no thread. Use it on one event loop."""

    def __init__(self) -> None:
        self._small, self._large = _Lane(), _Lane()
        self._gauges = {model.name: metrics.WAITING.labels(model.name) for model in served_models()}

    def check_queue(self) -> None:
        """Raise Problem (503) if as many requests wait as may wait."""
        size = conf.load().queue_size.value
        if len(self._small.waiting) + len(self._large.waiting) >= size:
            raise overloaded(f"{size} requests wait already")

    @asynccontextmanager
    async def turn(
        self, model: ServedModel, body_bytes: int, gone: "asyncio.Future[Any]"
    ) -> AsyncIterator[None]:
        """Wait for the lane of a request with `body_bytes`, and hold it in the `async with` block.

        Raises Problem (503) if the queue is full, or the lane is not free in
        `queue_timeout_seconds`; (499) if `gone`, the end of the connection, comes first.
        """
        lane = self._small if body_bytes < model.large_from_bytes else self._large
        if lane.is_taken:
            await self._wait(model, lane, gone)
        lane.is_taken = True
        try:
            if gone.done():
                raise _gone()
            yield
        finally:
            # Only after another round of the event loop. A block that never awaits would otherwise
            # keep new requests in their sockets, where nothing counts them.
            asyncio.get_running_loop().call_soon(self._give_back, lane)

    async def _wait(self, model: ServedModel, lane: _Lane, gone: "asyncio.Future[Any]") -> None:
        self.check_queue()
        turn: Turn = asyncio.get_running_loop().create_future()
        lane.waiting.append(turn)
        self._gauges[model.name].inc()
        timeout = conf.load().queue_timeout_seconds.value
        try:
            await asyncio.wait((turn, gone), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if turn.done():  # at the same time
                self._give_back(lane)
            raise
        finally:
            self._gauges[model.name].dec()
            if not turn.done():
                lane.waiting.remove(turn)
        if turn.done():
            return
        if gone.done():
            raise _gone()
        raise overloaded(f"no turn within {timeout:g} s")

    def _give_back(self, lane: _Lane) -> None:
        """Pass the lane to the next waiter."""
        if lane.waiting:
            lane.waiting.popleft().set_result(None)
        else:
            lane.is_taken = False


def overloaded(why: str) -> Problem:
    """Return the Problem (503) that asks the caller to retry."""
    problem = Problem("overloaded", f"{why}; try again after {RETRY_AFTER_SECONDS} s")
    problem.wait = RETRY_AFTER_SECONDS
    return problem


def _gone() -> Problem:
    return Problem("caller-gone", "the caller closed the connection while waiting")
