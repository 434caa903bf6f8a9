"""What the agent makes of the answers of its own address; a stranger there is not us."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from nacos_integration import conf
from nacos_integration.agent import probe
from nacos_integration.agent.probe import Answer


@contextmanager
def answering(
    status: int, body: bytes, address: tuple[str, int] = ("127.0.0.1", 0)
) -> Iterator[int]:
    """Serve one answer for everything; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(address, Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def check(port: int) -> Answer:
    return probe.check(replace(conf.load(), launch_id="ours"), f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"launch_id": "ours", "serves": True}, Answer.READY),
        (503, {"launch_id": "ours", "serves": True}, Answer.READY),
        (503, {"launch_id": "ours", "serves": False}, Answer.NOT_READY),
        (200, {"launch_id": "of another", "serves": True}, Answer.STRANGER),
        (200, {"status": "UP"}, Answer.STRANGER),
        (404, [], Answer.STRANGER),
    ],
)
def test_by_answer(status: int, body: object, expected: Answer) -> None:
    with answering(status, json.dumps(body).encode()) as port:
        assert check(port) is expected


def test_another_protocol_is_a_stranger() -> None:
    with answering(200, b"<html>") as port:
        assert check(port) is Answer.STRANGER


def test_nobody_and_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert check(port) is Answer.TIMEOUT
    assert check(port) is Answer.REFUSED
