"""A thread that calls a function repeatedly."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Loop:
    """A named thread that calls `step` until ended, and waits for the seconds that it returns.

    An exception of `step` ends the thread, which `is_alive` shows. `interrupt` must make a waiting
    `step` return.
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
        """Start the next step at once, even if the current one waits."""
        self._woken.set()
        self._interrupt()

    def end(self, timeout: float) -> None:
        """End after the current step, and wait for that at most `timeout` seconds."""
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
