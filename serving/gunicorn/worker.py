"""The gunicorn worker: connections on an event loop, Django in threads."""

import asyncio
import ctypes
import gc
import os
import resource
import signal
import sys
import time
from email.utils import formatdate
from functools import partial
from typing import Any, Final

from gunicorn.workers.base import Worker as BaseWorker
from uvicorn import Config
from uvicorn.server import ServerState

from serving import conf
from serving.gunicorn.access_log import AccessLog
from serving.gunicorn.connection import HEAD_MAX_BYTES, Connection, Limits
from serving.gunicorn.hooks import hooks
from serving.gunicorn.listener import Listener, shares

# A stopping worker keeps idle connections this long: the client may have sent a request already.
LINGER_SECONDS: Final = 1.0
TICK_SECONDS: Final = 0.2
# A worker that is replaced accepts connections until the new ones do, but at most this long.
RELIEF_SECONDS: Final = 60.0
# Between two looks for silent connections.
SWEEP_SECONDS: Final = 1.0
# For what a worker has open besides connections, such as logs, metrics and the database.
_OTHER_DESCRIPTORS: Final = 200
# From glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


class Worker(BaseWorker):  # type: ignore[misc]  # gunicorn has no types
    """Runs uvicorn's protocol on an event loop, and a WSGI application behind the bridge.

    A connection has `read_timeout_seconds` to send a head, and gunicorn's `keepalive` between two
    requests. On SIGTERM, or after --max-requests, the worker answers what was sent, and ends. When
    gunicorn reloads, it first waits until the new workers accept connections.
    """

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse what the worker would ignore; gunicorn's master calls this at its start."""
        if cfg.is_ssl:
            log.error("--certfile and --keyfile: TLS ends at a proxy in front; leave them out")
            sys.exit(1)

    def init_process(self) -> None:
        self.loop = _new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.connections: set[Connection] = set()
        self._connections_max = _allow_connections(self.cfg.worker_connections)
        super().init_process()

    def init_signals(self) -> None:
        super().init_signals()
        self._stops_quickly = False
        self._relieved_by: float | None = None
        # Plain handlers: those of the loop lose a signal that arrives before the loop runs.
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._stop)
        # A closed terminal sends SIGHUP to the workers too; only the master acts on it.
        for number in (signal.SIGHUP, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)

    def _stop(self, number: int, frame: Any) -> None:
        self._stops_quickly = number != signal.SIGTERM
        if self._stops_quickly or not shares.is_replaced(self.age):
            self.alive = False
        elif self._relieved_by is None:
            self._relieved_by = time.monotonic() + RELIEF_SECONDS

    def load_wsgi(self) -> None:
        _keep_little_memory()  # before there are threads
        super().load_wsgi()
        # Not imported above: with --preload, the settings are loaded with the application.
        from serving import status_titles
        from serving.bridge import Bridge

        limits = conf.load()
        self.limits = Limits(
            request_line=self.cfg.limit_request_line or HEAD_MAX_BYTES,
            fields=self.cfg.limit_request_fields or HEAD_MAX_BYTES,
            field_size=self.cfg.limit_request_field_size or HEAD_MAX_BYTES,
            read_seconds=limits.read_timeout_seconds.value,
            write_seconds=limits.write_timeout_seconds.value,
            keepalive_seconds=self.cfg.keepalive,
        )
        application: Any = Bridge(self.wsgi)
        if self.log.access_log_enabled:
            application = AccessLog(application, self.log)
        self.config = _protocol_config(application)
        self.state = ServerState()
        status_titles.load()
        hooks.loaded()
        # The garbage collector need not scan again and again what is loaded by now.
        gc.collect()
        gc.freeze()
        # Fitting threads yield to the event loop sooner than after Python's 5 ms.
        sys.setswitchinterval(0.0005)

    def run(self) -> None:
        try:
            self.loop.run_until_complete(self._serve())
        finally:
            for connection in list(self.connections):
                connection.transport.abort()
            self.loop.run_until_complete(_cancel_tasks())
            self.loop.close()

    def connection_began(self, connection: Connection) -> None:
        """Count a connection; beyond the limit, close the one that has been idle for longest.

        If none is idle, close a slow one, so that slow clients cannot keep others out.
        """
        if len(self.connections) >= self._connections_max:
            idle = [each for each in self.connections if each.is_idle]
            slow = [each for each in self.connections if each.waits_for_peer]
            last = min(idle or slow or [connection], key=lambda each: each.active_at)
            last.transport.abort()
        self.connections.add(connection)

    def connection_ended(self, connection: Connection) -> None:
        self.connections.discard(connection)
        shares.add(self.share, -1)

    def request_ended(self) -> None:
        """Count a request, and stop after those of --max-requests."""
        self.nr += 1
        if self.nr >= self.max_requests:
            self.alive = False

    async def _serve(self) -> None:
        shares.begin(self.share)
        listeners = [
            Listener(sock.sock, partial(Connection, self), self.share) for sock in self.sockets
        ]
        sweep_at = 0.0
        while self.alive and self.ppid == os.getppid():
            self.notify()
            hooks.tick()
            if self._is_relieved():
                break
            if self.loop.time() >= sweep_at:
                sweep_at = self.loop.time() + SWEEP_SECONDS
                self._sweep()
            await asyncio.sleep(TICK_SECONDS)
        hooks.stopping()
        for listener in listeners:
            await listener.close()
        shares.end(self.share)
        await self._drain()

    def _is_relieved(self) -> bool:
        if self._relieved_by is None:
            return False
        return not shares.is_any_starting() or time.monotonic() > self._relieved_by

    def _sweep(self) -> None:
        """Close silent connections, and renew the Date header."""
        self.state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        for connection in list(self.connections):
            connection.close_if_late(self.loop.time())

    async def _drain(self) -> None:
        """Let requests finish, at most for gunicorn's graceful_timeout."""
        self.alive = False  # responses from now on close their connections
        began = self.loop.time()
        for connection in self.connections:
            connection.close_after_response()
        while self.connections and self.loop.time() < began + self.cfg.graceful_timeout:
            if self._stops_quickly:
                return
            if self.loop.time() > began + LINGER_SECONDS:
                for connection in [each for each in self.connections if each.is_idle]:
                    connection.transport.close()
            self._sweep()
            self.notify()
            await asyncio.sleep(0.05)
        if self.connections:
            self.log.warning("Closing %d connections with requests", len(self.connections))


def _protocol_config(application: Any) -> Config:
    """Return uvicorn's configuration: its protocol only, neither its server nor its logs."""
    config = Config(
        application,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
    config.load()
    return config


async def _cancel_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=1.0)


def _new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _allow_connections(wanted: int) -> int:
    """Raise the soft limit of open files for `wanted` connections; return how many it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_DESCRIPTORS
    if resource.RLIM_INFINITY != soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - _OTHER_DESCRIPTORS)


def _keep_little_memory() -> None:
    """Make glibc return the memory of large arrays when they are freed.

    By default, glibc keeps ever larger blocks, and a worker stays as large as its largest request
    made it. All threads share one heap for small blocks: with one heap each, each would keep as
    much, and Python lets only one thread allocate at a time.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # musl has none
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)
        libc.mallopt(_M_TRIM_THRESHOLD, 4 * 1024 * 1024)
