"""How many requests wait for a fit, and for how long: nothing piles up."""

import collections
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings

from clustering import metrics
from clustering.problems import Problem

# Small fits, one at a time, because two at once hand the GIL back and forth and are slower than one
# after the other; and large ones, which release it most of the time, so that a small one need
# not wait for a large one.
LANES: Final = 2
_LARGE_FROM_NUMBERS: Final = 20_000
RETRY_AFTER_SECONDS: Final = 1


class _Lane:
    """One at a time, in the order of arrival."""

    def __init__(self) -> None:
        self.is_taken = False
        self.waiting: collections.deque[threading.Event] = collections.deque()


class Admission:
    """A lane for small fits, one for large ones, and a bounded queue before them.

    Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._small, self._large = _Lane(), _Lane()

    def is_full(self) -> bool:
        """Return whether a request that came now would be turned away."""
        return bool(self._waiting() >= settings.KMEANS_QUEUE_SIZE)

    @contextmanager
    def turn(self, numbers: int, is_gone: Callable[[], bool]) -> Iterator[None]:
        """Wait for the turn of a fit over so many numbers, and hold the lane meanwhile.

        Raises Problem (503) at once when too many wait, or when the turn has not come in
        `KMEANS_QUEUE_TIMEOUT_SECONDS`, and (499) when the caller is gone by then.
        """
        lane = self._small if numbers < _LARGE_FROM_NUMBERS else self._large
        self._take(lane)
        try:
            if is_gone():
                raise Problem("caller-gone", "the caller closed the connection while waiting")
            yield
        finally:
            self._give_back(lane)

    def _waiting(self) -> int:
        return len(self._small.waiting) + len(self._large.waiting)

    def _take(self, lane: _Lane) -> None:
        with self._lock:
            if not lane.is_taken:
                lane.is_taken = True
                return
            if self.is_full():
                raise overloaded(f"{settings.KMEANS_QUEUE_SIZE} requests wait already")
            my_turn = threading.Event()
            lane.waiting.append(my_turn)
            metrics.WAITING.set(self._waiting())
        if my_turn.wait(settings.KMEANS_QUEUE_TIMEOUT_SECONDS):
            return
        with self._lock:
            if my_turn.is_set():  # in this very moment
                return
            lane.waiting.remove(my_turn)
            metrics.WAITING.set(self._waiting())
        raise overloaded(f"no turn within {settings.KMEANS_QUEUE_TIMEOUT_SECONDS:g} s")

    def _give_back(self, lane: _Lane) -> None:
        with self._lock:
            if lane.waiting:
                lane.waiting.popleft().set()
                metrics.WAITING.set(self._waiting())
            else:
                lane.is_taken = False


def overloaded(why: str) -> Problem:
    """Return the Problem (503) of a service that has enough to do."""
    problem = Problem("overloaded", f"{why}; try again after {RETRY_AFTER_SECONDS} s")
    problem.wait = RETRY_AFTER_SECONDS
    return problem


admission = Admission()
