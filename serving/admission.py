"""Which requests are computed at once, and how many wait for it, how long: nothing piles up."""

import asyncio
import collections
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from serving import conf, metrics
from serving.contract import ServedModel, served_models
from serving.problems import Problem

# Small requests, one at a time, because two at once hand the GIL back and forth and are slower than
# one after the other; and large ones, which release it most of the time, so that a small one need
# not wait for a large one.
LANES: Final = 2
RETRY_AFTER_SECONDS: Final = 1

Turn = asyncio.Future[None]


class _Lane:
    """One at a time, in the order of arrival."""

    def __init__(self) -> None:
        self.is_taken = False
        self.waiting: collections.deque[Turn] = collections.deque()


class Admission:
    """A lane for small requests, one for large ones, and a bounded queue before them.

    To be used on one event loop: who waits takes no thread.
    """

    def __init__(self) -> None:
        self._small, self._large = _Lane(), _Lane()
        self._gauges = {model.name: metrics.WAITING.labels(model.name) for model in served_models()}

    def check_queue(self) -> None:
        """Raise Problem (503) where a request that came now would find too many waiting."""
        size = conf.load().queue_size.value
        if len(self._small.waiting) + len(self._large.waiting) >= size:
            raise overloaded(f"{size} requests wait already")

    @asynccontextmanager
    async def turn(
        self, model: ServedModel, body_bytes: int, gone: "asyncio.Future[Any]"
    ) -> AsyncIterator[None]:
        """Wait for the turn of a request with a body of so many bytes, and hold the lane meanwhile.

        Raises Problem (503) at once when too many wait, or when the turn has not come in
        `queue_timeout_seconds`, and (499) when `gone`, the end of the connection, comes before it.
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
            # Not before the event loop has looked at what else there is: where the lane was held
            # without leaving the loop, others would wait in their sockets, unseen and unbounded.
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
            if turn.done():  # in this very moment
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
        """Let the next one in, who finds the lane taken for him."""
        if lane.waiting:
            lane.waiting.popleft().set_result(None)
        else:
            lane.is_taken = False


def overloaded(why: str) -> Problem:
    """Return the Problem (503) of a service that has enough to do."""
    problem = Problem("overloaded", f"{why}; try again after {RETRY_AFTER_SECONDS} s")
    problem.wait = RETRY_AFTER_SECONDS
    return problem


def _gone() -> Problem:
    return Problem("caller-gone", "the caller closed the connection while waiting")
