"""One connection: uvicorn's HTTP/1.1 protocol, with a bound on every resource.

uvicorn parses with llhttp, the parser of Node. It wakes its writers when a connection is lost, and
keeps requests and responses in step. It bounds neither the size of a head, nor the requests that a
client pipelines, nor the time of a client that does not read. `Connection` overrides:

| method | why |
|---|---|
| `connection_made` | the worker counts connections; reading stays paused while much is unparsed |
| `connection_lost` | the worker counts connections; the bridge learns the end |
| `eof_received` | finishes a response that has begun |
| `data_received` | parses one request at a time, and bounds what it parses |
| `on_message_begin`, `on_url`, `on_header`, `on_headers_complete` | limits; ignores trailers |
| `on_body`, `on_message_complete` | notice the end of a body |
| `on_response_complete` | counts requests, and parses the next one without a timer per request |

None of these names is private. They were written for UVICORN_RELEASE.
"""

import asyncio
import re
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol

import httptools
from uvicorn import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

# Before changing it, compare the table above with the new release, and run tests/e2e and
# tests/attacks.
UVICORN_RELEASE: Final = "0.54.0"
# A whole head, or the trailers or the chunk extensions of one body.
HEAD_MAX_BYTES: Final = 64 * 1024
# After a chunked body only the parser knows where the next request begins, so it may parse several
# from one read.
PIPELINED_MAX: Final = 16
# Its path is `/` (RFC 9112, 3.2.2); uvicorn fails without one.
_TARGET_WITHOUT_PATH: Final = re.compile(rb"^[A-Za-z]+://[^/?#]+(?=[?#]|$)")


class Limits(NamedTuple):
    """The limits of one connection; sizes in bytes."""

    request_line: int
    fields: int
    field_size: int
    read_seconds: float
    write_seconds: float
    keepalive_seconds: float


class Owner(Protocol):
    """What a connection needs of its worker."""

    alive: bool
    limits: Limits
    config: Config
    state: ServerState
    loop: asyncio.AbstractEventLoop

    def connection_began(self, connection: "Connection") -> None: ...
    def connection_ended(self, connection: "Connection") -> None: ...
    def request_ended(self) -> None: ...


