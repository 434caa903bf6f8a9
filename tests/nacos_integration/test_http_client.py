"""One deadline for the whole answer, whatever a server sends."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nacos_integration import http_client
from nacos_integration.http_client import Response


@contextmanager
def sending(*pieces: bytes, pause: float = 0.0) -> Iterator[str]:
    """Send the pieces to the first who connects, with pauses between; yield the address."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def send() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                for piece in pieces:
                    connection.sendall(piece)
                    if over.wait(pause):
                        return

        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            sender.join()


def get(address: str, seconds: float = 5.0) -> Response:
    return http_client.get(address, "/", seconds=seconds, max_bytes=10)


@pytest.mark.parametrize("length", [b"", b"Content-Length: 12\r\n"])
def test_an_answer_is_cut_at_the_limit(length: bytes) -> None:
    with sending(b"HTTP/1.1 404 Not Found\r\nDate: today\r\n" + length, b"\r\n0123456789ab") as at:
        answer = get(at)
    assert (answer.status, answer.headers["Date"], answer.body) == (404, "today", b"0123456789")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_slow_sender_has_one_deadline(head: bytes) -> None:
    started = time.monotonic()
    with sending(head, *[b"x"] * 100, pause=0.05) as at, pytest.raises(TimeoutError):
        get(at, seconds=0.3)
    assert time.monotonic() - started < 2


def test_another_protocol_is_a_value_error() -> None:
    with sending(b"220 mail.example ESMTP\r\n") as at, pytest.raises(ValueError, match="not HTTP"):
        get(at)


def test_nobody_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        at = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(ConnectionRefusedError):
        get(at)
