"""The gunicorn worker: connections on an event loop, Django in threads."""

import asyncio
import ctypes
import gc
import os
import signal
import sys
from functools import partial
from typing import Any, Final

from django.conf import settings
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

from serving.gunicorn.listener import Listener, shares

# How long a stopping worker keeps connections without a request: the caller may have sent one.
LINGER_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.2
# From glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


class Worker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own asyncio worker, for a WSGI application.

    Its threads only ever see whole requests. A connection has `HTTP_READ_TIMEOUT_SECONDS` to send
    the head of its first request, and gunicorn's `keepalive` for the next ones. On SIGTERM, or
    after --max-requests, what was sent is answered.
    """

    def load_wsgi(self) -> None:
        _keep_little_memory()  # before there are threads
        super().load_wsgi()
        # Here and not above: with --preload the settings may not be loaded before the application.
        from clustering.history.writer import history_writer
        from nacos_integration.state.worker_reports import WorkerReport
        from serving import status_titles
        from serving.bridge import Bridge

        self.asgi = Bridge(self.app.wsgi())
        self.connections: set[Connection] = set()
        history_writer.start()
        status_titles.load()
        self.report = WorkerReport()
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
        self._quick_shutdown = number != signal.SIGTERM

    async def _serve(self) -> None:
        shares.begin(self.share)
        self.servers = [
            Listener(sock.sock, partial(Connection, self), self.share) for sock in self.sockets
        ]
        while self.alive and self.ppid == os.getppid():
            self.notify()
            self.report.keep()
            await asyncio.sleep(POLL_SECONDS)
        self.report.remove()
        await self._shutdown()

    async def _shutdown(self) -> None:
        self.alive = False  # makes answers say that the connection will be closed
        for server in self.servers:
            server.close()
        began = self.loop.time()
        while self.connections and self.loop.time() < began + self.cfg.graceful_timeout:
            if self._quick_shutdown:
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


class Connection(ASGIProtocol):  # type: ignore[misc]  # gunicorn has no types
    """One connection, whose first request must come in time."""

    _head_timer: asyncio.TimerHandle | None = None
    _closes = False

    def connection_made(self, transport: Any) -> None:
        self._lost = self.worker.loop.create_future()
        super().connection_made(transport)
        self.worker.connections.add(self)
        if len(self.worker.connections) > self.cfg.worker_connections:
            # Beyond, the process would run out of file descriptors and could accept nobody.
            transport.abort()
            return
        self._head_timer = self.worker.loop.call_later(
            settings.HTTP_READ_TIMEOUT_SECONDS, self._head_is_late
        )

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self.worker.connections:
            self.worker.connections.discard(self)
            shares.add(self.worker.share, -1)
        self._forget_timer()
        if not self._lost.done():
            self._lost.set_result(None)
        super().connection_lost(exc)

    def close_if_idle(self) -> None:
        """Close unless a request is being received or answered."""
        if self._awaiting_request:
            self._close_transport()

    def _feed_callback_parser(self, data: bytes) -> bool:
        try:
            return bool(super()._feed_callback_parser(data))
        except ValueError:  # of int(), for a length of thousands of digits
            self._send_error_response(400, "Invalid Content-Length value")
            self._close_transport()
            return False

    def _on_headers_complete(self) -> Any:
        self._forget_timer()
        return super()._on_headers_complete()

    def _is_websocket_upgrade(self, request: Any) -> bool:
        """There are none: who asks for one gets the answer to a plain request (RFC 9110, 7.8)."""
        return False

    def _send_response_start(
        self, status: int, headers: list[tuple[bytes, bytes]], request: Any, close: bool = False
    ) -> None:
        self._closes = self._closes or (b"connection", b"close") in headers
        super()._send_response_start(status, headers, request, close)

    async def _serve_http_request(self, request: Any, sockname: Any, peername: Any) -> bool:
        """Return whether the connection is kept, which is not so once an answer said otherwise."""
        # Without the task that gunicorn makes for applications that go on after their answer.
        is_kept = await self._handle_http_request(request, sockname, peername)
        return is_kept and not self._closes

    def _build_http_scope(self, request: Any, sockname: Any, peername: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._build_http_scope(request, sockname, peername)
        scope["extensions"] = {"connection_lost": self._lost}
        return scope

    def _forget_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        seconds = settings.HTTP_READ_TIMEOUT_SECONDS
        self._send_error_response(408, f"no request arrived within {seconds:g} s")
        self._close_transport()
        self._request_ready.set()

    def _send_error_response(
        self, status: int, message: str, extra_headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Answer what is not even a request with a problem document as well."""
        from serving import problems, request_context

        caller = request_context.identify({})
        token = request_context.current.set(caller)
        response = problems.respond(
            {}, status, problems.code_of(status), message or "this is not HTTP as it should be"
        )
        request_context.current.reset(token)
        lines = [
            f"HTTP/1.1 {status} {response.reason_phrase}",
            *(f"{name}: {value}" for name, value in response.items()),
            f"X-Request-ID: {caller.request_id}",
            *(f"{name}: {value}" for name, value in extra_headers),
            "Connection: close",
        ]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self._safe_write(head + response.content)
