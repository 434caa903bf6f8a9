"""HTTP requests, each with one deadline and a size limit for the whole answer.

No proxy that environment variables name is ever used: only one that the caller gives.
"""

import base64
import http.client
import io
import socket
import ssl
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from functools import partial
from typing import Any

from nacos_integration import address

CONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class Response:
    """An answer; `body` is cut at `max_bytes`."""

    status: int
    headers: Message
    body: bytes


def get(
    server: str, path: str, *, seconds: float, max_bytes: int, tls: ssl.SSLContext | None = None
) -> Response:
    """Return the answer of `server`, an `ip:port`, within `seconds`; see `request`."""
    return request("GET", server, path, seconds=seconds, max_bytes=max_bytes, tls=tls)


def request(
    method: str,
    server: str,
    path: str,
    *,
    seconds: float,
    max_bytes: int,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    tls: ssl.SSLContext | None = None,
    proxy: str = "",
) -> Response:
    """Return the answer of `server`, a `host:port`, within `seconds`.

    `proxy` is a URL; through it the request goes as in `connection_problem`. Raises TimeoutError,
    another OSError if there is no connection, or ValueError if the answer is not HTTP.
    """
    deadline = time.monotonic() + seconds
    connection = _connection(server, seconds, tls, proxy)
    # http.client limits each read only, so a slow sender could keep a caller for ever.
    connection.response_class = partial(_Response, deadline)  # type: ignore[assignment]
    try:
        connection.request(method, path, body, headers or {})
        with connection.getresponse() as response:
            return Response(response.status, response.headers, response.read(max_bytes))
    except http.client.HTTPException as error:
        raise ValueError(f"not HTTP: {error!r}") from error
    finally:
        connection.close()


def connection_problem(server: str, proxy: str = "") -> Exception | None:
    """Return why a TCP connection to a `host:port` fails, None if it does not.

    With `proxy`, a URL, it is a tunnel that the proxy is asked for by CONNECT.
    """
    connection = _connection(server, CONNECT_SECONDS, None, proxy)
    try:
        connection.connect()
    except (OSError, http.client.HTTPException) as error:
        return error
    finally:
        connection.close()
    return None


def _connection(
    server: str, seconds: float, tls: ssl.SSLContext | None, proxy: str
) -> http.client.HTTPConnection:
    through = address.split_proxy(proxy) if proxy else None
    first = f"{through.hostname}:{through.port}" if through else server
    connection = (
        http.client.HTTPSConnection(first, timeout=seconds, context=tls)
        if tls
        else http.client.HTTPConnection(first, timeout=seconds)
    )
    if through:
        user = through.netloc.rpartition("@")[0]
        basic = f"Basic {base64.b64encode(urllib.parse.unquote(user).encode()).decode()}"
        connection.set_tunnel(server, headers={"Proxy-Authorization": basic} if user else {})
    return connection


class _Response(http.client.HTTPResponse):
    def __init__(self, deadline: float, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Reader(deadline, sock))


class _Reader(io.RawIOBase):
    def __init__(self, deadline: float, sock: socket.socket) -> None:
        self._deadline = deadline
        self._sock = sock
        # Keeps the connection open until this is closed, as http.client's own file does.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()
