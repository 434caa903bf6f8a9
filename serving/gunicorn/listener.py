"""Accepts connections so that all workers have about as many of them."""

import asyncio
import logging
import mmap
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

logger = logging.getLogger(__name__)

# How long a worker leaves a new connection to one that has fewer. Then it takes it: that one may
# be busy, or be no more.
DEFER_SECONDS: Final = 0.003
RETRY_SECONDS: Final = 1.0
_WORKERS_MAX: Final = 1024
_NOBODY: Final = -1
_STARTING: Final = -2


class Shares:
    """How many connections each worker has, in memory that workers share when they are forked."""

    def __init__(self) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * _WORKERS_MAX)).cast("i")
        for place in range(_WORKERS_MAX):
            self._counts[place] = _NOBODY

    def join(self) -> int:
        """Return a worker's place, before it is forked."""
        place = self._counts.tolist().index(_NOBODY)
        self._counts[place] = _STARTING
        return place

    def begin(self, place: int) -> None:
        """Note that a worker listens from now on; until then, none leaves connections to it."""
        self._counts[place] = 0

    def leave(self, place: int) -> None:
        """Give the place of a worker that has ended to others."""
        self._counts[place] = _NOBODY

    def add(self, place: int, count: int) -> None:
        """Note that a worker has so many more connections."""
        self._counts[place] += count

    def is_least(self, place: int) -> bool:
        """Return whether no worker has fewer."""
        own = self._counts[place]
        return not any(0 <= count < own for count in self._counts.tolist())


shares = Shares()


class Listener:
    """Accepts one connection at a time, and leaves it to a worker that has fewer for a moment.

    Several workers wait for connections to the same socket. One that takes all there are, as
    asyncio's servers do, gets most of those that come together, and with a few connections that
    last, the other workers get none. To be used on the event loop.
    """

    def __init__(
        self, sock: socket.socket, make_protocol: Callable[[], asyncio.Protocol], place: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket, self._make_protocol, self._place = sock, make_protocol, place
        self._timer: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[Any]] = set()
        sock.setblocking(False)
        self._loop.add_reader(sock, self._look)

    def close(self) -> None:
        """Accept no more."""
        self._loop.remove_reader(self._socket)
        if self._timer:
            self._timer.cancel()
        self._socket.close()

    def _look(self) -> None:
        if shares.is_least(self._place):
            self._accept()
        else:
            self._pause(DEFER_SECONDS)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket)
        self._timer = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        self._loop.add_reader(self._socket, self._look)
        self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another worker was first, or it is gone
            return
        except OSError as error:  # such as too many open files
            logger.error("no connection can be accepted, trying again soon: %s", error)
            self._pause(RETRY_SECONDS)
            return
        connection.setblocking(False)
        shares.add(self._place, 1)
        opening: Coroutine[Any, Any, Any] = self._loop.connect_accepted_socket(
            self._make_protocol, connection
        )
        task = self._loop.create_task(opening)
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
