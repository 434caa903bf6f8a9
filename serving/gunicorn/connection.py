"""All overrides and uses of private names of gunicorn, for the release GUNICORN_RELEASE.

| of gunicorn | here | why |
|---|---|---|
| `ASGIWorker._serve` | overridden | the listeners and the end of a worker are our own |
| `ASGIWorker._quick_shutdown` | set | at the end, gunicorn then waits for no task |
| `ASGIProtocol._feed_callback_parser` | overridden | 400 where int() refuses a length |
| `ASGIProtocol._on_headers_complete` | overridden | the time limit of the first head ends |
| `ASGIProtocol._is_websocket_upgrade` | overridden | there are no WebSockets |
| `ASGIProtocol._send_response_start` | overridden | sees which answer is the last one |
| `ASGIProtocol._serve_http_request` | overridden | no task per request; ends after the last |
| `ASGIProtocol._build_http_scope` | overridden | tells the bridge when the connection is lost |
| `ASGIProtocol._send_error_response` | overridden | malformed HTTP gets a problem document |
| `ASGIProtocol._handle_http_request` | called | a request without a task of its own |
| `ASGIProtocol._awaiting_request`, `_request_ready` | used | closes idle connections |
| `ASGIProtocol._close_transport`, `_safe_write` | called | closes, answers what is no request |
"""

import asyncio
from typing import Any, Final

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers.gasgi import ASGIWorker

from serving import conf
from serving.gunicorn.listener import shares

# Before changing it, compare the table above with the new release and run tests/e2e.
GUNICORN_RELEASE: Final = "27.0.1"


class PublicWorker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own asyncio worker, with public names for what a subclass replaces."""

    async def _serve(self) -> None:
        await self.serve()

    async def serve(self) -> None:
        """Serve until the worker is to stop."""
        raise NotImplementedError

    @property
    def stops_quickly(self) -> bool:
        """Whether requests are not waited for."""
        return bool(self._quick_shutdown)

    @stops_quickly.setter
    def stops_quickly(self, value: bool) -> None:
        self._quick_shutdown = value


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
            conf.load().read_timeout_seconds.value, self._head_is_late
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
        seconds = conf.load().read_timeout_seconds.value
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
            {}, status, problems.code_of(status), message or "malformed HTTP request"
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
