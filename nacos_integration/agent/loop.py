"""A thread that calls a function again and again."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Loop:
    """A named thread that calls `step` until ended, as many seconds apart as `step` returns.

    An exception of `step` ends the thread, which `is_alive` shows. `interrupt` must make a `step`
    that waits return.
    """

    def __init__(
        self, name: str, step: Callable[[], float], interrupt: Callable[[], None] = lambda: None
    ) -> None:
        self._step = step
        self._interrupt = interrupt
        self._ended = threading.Event()
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    def wake(self) -> None:
        """Make the next step come at once, also where the present one waits."""
        self._woken.set()
        self._interrupt()

    def end(self, timeout: float) -> None:
        """End after the present step, and wait for that at most `timeout` seconds."""
        self._ended.set()
        self.wake()
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._woken.wait(self._step())
                self._woken.clear()
        except Exception:
            logger.exception("thread %s died", threading.current_thread().name)
