"""The gunicorn worker: connections on an event loop, Django in threads."""

import asyncio
import ctypes
import gc
import os
import signal
import sys
from functools import partial
from typing import Any, Final

from serving.gunicorn.connection import Connection, PublicWorker
from serving.gunicorn.hooks import hooks
from serving.gunicorn.listener import Listener, shares

# How long a stopping worker keeps connections without a request: the caller may have sent one.
LINGER_SECONDS: Final = 1.0
TICK_SECONDS: Final = 0.2
# From glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


class Worker(PublicWorker):
    """gunicorn's own asyncio worker, for a WSGI application.

    Its threads only ever see whole requests. A connection has `read_timeout_seconds` to send the
    head of its first request, and gunicorn's `keepalive` for the next ones. On SIGTERM, or
    after --max-requests, what was sent is answered.
    """

    def load_wsgi(self) -> None:
        _keep_little_memory()  # before there are threads
        super().load_wsgi()
        # Here and not above: with --preload the settings may not be loaded before the application.
        from serving import status_titles
        from serving.bridge import Bridge

        self.asgi = Bridge(self.app.wsgi())
        self.connections: set[Connection] = set()
        status_titles.load()
        hooks.loaded()
        # What is loaded by now stays: the collector need not hold up the worker's requests to look
        # through all of it again and again.
        gc.collect()
        gc.freeze()
        # A thread that fits gives way to the event loop sooner than after Python's 5 ms, of which a
        # request needs several.
        sys.setswitchinterval(0.0005)

    def init_process(self) -> None:
        self._take_signals()
        super().init_process()

    def init_signals(self) -> None:
        super().init_signals()
        self._take_signals()

    def _take_signals(self) -> None:
        # As soon as there is a process, and not through the event loop: what came before that runs
        # would be lost, and the worker be killed when its time to stop is over.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: Any) -> None:
        self.alive = False
        self.stops_quickly = number != signal.SIGTERM

    async def serve(self) -> None:
        shares.begin(self.share)
        self.servers = [
            Listener(sock.sock, partial(Connection, self), self.share) for sock in self.sockets
        ]
        while self.alive and self.ppid == os.getppid():
            self.notify()
            hooks.tick()
            await asyncio.sleep(TICK_SECONDS)
        hooks.stopping()
        await self.shut_down()

    async def shut_down(self) -> None:
        """Accept no more connections, and let requests finish."""
        self.alive = False  # makes answers say that the connection will be closed
        for server in self.servers:
            server.close()
        began = self.loop.time()
        while self.connections and self.loop.time() < began + self.cfg.graceful_timeout:
            if self.stops_quickly:
                return
            if self.loop.time() > began + LINGER_SECONDS:
                for connection in list(self.connections):
                    connection.close_if_idle()
            self.notify()
            await asyncio.sleep(0.05)
        if self.connections:
            self.log.warning("Closing %d connections with requests", len(self.connections))


def _keep_little_memory() -> None:
    """Let the C library give the memory of large arrays back when they are freed.

    By itself, glibc keeps ever larger ones in its heap, and a worker stays as large as its largest
    requests made it. Smaller ones it shall keep, to be used again: in one heap, since threads with
    heaps of their own would each keep as much, and Python lets one at a time allocate anyway.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # not in musl
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)
        libc.mallopt(_M_TRIM_THRESHOLD, 4 * 1024 * 1024)