class RefusedError(Exception):
    """A request that never reaches the application, with the status and the reason."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class _Flow(FlowControl):
    """Resumes reading only if little is unparsed; uvicorn resumes it for each request."""

    def __init__(self, connection: "Connection") -> None:
        super().__init__(connection.transport)
        self._connection = connection

    def resume_reading(self) -> None:
        if len(self._connection.unparsed) <= HIGH_WATER_LIMIT:
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """One connection; use it on the event loop only."""

    transport: asyncio.Transport

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner.config, owner.state, {}, owner.loop)
        self._owner = owner
        self._limits = owner.limits
        self._lost: asyncio.Future[None] = owner.loop.create_future()
        self.unparsed = b""
        # Of the request that is being received.
        self._in_head = self._in_body = False
        self._fields = 0
        # Bytes of the body that are missing; None if it is chunked.
        self._missing: int | None = 0
        # Bytes since the last part of a body or the last end of a head.
        self._overhead = 0
        self._has_served = False
        # The request that the application answers; `cycle` is the last one that was received.
        self._running: RequestResponseCycle | None = None
        # The loop's time of the last progress in reading, and in writing with what was unsent then.
        self.active_at = self._sent_at = owner.loop.time()
        self._unsent = 0

    @property
    def is_idle(self) -> bool:
        """Whether no request is being received or answered."""
        return not (self._in_head or self._in_body or self._is_answering)

    @property
    def waits_for_peer(self) -> bool:
        """Whether the peer has something to send or to read."""
        return self._in_head or self._in_body or bool(self._unsent)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client:
            # So a socket for IPv6 reports a caller by IPv4 (RFC 4291, 2.5.5.2).
            self.client = self.client[0].removeprefix("::ffff:"), self.client[1]
        self.flow = _Flow(self)
        self._owner.connection_began(self)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Return whether to keep the connection for a response that has begun.

        Else the caller is taken to be gone, which nothing but this may show for a long time.
        """
        if not self.pipeline and self._running and self._running.response_started:
            self.close_after_response()
            return self._is_answering
        self._abandon()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.connection_ended(self)
        self.unparsed = b""
        self._abandon()
        if not self._lost.done():
            self._lost.set_result(None)
        super().connection_lost(exc)

    def close_if_late(self, now: float) -> None:
        """Close the connection if the peer has been silent for too long."""
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent = unsent
            self._sent_at = self.active_at = now
        silent_seconds = now - self.active_at
        if unsent or self.transport.is_closing():
            # What the peer sends meanwhile is no sign that it reads.
            if now - self._sent_at > self._limits.write_seconds:
                self.transport.abort()
        elif self._is_answering:
            pass  # the bridge has deadlines of its own
        elif self._in_head or not self._has_served:
            if silent_seconds > self._limits.read_seconds:
                limit = f"{self._limits.read_seconds:g} s"
                self._refuse(RefusedError(408, f"no request arrived within {limit}"))
        elif silent_seconds > self._limits.keepalive_seconds:
            self.transport.close()

    def _abandon(self) -> None:
        """Send nothing more of the response."""
        if self._running:
            self._running.disconnected = True
            self._running.message_event.set()

    def close_after_response(self) -> None:
        """Accept no further request."""
        if self._is_answering:
            self.cycle.keep_alive = False

    def data_received(self, data: bytes) -> None:
        if not self._in_head:  # a head has one deadline, however many pieces it comes in
            self.active_at = self.loop.time()
        self.unparsed = self.unparsed + data if self.unparsed else data
        self._parse()

    def _parse(self) -> None:
        """Parse up to the end of one request; the next one waits for the response."""
        try:
            while self.unparsed and not self.transport.is_closing():
                if self._is_answering and not self._in_body:
                    break
                size = self._next_size()
                piece, self.unparsed = self.unparsed[:size], self.unparsed[size:]
                self._feed(piece)
        except RefusedError as refused:
            self._refuse(refused)
        if len(self.unparsed) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def _next_size(self) -> int:
        """Return how many of the unparsed bytes are known to belong to one request."""
        if self._in_body:
            return len(self.unparsed) if self._missing is None else self._missing
        end = self.unparsed.find(b"\r\n\r\n")
        return len(self.unparsed) if end < 0 else end + 4

    def _feed(self, piece: bytes) -> None:
        self._overhead += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            # No protocol is upgraded to, so this is a plain request (RFC 9110, 7.8). The parser has
            # skipped its body, so it parses the head again.
            self._overhead = 0
            self.unparsed = self._head_without_upgrade() + piece[upgrade.args[0] :] + self.unparsed
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, RefusedError):
                raise error.__context__ from None
            raise RefusedError(400, f"malformed HTTP request: {error}") from None
        if self._overhead > HEAD_MAX_BYTES:
            raise RefusedError(431, f"more than {HEAD_MAX_BYTES} bytes of header or trailer fields")

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % field for field in self.headers if field[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= PIPELINED_MAX:
            raise RefusedError(400, f"more than {PIPELINED_MAX} pipelined requests")
        super().on_message_begin()
        self._in_head = True
        self._fields = self._missing = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._limits.request_line:
            raise RefusedError(414, f"a target of more than {self._limits.request_line} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        if self._fields > self._limits.fields:
            raise RefusedError(431, f"more than {self._limits.fields} header or trailer fields")
        if len(name) + len(value) > self._limits.field_size:
            raise RefusedError(431, f"a field of more than {self._limits.field_size} bytes")
        if self._in_head:  # trailers are ignored
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.get_method() == b"CONNECT":
            raise RefusedError(405, "CONNECT is not supported")
        if self.parser.should_upgrade():
            return  # `_feed` has the head parsed again
        self._in_head = False
        self._overhead = 0
        self._missing = self._body_size()
        self._in_body = True
        extensions: Any = {"connection_lost": self._lost, "target": self.url}
        self.scope["extensions"] = extensions
        self.url = _TARGET_WITHOUT_PATH.sub(rb"\g<0>/", self.url)
        super().on_headers_complete()
        if not self._owner.alive or not self._limits.keepalive_seconds:
            self.cycle.keep_alive = False
        if not self.pipeline:
            self._running = self.cycle

    def _body_size(self) -> int | None:
        """Return the announced size of the body, None if it is chunked; raise RefusedError."""
        fields = dict(self.headers)
        hosts = sum(name == b"host" for name, _ in self.headers)
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise RefusedError(505, "only HTTP/1.0 and HTTP/1.1 are supported")
        if version == "1.0":
            self.expect_100_continue = False  # RFC 9110, 10.1.1
        if hosts > 1 or (version == "1.1" and not hosts):
            raise RefusedError(400, "not exactly one Host header")
        if fields.get(b"expect", b"100-continue").lower() != b"100-continue":
            raise RefusedError(417, "only `Expect: 100-continue` is supported")
        if b"transfer-encoding" not in fields:
            return int(fields.get(b"content-length", b"0"))
        if version == "1.0":
            raise RefusedError(400, "Transfer-Encoding in an HTTP/1.0 request")
        return None

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        self.active_at = self.loop.time()
        if self._missing is not None:
            self._missing -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._in_body = False
        self._overhead = 0
        super().on_message_complete()
        # Else a client that leaves while its request waits would not be noticed.
        self.flow.resume_reading()

    def on_response_complete(self) -> None:
        self._has_served = True
        self.active_at = self.loop.time()
        self._owner.request_ended()
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._running = self.pipeline[-1][0]
            super().on_response_complete()  # starts the next one
            return
        self.flow.resume_reading()
        if self.unparsed:
            self.loop.call_soon(self._parse)

    def _refuse(self, refused: RefusedError) -> None:
        """Send a problem document, unless a response has begun, and close the connection."""
        self._in_head = self._in_body = False
        self.unparsed = b""
        has_begun = self.pipeline or (self._is_answering and self.cycle.response_started)
        self._abandon()
        if has_begun:
            self.transport.close()
            return
        # Not imported above: it needs the settings, which --preload loads later.
        from serving.problems import respond_without_request

        response = respond_without_request(refused.status, str(refused))
        lines = [
            f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}",
            *(f"{name}: {value}" for name, value in response.items()),
            "Connection: close",
        ]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.transport.write(head + response.content)
        self.transport.close()
