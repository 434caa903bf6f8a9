"""The log of the service: one format for every line, and no duplicates."""

import collections
import json
import os
import pty
import re
import signal
import subprocess
import urllib.request
from typing import Any

import psutil
import pytest

from tests.support.service import GUNICORN, PYTHON, ROOT, SERVE, Service
from tests.support.waiting import wait_until

REQUEST_ID = "order-4711"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def events(service: Service) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.log().splitlines()]


def call(service: Service) -> None:
    body = json.dumps({"points": [[1, 2], [2, 3], [9, 9], [10, 11]]}).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Request-ID": REQUEST_ID,
        "traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01",
    }
    url = f"http://127.0.0.1:{service.port}/api/skl-kmeans"
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("command", [SERVE, (*GUNICORN, "--preload")], ids=" ".join)
def test_every_line_is_an_event(service: Service, command: tuple[str, ...]) -> None:
    service.start(command)
    service.wait_until_it_answers()
    call(service)
    assert service.process
    (victim, *_) = [
        process
        for process in psutil.Process(service.process.pid).children(recursive=True)
        if not process.children()
    ]
    victim.send_signal(signal.SIGKILL)
    wait_until(lambda: f"Worker (pid:{victim.pid}) was sent SIGKILL!" in service.log(), 20)
    wait_until(lambda: service.log().count("Booting worker") == 3, 20)
    assert service.stop() == 0

    all_events = events(service)
    for event in all_events:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", event["time"])
        assert event["level"] in ("INFO", "WARNING", "ERROR")
        assert {"logger", "message", "process", "thread"} <= event.keys()
    assert {"gunicorn.error", "nacos_integration.agent.config_watcher"} <= {
        e["logger"] for e in all_events
    }
    of_request = [event for event in all_events if event.get("request_id") == REQUEST_ID]
    assert of_request
    assert {event["trace_id"] for event in of_request} == {TRACE_ID}
    times = collections.Counter((e["time"], e["process"], e["message"]) for e in all_events)
    assert max(times.values()) == 1, times.most_common(3)


def test_the_error_that_stops_serve_is_an_event(service: Service) -> None:
    refused = service.manage("serve")
    messages = [json.loads(line)["message"] for line in refused.stderr.splitlines()]
    assert any(f"run `{PYTHON} manage.py migrate` first" in message for message in messages)


def test_a_terminal_gets_text(service: Service) -> None:
    assert service.manage("migrate", "-v", "0").returncode == 0
    terminal, stderr = pty.openpty()
    service.process = subprocess.Popen(
        [PYTHON, *SERVE], cwd=ROOT, env=service.environment, stdout=stderr, stderr=stderr
    )
    os.close(stderr)
    service.wait_until_it_answers()
    call(service)
    assert service.stop() == 0
    lines = b""
    while chunk := read(terminal):
        lines += chunk
    os.close(terminal)
    assert f"(request {REQUEST_ID})" in lines.decode()
    for line in lines.decode().splitlines():
        # What has several lines, such as a warning with its place in the source, is indented.
        assert re.match(r"\S+\+00:00 (INFO|WARNING) [\w.]+ \[\d+\] |  |$", line), line


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # all that wrote to it are gone
        return b""


def test_the_output_of_a_command_stays_plain(service: Service) -> None:
    service.environment["LOG_FORMAT"] = "json"
    assert service.manage("check").stdout.startswith("System check identified no issues")
