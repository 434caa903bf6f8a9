"""Runs a WSGI application (PEP 3333) for an ASGI scope, one block of the response at a time."""

import sys
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from django.db import close_old_connections

from serving import forwarded
from serving.bodies import Message
from serving.contract import Environ

Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

# A block is sent once it has so many bytes, or took so long.
BLOCK_BYTES: Final = 256 * 1024
BLOCK_SECONDS: Final = 1.0


class Response:
    """The response to one request; `next_messages` may be called from any thread, one at a time."""

    def __init__(self, application: Application, environ: Environ) -> None:
        self._application = application
        self._environ = environ
        self._iterable: Iterable[bytes] = ()
        self._chunks: Iterator[bytes] | None = None
        self._block_bytes = BLOCK_BYTES
        self._start: Message = {}
        self.is_complete = False

    def next_messages(self) -> list[Message]:
        """Return the ASGI messages of the next block; the first time, run the application.

        If the application fails, the response is closed.
        """
        try:
            return self._next_messages()
        except BaseException:
            self.close()
            raise

    def _next_messages(self) -> list[Message]:
        messages = []
        is_head = self._environ["REQUEST_METHOD"] == "HEAD"
        if self._chunks is None:
            self._iterable = self._application(self._environ, self._start_response)
            if not getattr(self._iterable, "streaming", True):
                # Django has all of it in memory, and one block needs no second thread.
                self._block_bytes = sys.maxsize
            self._chunks = iter(() if is_head else self._iterable)
            messages.append(self._start)
        block = self._next_block(self._chunks)
        if not self.is_complete:
            # Another thread may make the next block, and end the response.
            close_old_connections()
        elif messages and not is_head:
            self._announce(len(block))
        messages.append(body_message(block, more=not self.is_complete))
        if self.is_complete:
            self.close()
        return messages

    def _announce(self, size: int) -> None:
        """Add Content-Length; otherwise the body would be chunked, which HTTP/1.0 does not know."""
        has_body = self._start["status"] not in (204, 304)
        if has_body and b"content-length" not in {n for n, _ in self._start["headers"]}:
            self._start["headers"].append((b"content-length", b"%d" % size))

    def close(self) -> None:
        """End the response, complete or not; the application frees what it holds."""
        iterable, self._iterable = self._iterable, ()
        if hasattr(iterable, "close"):
            iterable.close()

    def _start_response(self, status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
        encoded = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]
        self._start = {
            "type": "http.response.start",
            "status": int(status[:3]),
            "headers": encoded,
        }

    def _next_block(self, chunks: Iterator[bytes]) -> bytes:
        block: list[bytes] = []
        size = 0
        due = time.monotonic() + BLOCK_SECONDS
        for chunk in chunks:
            block.append(chunk)
            size += len(chunk)
            if size >= self._block_bytes or (size and time.monotonic() > due):
                break
        else:
            self.is_complete = True
        return b"".join(block)


def body_message(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def environ_of(scope: Message) -> Environ:
    """Return the WSGI environ of an ASGI scope."""
    server, client = scope["server"] or ("", 0), scope["client"] or ("", 0)
    target: bytes = scope["extensions"]["target"]
    authority, path = _split(target.partition(b"?")[0])
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": urllib.parse.unquote_to_bytes(path).decode("latin-1"),
        "RAW_URI": target.decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "CONTENT_LENGTH": "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:
            continue  # it would be taken for the field with a hyphen, which proxies check
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        if name not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            name = f"HTTP_{name}"
        value = raw_value.decode("latin-1")
        # A list may come in several headers.
        separator = "; " if name == "HTTP_COOKIE" else ","
        environ[name] = f"{environ[name]}{separator}{value}" if environ.get(name) else value
    if authority:
        environ["HTTP_HOST"] = authority.decode("latin-1")
    forwarded.apply(environ)
    return environ


def _split(target: bytes) -> tuple[bytes, bytes]:
    """Return authority and path of a request target; proxies may send both (RFC 9112, 3.2.2)."""
    if target.startswith(b"/") or b"://" not in target:
        return b"", target
    authority, slash, path = target.partition(b"://")[2].partition(b"/")
    return authority, (slash + path) or b"/"
