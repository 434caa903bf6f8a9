"""A thread that does something again and again."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Loop:
    """A named thread that calls `turn` until it is ended, as many seconds apart as that returns.

    An exception of `turn` ends the thread; whoever started it watches `is_alive`. `interrupt` must
    make a `turn` that waits for something return.
    """

    def __init__(
        self, name: str, turn: Callable[[], float], interrupt: Callable[[], None] = lambda: None
    ) -> None:
        self._turn = turn
        self._interrupt = interrupt
        self._done = threading.Event()
        self._nudged = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def is_alive(self) -> bool:
        """Return whether turns go on."""
        return self._thread.is_alive()

    def nudge(self) -> None:
        """Make the next turn come at once."""
        self._nudged.set()

    def end(self, timeout: float) -> None:
        """Let the present turn be the last, and wait for its end at most `timeout` seconds."""
        self._done.set()
        self._nudged.set()
        self._interrupt()
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            while not self._done.is_set():
                self._nudged.wait(self._turn())
                self._nudged.clear()
        except Exception:
            logger.exception("thread %s died", threading.current_thread().name)
