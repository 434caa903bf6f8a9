"""Other instances are asked at the addresses that the registry lists."""

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import override

from nacos_integration import conf, differences
from nacos_integration.live_config import md5_of
from nacos_integration.state import files
from nacos_integration.web import instances, panels
from tests.conftest import Configure
from tests.support.service import free_port

VERSION = md5_of("clusters: 3\n")[:12]
Listen = Callable[[bytes], int]


def said(version: str, **more: Any) -> bytes:
    worker = {"pid": 1, "version": version, "value": "", "since": 1.5, "silent_seconds": 0.0}
    answer = {"service": "skl-kmeans", "workers": [worker | more]}
    return json.dumps(answer).encode()


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Return a function that serves `body` at every path, and returns the port."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(body: bytes) -> int:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not body:
                    time.sleep(instances.TIMEOUT_SECONDS + 0.5)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None: ...

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def register(*ports: int, ip: str = "127.0.0.1") -> None:
    """Write what the agent writes when the registry lists these."""
    listed = [
        {
            "ip": ip, "port": port, "healthy": True, "enabled": True,
            "weight": 1.0, "ephemeral": True, "clusterName": "DEFAULT", "metadata": {},
        }
        for port in ports
    ]  # fmt: skip
    files.write_json(conf.load().agent_dir / "registry.json", {"instances": listed})


@pytest.fixture
def look(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., instances.View]]:
    """Return a function that asks what listens at ports of this host, long after a change."""
    monkeypatch.setattr(instances, "SETTLE_SECONDS", -1.0)

    def ask(*ports: int) -> instances.View:
        register(*ports)
        return instances._query_all()

    yield ask
    (conf.load().agent_dir / "registry.json").unlink(missing_ok=True)


def test_alone_an_instance_agrees_with_itself(look: Callable[..., instances.View]) -> None:
    view = look()
    assert (view.agreement, view.versions) == ("agree", [VERSION])
    assert [instance.is_own for instance in view.instances] == [True]


def test_others_agree_or_differ(listen: Listen, look: Callable[..., instances.View]) -> None:
    same, other = listen(said(VERSION)), listen(said("0123456789ab"))
    assert look(same).agreement == "agree"
    view = look(same, other)
    assert (view.agreement, view.versions) == ("differ", sorted([VERSION, "0123456789ab"]))


def test_they_agree_only_about_the_config_in_force(
    listen: Listen,
    look: Callable[..., instances.View],
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = listen(said(VERSION))
    assert look(old).agreement == "agree"
    monkeypatch.setattr(instances, "SETTLE_SECONDS", 60.0)
    configure("clusters: 5\n")
    version = md5_of("clusters: 5\n")[:12]
    view = look(old)
    assert (view.agreement, view.in_force) == ("changing", version)
    monkeypatch.setattr(instances, "SETTLE_SECONDS", -1.0)
    assert look(old).agreement == "differ"


def test_what_was_seen_before_a_change_is_not_shown_after_it(
    look: Callable[..., instances.View], configure: Configure
) -> None:
    instances._kept = None
    try:
        assert instances.query_all() is instances.query_all()
        configure("clusters: 5\n")
        view = instances.query_all()
        assert (view.agreement, view.versions) == ("agree", [md5_of("clusters: 5\n")[:12]])
    finally:
        instances._kept = None


def test_a_worker_that_is_silent_is_not_known_of(
    listen: Listen, look: Callable[..., instances.View]
) -> None:
    assert look(listen(said(VERSION, silent_seconds=11.0))).agreement == "unknown"


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"[]",
        b'{"service": "skl-kmeans"}',
        b'{"service": "skl-kmeans", "workers": 7}',
        b'{"service": "skl-kmeans", "workers": [{}]}',
        b'{"service": "another", "workers": []}',
        b'{"service": "skl-kmeans", "workers": {"pid": 1}}',
        b'{"service": "skl-kmeans", "workers": [7]}',
        b"[" * instances.ANSWER_MAX_BYTES,
        b"9" * 5000,
        *(
            said(VERSION).replace(b'"silent_seconds": 0.0', b'"silent_seconds": ' + number)
            for number in (b"1e300", b"NaN", b"Infinity", b"-1", b"true", b'"0"', b"9" * 400)
        ),
        said(VERSION, pid=1e300),
        said(VERSION, pid=-1),
        said(VERSION, since=1e300),
        said(VERSION, since=float("nan")),
        said(VERSION, since=[]),
        said(VERSION).replace(VERSION.encode(), b"x").replace(b'"x"', b"1"),
        said(VERSION, value=None),
        said(VERSION).replace(b"]}", b", 7" * 200 + b"]}"),
    ],
)
def test_who_answers_otherwise_is_foreign(
    listen: Listen, look: Callable[..., instances.View], body: bytes
) -> None:
    view = look(listen(body))
    assert [instance.state for instance in view.instances] == ["ok", "foreign"]
    assert view.agreement == "unknown"


def test_who_does_not_answer_is_unreachable_and_not_waited_for(
    listen: Listen, look: Callable[..., instances.View]
) -> None:
    view = look(free_port(), *(listen(b"") for _ in range(3)))
    assert [instance.state for instance in view.instances] == ["ok", *["unreachable"] * 4]
    assert sorted(str(instance.problem) for instance in view.instances[1:]) == [
        "connection refused", *["no answer within 1 s"] * 3,
    ]  # fmt: skip


def test_long_texts_are_cut_and_can_be_written(
    listen: Listen, look: Callable[..., instances.View]
) -> None:
    body = said("v" * 1000, value="\ud800" + "x" * 10_000)
    (worker,) = look(listen(body)).instances[1].workers
    assert len(worker["version"]) == instances.VERSION_MAX
    assert len(worker["value"]) == instances.VALUE_MAX
    worker["value"].encode()


