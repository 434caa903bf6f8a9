"""Clients that do not read, do not end, or do nothing."""

import contextlib
import resource
import selectors
import socket
import threading
import time
from collections.abc import Iterator

from tests.support.attack import API, STATIC, Scene
from tests.support.raw_clients import connected, head
from tests.support.waiting import wait_until

MB = 1_000_000
SMALL_BUFFER = 4096
# Far beyond the timeout, since a busy machine is slow to start writing.
CLOSED_SECONDS = 30.0


@contextlib.contextmanager
def _connections(
    scene: Scene, count: int, receive_buffer: int | None = None
) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        port = scene.service.port
        yield [
            stack.enter_context(connected(port, receive_buffer=receive_buffer))
            for _ in range(count)
        ]


def unread_responses(scene: Scene) -> None:
    """150 connections pipeline six requests for a large file each, and read nothing."""
    scene.start(HTTP_WRITE_TIMEOUT_SECONDS="2")
    requests = 6 * head("GET", STATIC)
    with scene.watched(), _connections(scene, 150, SMALL_BUFFER) as connections:
        for connection in connections:
            connection.sendall(requests)
        time.sleep(scene.seconds)
        with contextlib.suppress(AssertionError):  # reported below
            wait_until(lambda: scene.open_connections() < 5, CLOSED_SECONDS)
        kept = scene.open_connections()
        scene.outcome.answers["closed"] = max(0, len(connections) - kept)
    scene.check(kept < 5, f"{kept} connections are kept")


def tiny_chunks(scene: Scene) -> None:
    """Two connections send a body in chunks of one byte."""
    scene.start()
    chunks = b"1\r\n \r\n" * 20_000
    end = time.monotonic() + scene.seconds

    def send(connection: socket.socket) -> None:
        connection.sendall(head("POST", API, Transfer_Encoding="chunked"))
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                connection.sendall(chunks)
                scene.outcome.answers["MB sent"] += len(chunks)

    with scene.watched(growth_max=60 * MB), _connections(scene, 2) as connections:
        end = time.monotonic() + scene.seconds
        senders = [threading.Thread(target=send, args=[each]) for each in connections]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    scene.outcome.answers["MB sent"] //= MB


def unread_pipelines(scene: Scene) -> None:
    """100 connections pipeline `GET /livez` as long as they can, and read nothing."""
    scene.start(HTTP_WRITE_TIMEOUT_SECONDS="2")
    requests = 1000 * head("GET", "/livez")
    with (
        scene.watched(growth_max=150 * MB),
        _connections(scene, 100, SMALL_BUFFER) as connections,
        selectors.DefaultSelector() as selector,
    ):
        for connection in connections:
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_WRITE)
        sent = 0
        end = time.monotonic() + scene.seconds
        while (left := end - time.monotonic()) > 0:
            for key, _ in selector.select(min(left, 0.1)):
                assert isinstance(key.fileobj, socket.socket)
                try:
                    sent += key.fileobj.send(requests)
                except BlockingIOError:
                    pass
                except OSError:
                    selector.unregister(key.fileobj)
    scene.outcome.answers["MB sent"] = sent // MB


def idle_connections(scene: Scene) -> None:
    """One client opens 2,200 connections, which is more than two workers keep, and is silent."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    scene.start()
    with scene.watched(), _connections(scene, 2200) as connections:
        time.sleep(scene.seconds)
        for connection in connections:
            connection.setblocking(False)
            try:
                is_open = connection.recv(1) != b""
            except BlockingIOError:
                is_open = True
            except ConnectionResetError:
                is_open = False
            scene.outcome.answers["kept" if is_open else "closed"] += 1
    scene.check(scene.outcome.answers["closed"] >= 200, "more are kept than two workers may")
