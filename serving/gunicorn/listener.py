"""Accepts connections so that all workers have about the same number."""

import asyncio
import logging
import mmap
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

logger = logging.getLogger(__name__)

# How long a worker leaves a new connection to workers that have fewer. They may be busy or dead, so
# it then accepts the connection itself.
DEFER_SECONDS: Final = 0.003
RETRY_SECONDS: Final = 1.0
_WORKERS_MAX: Final = 1024
_FREE: Final = -1
_STARTING: Final = -2
# Or less: each connection that the worker has left takes one away.
_ENDING: Final = -3


class Shares:
    """The number of connections of each worker, in memory that forked workers share.

    Each worker has a place. The master calls `join`, `leave` and `replace`, a worker the other
    methods.
    """

    def __init__(self) -> None:
        shared = memoryview(mmap.mmap(-1, 4 * (_WORKERS_MAX + 1))).cast("i")
        self._counts, self._replaced_age = shared[:_WORKERS_MAX], shared[_WORKERS_MAX:]
        for place in range(_WORKERS_MAX):
            self._counts[place] = _FREE

    def join(self) -> int:
        """Reserve a place for a worker that is about to be forked, and return it."""
        place = self._counts.tolist().index(_FREE)
        self._counts[place] = _STARTING
        return place

    def begin(self, place: int) -> None:
        """Start to count a worker's connections; before, no other leaves connections to it."""
        self._counts[place] = 0

    def end(self, place: int) -> None:
        """Stop counting: the worker accepts no more, and no other leaves connections to it."""
        self._counts[place] = _ENDING

    def leave(self, place: int) -> None:
        """Free the place of a worker that has ended."""
        self._counts[place] = _FREE

    def replace(self, age: int) -> None:
        """Have all workers up to this age of gunicorn's, a number, replaced by newer ones."""
        self._replaced_age[0] = age

    def is_replaced(self, age: int) -> bool:
        """Return whether newer workers replace the one of this age."""
        return age <= self._replaced_age[0]

    def is_any_starting(self) -> bool:
        """Return whether a worker is not ready to accept connections yet."""
        return _STARTING in self._counts.tolist()

    def add(self, place: int, count: int) -> None:
        """Add to the number of a worker's connections."""
        self._counts[place] += count

    def is_least(self, place: int) -> bool:
        """Return whether all others have at least seven eighths as many connections."""
        own = self._counts[place]
        return not any(0 <= count < own - own // 8 for count in self._counts.tolist())


shares = Shares()


class Listener:
    """Accepts one connection at a time; workers with fewer connections may accept it first.

    All workers listen on the same socket. asyncio's own server accepts all waiting connections at
    once, so one worker would get most of those that arrive together. With a few long connections,
    other workers would get none. Use it on the event loop.
    """

    def __init__(
        self, sock: socket.socket, make_protocol: Callable[[], asyncio.Protocol], place: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket, self._make_protocol, self._place = sock, make_protocol, place
        self._timer: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[Any]] = set()
        sock.setblocking(False)
        self._loop.add_reader(sock, self._on_readable)

    async def close(self) -> None:
        """Stop accepting connections, and return when those that were accepted are open."""
        self._loop.remove_reader(self._socket)
        if self._timer:
            self._timer.cancel()
        self._socket.close()
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _on_readable(self) -> None:
        if shares.is_least(self._place):
            self._accept()
        else:
            self._pause(DEFER_SECONDS)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket)
        self._timer = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._timer = None
        self._loop.add_reader(self._socket, self._on_readable)
        self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another worker was first, or the client has left
        except OSError as error:  # such as too many open files
            logger.error("cannot accept connections, retrying after %g s: %s", RETRY_SECONDS, error)
            self._pause(RETRY_SECONDS)
            return
        connection.setblocking(False)
        shares.add(self._place, 1)
        opening: Coroutine[Any, Any, Any] = self._loop.connect_accepted_socket(
            self._make_protocol, connection
        )
        task = self._loop.create_task(opening)
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: "asyncio.Task[Any]") -> None:
        self._opening.discard(task)
        if task.cancelled() or task.exception():
            shares.add(self._place, -1)  # no protocol will see its end