ENDLESS = {
    "a byte now and then": (b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.5),
    "a head now and then": (b"HTTP/1.1 200 OK\r\n", b"X", 0.5),
    "a body without an end": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096, 0.0),
    "headers without an end": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.0),
    "one header without an end": (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4096, 0.0),
    "continue, for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.0),
    "a chunk without an end": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", b"x", 0.5,
    ),
    "silence": (b"", b"", 0.5),
}  # fmt: skip


@pytest.fixture
def never_ends() -> Iterator[dict[str, int]]:
    """Servers whose answers never end, by what they do: the port of each."""
    over = threading.Event()
    threads: list[threading.Thread] = []
    listeners: list[socket.socket] = []

    def serve(listener: socket.socket, head: bytes, piece: bytes, pause: float) -> None:
        listener.settimeout(0.1)
        while not over.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                connection.settimeout(0.5)
                with connection:
                    connection.sendall(head)
                    while not over.wait(pause):
                        connection.sendall(piece)

    for what in ENDLESS.values():
        listeners.append(socket.create_server(("127.0.0.1", 0)))
        threads.append(threading.Thread(target=serve, args=(listeners[-1], *what)))
        threads[-1].start()
    yield {name: sock.getsockname()[1] for name, sock in zip(ENDLESS, listeners, strict=True)}
    over.set()
    for thread, listener in zip(threads, listeners, strict=True):
        thread.join()
        listener.close()


def test_answers_that_never_end_cost_a_second_and_no_thread_for_long(
    never_ends: dict[str, int], look: Callable[..., instances.View]
) -> None:
    before = threading.active_count()
    for _ in range(2):
        started = time.monotonic()
        view = look(*never_ends.values())
        assert time.monotonic() - started < instances.TIMEOUT_SECONDS + 1
        assert {instance.state for instance in view.instances[1:]} <= {"unreachable", "foreign"}
        assert threading.active_count() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("configure")
def test_the_overview_survives_instances_that_answer_anything(
    listen: Listen, never_ends: dict[str, int], admin_client: Client
) -> None:
    ports = [
        *never_ends.values(),
        *(listen(said(VERSION, silent_seconds=number)) for number in (1e300, float("nan"))),
        listen(said(VERSION, since=1e300, value="\ud800")),
    ]
    register(*ports)
    instances._kept = None
    try:
        page = admin_client.get("/admin/overview/")
        assert page.status_code == 200
        assert page.content.decode().count("127.0.0.1:") >= len(ports)
    finally:
        instances._kept = None
        (conf.load().agent_dir / "registry.json").unlink()


def test_a_name_is_not_looked_up(listen: Listen, look: Callable[..., instances.View]) -> None:
    register(listen(said(VERSION)), ip="localhost")
    view = instances._query_all()
    assert [instance.state for instance in view.instances] == ["ok", "foreign"]


@pytest.mark.parametrize(
    "content", ["{}", "[]", '{"instances": 7}', '{"instances": [7, {}, {"ip": "1.2.3.4"}]}']
)
def test_a_damaged_list_is_an_empty_one(look: Callable[..., instances.View], content: str) -> None:
    (conf.load().agent_dir / "registry.json").write_text(content)
    assert len(instances._query_all().instances) == 1


def test_more_than_are_queried_are_listed_all_the_same(
    look: Callable[..., instances.View], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "QUERIED_MAX", 1)
    view = look(free_port(), free_port())
    assert len(view.instances) == 3
    problem = view.instances[2].problem
    assert str(problem) == "not queried: more than 1 instances are listed"
    with override("zh-hans"):
        assert str(problem) == "未查询：列出的实例超过 1 个"


def test_statusz_says_what_each_worker_runs(client: Client, configure: Configure) -> None:
    answer = client.get("/statusz").json()
    assert answer["service"] == "skl-kmeans"
    assert [worker["version"] for worker in answer["workers"]] == [VERSION]


def test_what_is_not_as_it_should_be_is_named() -> None:
    listed = {"healthy": False}
    cases: list[tuple[bool, dict[str, Any] | None, dict[str, Any], list[str]]] = [
        (True, None, {"state": "offline"}, ["taken offline by an operator"]),
        (True, None, {"state": "retrying"}, ["not listed"]),
        (True, None, {"differences": ["enabled: False"]}, ["enabled: False"]),
        (True, {"healthy": True}, {"differences": ["weight: 2.0"]}, ["weight: 2.0"]),
        (False, listed, {"differences": ["weight: 2.0"]}, ["Nacos reports it as unhealthy"]),
        (False, {"healthy": True}, {"state": "offline"}, []),
    ]
    for own, entry, registration, expected in cases:
        instance = instances.Instance("10.0.0.1:1", own, "ok", listed=entry)
        assert list(panels._differences(instance, registration)) == expected


def test_differences_are_told_in_the_language_of_the_reader() -> None:
    settings = conf.load()
    listed = {
        "enabled": True,
        "healthy": True,
        "weight": 7.0,
        "metadata": settings.metadata | {"owner": "ops"},
    }
    recorded = differences.of(listed, settings)
    assert recorded == ["weight: 7.0 instead of 1.0", "owner: 'ops' added"]
    assert differences.translated(recorded, listed) == recorded
    with override("zh-hans"):
        assert differences.translated(recorded, listed) == [
            "weight：7.0，应为 1.0",
            "owner：多出 'ops'",
        ]
        # Those of another entry, or of another release.
        assert differences.translated(["weight: 2.0"], listed) == ["weight: 2.0"]
        assert differences.translated(recorded, None) == recorded
