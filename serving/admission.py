"""Decides which requests to models are computed now, which wait, and which are refused."""

import asyncio
import collections
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from serving import conf, metrics
from serving.contract import ServedModel, served_models
from serving.problems import Problem, Text

# One for small requests and one for large ones. Two small ones at once would compete for the GIL,
# and take longer than one after the other. Large ones mostly run without the GIL, so small ones
# need not wait for them.
LANES: Final = 2
RETRY_AFTER_SECONDS: Final = 1


class _Lane:
    """One request at a time, in the order of arrival."""

    def __init__(self) -> None:
        self.is_taken = False
        self.waiters: collections.deque[asyncio.Future[None]] = collections.deque()


class Admission:
    """Two lanes, each with a bounded queue; waiting takes no thread. Use it on one event loop."""

    def __init__(self) -> None:
        self._small, self._large = _Lane(), _Lane()
        self._gauges = {model.name: metrics.WAITING.labels(model.name) for model in served_models()}

    def check_queue(self, model: ServedModel, body_bytes: int | None) -> None:
        """Raise Problem (503) if the queue of the lane is full, or of both for an unknown size."""
        if body_bytes is None:
            lanes = [self._small, self._large]
        else:
            lanes = [self._lane(model, body_bytes)]
        size = conf.load().queue_size.value
        if all(len(lane.waiters) >= size for lane in lanes):
            raise overloaded(format_lazy(_("{waiting} requests wait already"), waiting=size))

    @asynccontextmanager
    async def turn(
        self, model: ServedModel, body_bytes: int, gone: "asyncio.Future[Any]"
    ) -> AsyncIterator[None]:
        """Wait for the lane of a request with `body_bytes`, and hold it in the `async with` block.

        `gone` is done when the connection has ended. Raises Problem: 503 if the queue is full, or
        the lane is not free within `queue_timeout_seconds`; 499 if the connection ends before that.
        """
        lane = self._lane(model, body_bytes)
        if lane.is_taken:
            self.check_queue(model, body_bytes)
            await self._wait(model, lane, gone)
        lane.is_taken = True
        try:
            if gone.done():
                raise caller_gone()
            yield
        finally:
            # Only after another round of the event loop. Otherwise blocks that never await would
            # follow each other without a break, and new requests stay in their sockets uncounted.
            asyncio.get_running_loop().call_soon(self._release, lane)

    def _lane(self, model: ServedModel, body_bytes: int) -> _Lane:
        return self._small if body_bytes < model.large_from_bytes else self._large

    async def _wait(self, model: ServedModel, lane: _Lane, gone: "asyncio.Future[Any]") -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane.waiters.append(waiter)
        self._gauges[model.name].inc()
        timeout = conf.load().queue_timeout_seconds.value
        try:
            await asyncio.wait((waiter, gone), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if waiter.done():  # at the same time
                self._release(lane)
            raise
        finally:
            self._gauges[model.name].dec()
            if not waiter.done():
                lane.waiters.remove(waiter)
        if waiter.done():
            return
        if gone.done():
            raise caller_gone()
        raise overloaded(
            format_lazy(_("waited {seconds} s for other requests"), seconds=f"{timeout:g}")
        )

    def _release(self, lane: _Lane) -> None:
        """Pass the lane to the next waiter, or mark it as free."""
        if lane.waiters:
            lane.waiters.popleft().set_result(None)
        else:
            lane.is_taken = False


def overloaded(why: Text) -> Problem:
    """Return the Problem (503) that asks the caller to retry."""
    detail = format_lazy(
        _("{why}; try again after {seconds} s"), why=why, seconds=RETRY_AFTER_SECONDS
    )
    problem = Problem("overloaded", detail)
    problem.wait = RETRY_AFTER_SECONDS
    return problem


def caller_gone() -> Problem:
    """Return the Problem (499) of a caller that did not wait for the response."""
    return Problem("caller-gone", _("the caller closed the connection while waiting"))
