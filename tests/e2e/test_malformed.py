"""The service answers any malformed request correctly, and continues."""

import contextlib
import http.client
import io
import itertools
import json
import re
import socket
import struct
import threading
import time
from typing import Any, NamedTuple

from tests.support import odd_requests
from tests.support.odd_requests import Attack
from tests.support.reference import REFERENCE_LABELS
from tests.support.service import ROOT, Service
from tests.support.workers import resident_bytes

ATTACKS = 10_000
CLIENTS = 8
# Until then the service makes its threads and whatever else it only makes once.
WARM_UP = 1500
GROWTH_MAX_BYTES = 50_000_000
# In which every request is answered, or its connection closed, on a busy machine.
PATIENCE_SECONDS = 20
ENOUGH = 10
FAREWELL = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
FAREWELL_ANSWER = (200, b'{"status": "ok"}')
INTERNALS = re.compile(rb"Traceback|site-packages|line \d+, in |" + re.escape(bytes(ROOT)))


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def read_answer(stream: io.BufferedIOBase, method: str) -> Answer | None:
    """Return the next answer, or None if the connection is closed."""
    line = stream.readline(1000)
    if not line:
        return None
    found = re.fullmatch(rb"HTTP/1\.[01] (\d{3}) [ -~]*\r\n", line)
    assert found, f"no status line: {line!r}"
    status = int(found[1])
    headers = http.client.parse_headers(stream)
    if method == "HEAD" or status < 200 or status in (204, 304):
        body = b""
    elif headers["Transfer-Encoding"] == "chunked":
        body = b""
        while size := int(stream.readline(100), 16):
            body += stream.read(size)
            assert stream.readline(10) == b"\r\n"
        assert stream.readline(10) == b"\r\n"
    else:
        length = int(headers["Content-Length"])
        body = stream.read(length)
        assert len(body) == length, "less than announced"
    return Answer(status, headers, body)


def fault_of(answer: Answer, attack: Attack) -> str:
    """Return the faults of the answer, empty if it is correct."""
    if answer.status >= 500 and answer.status not in attack.may_be:
        return "a fault of the service"
    if answer.status < 400 or attack.method == "HEAD":
        return ""
    if INTERNALS.search(answer.body):
        return "tells internals"
    if answer.headers["Content-Type"] != "application/problem+json":
        return f"is {answer.headers['Content-Type']}"
    problem: dict[str, Any] = json.loads(answer.body)
    is_right = (
        problem["status"] == answer.status
        and problem["type"].startswith("urn:skl-kmeans:problem:")
        and problem["title"]
        and problem["detail"]
        and problem["request_id"]
        and problem["request_id"] == answer.headers["X-Request-ID"]
    )
    return "" if is_right else "is no problem document as it should be"


def make(attack: Attack, port: int) -> str:
    """Send the requests of one attack, and return the faults of the answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
        # An answer may come before all is sent; then the connection is closed.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in attack.pieces:
                connection.sendall(piece)
                time.sleep(attack.pause)
        if attack.ending == "leave":
            return ""
        if attack.ending == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return ""
        if attack.ending == "half-close":
            connection.shutdown(socket.SHUT_WR)
        try:
            return _judge(attack, connection)
        except (BrokenPipeError, ConnectionResetError):
            return "" if not attack.must_be else "closed without an answer"
        except TimeoutError:
            return "neither answered nor closed"
        except (AssertionError, ValueError, KeyError, http.client.HTTPException) as error:
            return f"cannot be read: {error!r}"


def _judge(attack: Attack, connection: socket.socket) -> str:
    answers: list[Answer] = []
    said_farewell = False
    with connection.makefile("rb") as stream:
        while answer := read_answer(stream, "GET" if said_farewell else attack.method):
            if answer.status < 200:
                continue
            answers.append(answer)
            if fault := fault_of(answer, attack):
                return f"{fault}: {answer.status} {answer.body[:300]!r}"
            is_kept = answer.headers["Connection"] != "close"
            if is_kept and attack.ending == "read" and not said_farewell:
                said_farewell = True
                connection.sendall(FAREWELL)
    if answers and is_kept and attack.ending == "read":
        return f"closed unannounced after {answers[-1]}"
    said = [answer.status for answer in answers]
    if attack.must_be and not {*said[:1]} & {*attack.must_be}:
        return f"answered {said}"
    if len(answers) > attack.answers + said_farewell:
        return f"more answers than requests: {said}"
    if said_farewell and attack.answers == 1 and (said[-1], answers[-1].body) != FAREWELL_ANSWER:
        # It was kept, and so must be in step: what is asked next is what is answered next.
        return f"out of step: {said}, {answers[-1].body[:300]!r}"
    return ""


def test_ten_thousand_odd_requests(service: Service) -> None:
    """To repeat one of them, call `odd_requests.attack` with its number."""
    service.environment |= {
        "KMEANS_MAX_BODY_BYTES": str(odd_requests.MAX_BODY_BYTES),
        "HTTP_READ_TIMEOUT_SECONDS": str(odd_requests.READ_TIMEOUT_SECONDS),
    }
    service.start()
    service.wait_until_it_answers()
    wrong: list[str] = []

    def client(numbers: "itertools.count[int]", end: int) -> None:
        while (number := next(numbers)) < end and len(wrong) < ENOUGH:
            attack = odd_requests.attack(number)
            if fault := make(attack, service.port):
                wrong.append(f"{number} ({attack.category}): {fault}\n    {str(attack)[:1000]}")

    def run(start: int, end: int) -> None:
        numbers = itertools.count(start)
        clients = [threading.Thread(target=client, args=(numbers, end)) for _ in range(CLIENTS)]
        for each in clients:
            each.start()
        for each in clients:
            each.join()

    run(0, WARM_UP)
    before = resident_bytes(service)
    run(WARM_UP, ATTACKS)
    after = resident_bytes(service)

    assert not wrong, "\n".join(wrong)
    assert after.keys() == before.keys(), service.log()
    assert len(after) == 2
    for pid, size in after.items():
        assert size - before[pid] < GROWTH_MAX_BYTES
    for _ in range(10):
        assert service.labels() == REFERENCE_LABELS[3]
    assert service.stop() == 0
    for line in service.log().splitlines():
        event = json.loads(line)
        # Django's own word for what a caller did wrong; anything else is a fault of ours.
        assert "exception" not in event or event["logger"].startswith("django.security"), line
