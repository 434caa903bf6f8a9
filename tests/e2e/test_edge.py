"""What callers meet on the wire: bodies however they are sent, limits, and connections that end."""

import contextlib
import http.client
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.servers import require
from tests.support.service import GUNICORN, Service
from tests.support.waiting import wait_until

BODY = json.dumps({"points": REFERENCE_POINTS}).encode()
JSON = {"Content-Type": "application/json"}
# 1.6 MB
BUNDLE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
# A second or more of work in the lane of large requests.
LARGE = json.dumps({"points": [[i * 7919 % 10007, i * 104729 % 10009] for i in range(600_000)]})


@pytest.fixture
def edge(service: Service) -> Service:
    """An instance of one worker, not started yet, so that its queue is known."""
    service.environment["WORKERS"] = "1"
    return service


def start(service: Service, **environment: str) -> None:
    service.environment |= environment
    service.start()
    service.wait_until_it_answers()


@contextlib.contextmanager
def connected(service: Service) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        yield connection


def head(length: int | str, *more: str) -> bytes:
    lines = [
        "POST /api/skl-kmeans HTTP/1.1",
        "Host: a.service.of.the.mesh",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def answer(connection: socket.socket) -> tuple[http.client.HTTPResponse, bytes]:
    response = http.client.HTTPResponse(connection, method="POST")
    response.begin()
    return response, response.read()


def post(service: Service, body: bytes | str, **headers: str) -> tuple[int, dict[str, str], object]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("POST", "/api/skl-kmeans", body, JSON | headers)
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, dict(response.headers), content


def metric(service: Service, name: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_a_body_in_chunks_without_a_length_is_read(live: Service) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    chunks = (BODY[i : i + 7] for i in range(0, len(BODY), 7))
    connection.request("POST", "/api/skl-kmeans", chunks, JSON, encode_chunked=True)
    assert json.load(connection.getresponse()) == {"results": REFERENCE_LABELS[3]}
    connection.close()


def test_an_http_1_0_caller_gets_no_chunks(live: Service) -> None:
    with connected(live) as connection:
        # A redirect to the same path with a slash, for which Django sets no length.
        connection.sendall(b"GET /api/schema HTTP/1.0\r\n\r\n")
        response, content = answer(connection)
        assert (response.status, content) == (301, b"")
        assert response.headers["Transfer-Encoding"] is None
        assert response.headers["Content-Length"] == "0"


def test_an_http_1_0_caller_gets_no_100(live: Service) -> None:
    with connected(live) as connection:
        connection.sendall(head(len(BODY), "Expect: 100-continue").replace(b"1.1", b"1.0", 1))
        time.sleep(0.2)
        connection.sendall(BODY)
        assert connection.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("request_line", "body"),
    [
        ("GET /livez", b""),
        ("HEAD /livez", b""),
        ("GET /", b""),
        (f"GET {BUNDLE}", b""),
        ("GET /nowhere", b""),
        ("GET /api/schema", b""),
        ("POST /api/skl-kmeans", BODY),
        ("POST /api/skl-kmeans", b"{}"),
        ("DELETE /api/skl-kmeans", b""),
        ("BREW /livez", b""),
    ],
)
@pytest.mark.parametrize("wish", ["keep-alive", "Keep-Alive", "close", None])
def test_an_http_1_0_caller_learns_that_the_connection_ends(
    live: Service, request_line: str, body: bytes, wish: str | None
) -> None:
    lines = [f"{request_line} HTTP/1.0", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}"] if body else []
    lines += [f"Connection: {wish}"] if wish else []
    with connected(live) as connection:
        connection.settimeout(5)
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        received = b""
        while piece := connection.recv(1024 * 1024):
            received += piece
    head, _, content = received.partition(b"\r\n\r\n")
    fields = [line.lower() for line in head.split(b"\r\n")]
    assert [line for line in fields if line.startswith(b"connection:")] == [b"connection: close"]
    assert b"transfer-encoding: chunked" not in fields
    if not request_line.startswith("HEAD"):
        assert b"content-length: %d" % len(content) in fields


def test_apache_bench_with_keep_alive_does_not_hang(live: Service, tmp_path: Path) -> None:
    require("ab", "install apache2-utils to run ab -k")
    body = tmp_path / "body.json"
    body.write_bytes(BODY)
    options = ["-k", "-q", "-s", "5", "-n", "40", "-c", "4", "-T", "application/json", "-p"]
    ended = subprocess.run(
        ["ab", *options, str(body), f"{live.url}/api/skl-kmeans"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert re.search(r"Complete requests: +40\n", ended.stdout)
    assert re.search(r"Failed requests: +0\n", ended.stdout)
    assert "Non-2xx" not in ended.stdout


def test_a_target_without_a_path_means_the_root(live: Service) -> None:
    for target in (b"http://localhost", b"http://localhost?x=1"):
        with connected(live) as connection:
            connection.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % target)
            response, _ = answer(connection)
            assert response.status == live.get("/")


def test_gunicorn_does_not_start_with_a_certificate_that_is_not_used(edge: Service) -> None:
    edge.environment["GUNICORN_CMD_ARGS"] = f"--certfile={edge.config_file}"
    edge.start()
    assert edge.process
    assert edge.process.wait(30) != 0
    assert "--certfile and --keyfile: TLS ends at a proxy" in edge.log()


def test_zero_removes_a_limit_of_gunicorn(edge: Service) -> None:
    options = ("limit-request-line", "limit-request-fields", "limit-request-field_size")
    start(edge, GUNICORN_CMD_ARGS=" ".join(f"--{option}=0" for option in options))
    lines = [
        f"GET /livez?{'a' * 10_000} HTTP/1.1",
        "Host: x",
        f"X: {'a' * 20_000}",
        *["Y: z"] * 200,
    ]
    with connected(edge) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(15) == b"HTTP/1.1 200 OK"


def test_an_upgrade_with_a_body_is_answered_as_a_plain_request(live: Service) -> None:
    # So Java's HttpClient sends its first request, unless it is told to use HTTP/1.1.
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA")
    chunked = head(0, *upgrade).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with connected(live) as connection:
        for request in (
            head(len(BODY), *upgrade) + BODY,
            chunked + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
            head(len(BODY)) + BODY,
        ):
            connection.sendall(request)
            response, content = answer(connection)
            assert (response.status, json.loads(content)) == (200, {"results": REFERENCE_LABELS[3]})


def test_the_limit_of_bytes_holds_for_every_way_to_send_them(edge: Service) -> None:
    start(edge, KMEANS_MAX_BODY_BYTES="1000")
    padded = BODY + b" " * (1000 - len(BODY))
    assert post(edge, padded)[0] == 200
    for length in (1001, 300_000, 5_000_000):
        # The caller sends all of it before it looks for the answer, and sees it all the same.
        status, headers, problem = post(edge, b" " * length)
        assert (status, headers["connection"]) == (413, "close")
        assert isinstance(problem, dict)
        assert problem["type"] == "urn:skl-kmeans:problem:body-too-large"
        assert "1000 bytes (KMEANS_MAX_BODY_BYTES)" in problem["detail"]
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=20)
    chunks = (b" " * 500 for _ in range(1000))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", "/api/skl-kmeans", chunks, JSON, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_what_is_announced_too_large_is_answered_before_it_is_sent(live: Service) -> None:
    with connected(live) as connection:
        connection.sendall(head(10**12, "Expect: 100-continue"))
        response, _ = answer(connection)
        assert response.status == 413


def test_a_caller_that_waits_for_100_gets_it(live: Service) -> None:
    with connected(live) as connection:
        connection.sendall(head(len(BODY), "Expect: 100-continue"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert answer(connection)[0].status == 200


def test_slow_senders_take_no_threads_and_are_told_so(edge: Service) -> None:
    start(edge, THREADS="5", KMEANS_QUEUE_SIZE="2", HTTP_READ_TIMEOUT_SECONDS="3")
    with contextlib.ExitStack() as stack:
        senders = [stack.enter_context(connected(edge)) for _ in range(30)]
        for sender in senders[:10]:
            sender.sendall(head(len(BODY)) + BODY[:10])
        for sender in senders[10:20]:
            sender.sendall(b"POST /api/skl-kmeans HTTP/1.1\r\nHost:")
        began = time.monotonic()
        assert edge.get("/livez") == 200
        assert edge.labels() == REFERENCE_LABELS[3]
        assert time.monotonic() - began < 2, "they wait for nobody"
        for sender in senders:
            response, content = answer(sender)
            assert response.status == 408
            assert json.loads(content)["status"] == 408
            assert sender.recv(1) == b""
    assert (
        metric(
            edge,
            'skl_kmeans_requests_total{model="skl-kmeans",outcome="request-timeout",status="408"}',
        )
        == 10
    )


def test_too_many_at_once_are_turned_away_at_once(edge: Service) -> None:
    start(edge, THREADS="5", KMEANS_QUEUE_SIZE="1", KMEANS_QUEUE_TIMEOUT_SECONDS="60")
    statuses: list[int] = []
    callers = [
        threading.Thread(target=lambda: statuses.append(post(edge, LARGE)[0])) for _ in range(2)
    ]
    for caller in callers:
        caller.start()
    wait_until(lambda: metric(edge, "skl_kmeans_waiting_requests") == 1)
    with connected(edge) as connection:
        # Not even a byte of the body is asked for.
        connection.sendall(head(len(LARGE), "Expect: 100-continue", "X-Request-ID: turned-away"))
        response, content = answer(connection)
    assert response.status == 503
    assert response.headers["Retry-After"] == "1"
    assert json.loads(content)["type"] == "urn:skl-kmeans:problem:overloaded"
    assert json.loads(content)["request_id"] == "turned-away"
    # Small ones have a lane of their own.
    assert post(edge, BODY)[0] == 200
    for path in ("/livez", "/readyz", "/startupz", "/metrics", "/admin/login/"):
        assert edge.get(path) == 200
    for caller in callers:
        caller.join()
    assert statuses == [200, 200]


def test_who_waits_too_long_is_turned_away(edge: Service) -> None:
    start(edge, KMEANS_QUEUE_TIMEOUT_SECONDS="0.05")
    first = threading.Thread(target=lambda: post(edge, LARGE))
    first.start()
    time.sleep(0.5)
    status, headers, problem = post(edge, LARGE)
    first.join()
    assert (status, headers["retry-after"]) == (503, "1")
    assert isinstance(problem, dict)
    assert "waited 0.05 s for other requests" in problem["detail"]


def test_small_requests_do_not_wait_for_a_large_one(live: Service) -> None:
    finished: list[float] = []
    large = threading.Thread(target=lambda: finished.append(post(live, LARGE)[0] or 0))
    large.start()
    time.sleep(0.5)
    assert live.labels() == REFERENCE_LABELS[3]
    assert not finished
    large.join()


def test_a_caller_that_is_gone_at_its_turn_is_not_served(edge: Service) -> None:
    start(edge, KMEANS_QUEUE_TIMEOUT_SECONDS="60")
    first = threading.Thread(target=lambda: post(edge, LARGE))
    first.start()
    time.sleep(0.3)
    with connected(edge) as connection:
        connection.sendall(head(len(LARGE)) + LARGE.encode())
        wait_until(lambda: metric(edge, "skl_kmeans_waiting_requests") == 1)
    first.join()
    gone = 'skl_kmeans_requests_total{model="skl-kmeans",outcome="caller-gone",status="499"}'
    wait_until(lambda: metric(edge, gone) == 1)
    assert metric(edge, "skl_kmeans_fit_duration_seconds_count") == 1


def test_bodies_held_at_once_are_bounded(edge: Service) -> None:
    start(edge, KMEANS_MAX_BODY_BYTES="100000", KMEANS_BODIES_MAX_BYTES="150000")
    with connected(edge) as connection:
        connection.sendall(head(100_000))
        assert post(edge, b" " * 60_000)[0] == 400, "announced bytes take nobody's room"
        connection.sendall(b" " * 99_000)
        wait_until(lambda: post(edge, b" " * 60_000)[0] == 503)
        assert post(edge, BODY)[0] == 200
    wait_until(lambda: post(edge, b" " * 60_000)[0] == 400)


def test_a_response_that_is_not_read_holds_no_body(edge: Service) -> None:
    start(edge, KMEANS_MAX_BODY_BYTES="100000", KMEANS_BODIES_MAX_BYTES="150000")
    path = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css"
    page = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    padded = BODY + b" " * (100_000 - len(BODY))
    with connected(edge) as connection:
        # More than the sockets take, so that one of the responses waits to be sent.
        connection.settimeout(1)
        with contextlib.suppress(TimeoutError):
            connection.sendall((page + head(len(padded)) + padded) * 60)
        served = 0.0

        def has_stopped() -> bool:
            nonlocal served
            time.sleep(0.5)
            before, served = served, metric(edge, "skl_kmeans_requests_total")
            return before == served > 1

        wait_until(has_stopped)
        assert post(edge, b" " * 60_000)[0] == 400


def test_who_reads_nothing_is_closed_whatever_it_sends(edge: Service) -> None:
    start(edge, HTTP_WRITE_TIMEOUT_SECONDS="2")
    with connected(edge) as connection:
        connection.sendall(f"GET {BUNDLE} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20)

        def is_closed() -> bool:
            time.sleep(0.2)
            try:
                connection.sendall(b"\n")
            except (BrokenPipeError, ConnectionResetError):
                return True
            return False

        assert wait_until(is_closed) > 2


def chunked(body: bytes, path: str = "/api/skl-kmeans", method: str = "POST") -> bytes:
    lines = ["Host: x", "Content-Type: application/json", "Transfer-Encoding: chunked"]
    begin = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode()
    return begin + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def test_a_fault_in_a_later_request_is_not_answered_amid_a_response(live: Service) -> None:
    pages = chunked(b"{}", BUNDLE, "GET") * 8
    unfinished = chunked(b"{}").removesuffix(b"0\r\n\r\n")
    with connected(live) as connection:
        connection.sendall(pages + unfinished)
        time.sleep(1)  # the sockets are full, and one of the pages waits to be sent
        connection.sendall(b"this is no size of a chunk\r\n")
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(1024 * 1024):
                received += piece
    assert received.count(b"HTTP/1.1 200 OK") > 1
    assert b"HTTP/1.1 400" not in received
    assert "Traceback" not in live.log()


def test_callers_that_leave_amid_pipelined_requests_are_no_errors(live: Service) -> None:
    for _ in range(3):
        with connected(live) as connection:
            connection.sendall(chunked(b"{}", BUNDLE, "GET") * 8)
            connection.recv(1)
            time.sleep(0.2)
    assert live.get("/livez") == 200
    assert "Traceback" not in live.log()


def test_a_response_that_has_begun_is_finished_after_a_half_close(live: Service) -> None:
    with connected(live) as connection:
        connection.sendall(f"GET {BUNDLE} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 8)
        time.sleep(1)  # the sockets are full
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(1024 * 1024):
            received += piece
    last = received[received.rindex(b"HTTP/1.1 200 OK") :]
    begin, _, content = last.partition(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(content) in begin


def test_a_head_has_its_time_from_the_end_of_the_response_before(edge: Service) -> None:
    edge.config_file.write_text("clusters: 300\n")
    start(edge, HTTP_READ_TIMEOUT_SECONDS="1", KMEANS_FIT_TIMEOUT_SECONDS="120")
    points = [[i * 7919 % 10007, i * 104729 % 10009] for i in range(20_000)]
    with connected(edge) as connection:
        connection.settimeout(150)
        began = time.monotonic()
        connection.sendall(chunked(json.dumps({"points": points}).encode()) + b"GET /livez HT")
        assert answer(connection)[0].status == 200
        assert time.monotonic() - began > 2, "too short to show anything"


def test_a_million_points_of_eight_dimensions_are_answered(live: Service) -> None:
    numbers = ",".join(f"{i * 0.618033988749895 % 1:.15f}" for i in range(8))
    points = ",".join(f"[{i % 7}{numbers[1:]}]" for i in range(1_000_000))
    status, headers, result = post(live, f'{{"points":[{points}]}}')
    assert (status, headers["x-kmeans-clusters"]) == (200, "3")
    assert isinstance(result, dict)
    assert len(result["results"]) == 1_000_000


def test_what_is_no_http_gets_a_problem_document_too(live: Service) -> None:
    for wrong, status in [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505),
    ]:
        with connected(live) as connection:
            connection.sendall(wrong)
            response, content = answer(connection)
            assert response.status == status, wrong[:40]
            assert response.headers["Content-Type"] == "application/problem+json"
            problem = json.loads(content)
            assert (problem["status"], len(problem["request_id"])) == (status, 32)


def test_a_connection_is_kept_and_closed_in_order(edge: Service) -> None:
    start(edge, SERVE_DRAIN_SECONDS="0")
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=20)
    for _ in range(3):
        connection.request("POST", "/api/skl-kmeans", BODY, JSON)
        response = connection.getresponse()
        assert json.load(response) == {"results": REFERENCE_LABELS[3]}
        assert response.headers["connection"] is None
    began = time.monotonic()
    assert edge.stop() == 0
    assert time.monotonic() - began < 20, "an idle connection does not hold up the end"
    connection.close()


def test_a_worker_has_loaded_what_requests_need_before_the_first(edge: Service) -> None:
    edge.start(GUNICORN)
    wait_until(lambda: [*edge.folder.glob("state/agents/*/worker-*.json")], 60, edge.log)
    (report,) = edge.folder.glob("state/agents/*/worker-*.json")
    worker = psutil.Process(json.loads(report.read_text())["pid"])
    assert _has_mapped(worker, "csimdjson")
    assert edge.process
    master = psutil.Process(edge.process.pid)
    assert _has_mapped(master, "/sklearn/"), "the workers share it"
    assert not _has_mapped(master, "csimdjson"), "the application is loaded by each worker"


def _has_mapped(process: psutil.Process, library: str) -> bool:
    return any(library in mapped.path for mapped in process.memory_maps())


def test_slow_senders_cannot_take_all_connections(edge: Service) -> None:
    start(edge, GUNICORN_CMD_ARGS="--worker-connections=20")
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            sender = stack.enter_context(connected(edge))
            sender.sendall(head(len(BODY)) + BODY[:10])
        for _ in range(5):
            assert edge.get("/livez") == 200
            assert edge.labels() == REFERENCE_LABELS[3]


def test_a_single_worker_is_replaced_at_once(edge: Service) -> None:
    edge.start((*GUNICORN, "--max-requests", "5"))
    edge.wait_until_it_answers()
    for _ in range(12):
        time.sleep(0.3)  # the worker looks whether to end a few times a second
        assert edge.labels(timeout=15) == REFERENCE_LABELS[3]


def test_large_static_files_arrive_whole(live: Service) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    connection.request("GET", BUNDLE)
    response = connection.getresponse()
    assert len(response.read()) == int(response.headers["Content-Length"]) > 1_000_000
    connection.close()
