"""HTTP as no library sends it: never read, never ended, or many requests at once."""

import select
import socket
from collections.abc import Iterable

HOST = "127.0.0.1"


def connected(port: int, *, receive_buffer: int | None = None) -> socket.socket:
    """Return a connection; a small receive buffer is soon full if nothing is read."""
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(20)
    connection.connect((HOST, port))
    return connection


def head(method: str, path: str, **fields: object) -> bytes:
    """Return the head of a request; underscores in the names of fields are hyphens."""
    given = {"Host": HOST, "Content_Type": "application/json", **fields}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode()


def status_of(connection: socket.socket) -> str:
    """Return the status of the next response, or how the connection ended instead."""
    received = b""
    try:
        while b"\r\n" not in received:
            piece = connection.recv(65536)
            if not piece:
                return "closed"
            received += piece
    except TimeoutError:
        return "no answer"
    except OSError:
        return "reset"
    return received[9:12].decode()


def send_until_answered(connection: socket.socket, pieces: Iterable[bytes]) -> str:
    """Send until all is sent or a response arrives; return its status."""
    try:
        for piece in pieces:
            if select.select([connection], [], [], 0)[0]:
                break
            connection.sendall(piece)
    except OSError:
        pass  # the response may have arrived before
    return status_of(connection)


def read_to_the_end(connection: socket.socket) -> int:
    """Return how many bytes still arrive until the connection ends, however it ends."""
    received = 0
    try:
        while piece := connection.recv(1024 * 1024):
            received += len(piece)
    except OSError:
        pass
    return received
