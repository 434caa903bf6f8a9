"""A GET over HTTP, with one deadline and a size limit for the whole answer."""

import http.client
import io
import socket
import ssl
import time
from dataclasses import dataclass
from email.message import Message
from functools import partial
from typing import Any


@dataclass(frozen=True)
class Response:
    """An answer; `body` is cut at `max_bytes`."""

    status: int
    headers: Message
    body: bytes


def get(
    address: str, path: str, *, seconds: float, max_bytes: int, tls: ssl.SSLContext | None = None
) -> Response:
    """Return the answer of `address`, an `ip:port`, within `seconds`.

    Raises TimeoutError, another OSError if there is no connection, or ValueError if the answer is
    not HTTP.
    """
    deadline = time.monotonic() + seconds
    connection = (
        http.client.HTTPSConnection(address, timeout=seconds, context=tls)
        if tls
        else http.client.HTTPConnection(address, timeout=seconds)
    )
    # http.client limits each read only, so a slow sender could keep a caller for ever.
    connection.response_class = partial(_Response, deadline)  # type: ignore[assignment]
    try:
        connection.request("GET", path)
        with connection.getresponse() as response:
            return Response(response.status, response.headers, response.read(max_bytes))
    except http.client.HTTPException as error:
        raise ValueError(f"not HTTP: {error!r}") from error
    finally:
        connection.close()


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
