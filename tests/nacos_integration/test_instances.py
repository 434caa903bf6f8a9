"""Other instances are asked at the addresses that the registry lists."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from nacos_integration import conf
from nacos_integration.live_config import md5_of
from nacos_integration.state import files
from nacos_integration.web import instances, panels
from tests.conftest import Configure
from tests.support.service import free_port

VERSION = md5_of("clusters: 3\n")[:12]
Listen = Callable[[bytes], int]


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


def said(version: str, **more: Any) -> bytes:
    worker = {"pid": 1, "version": version, "value": "", "since": 1.5, "silent_seconds": 0.0}
    answer = {"service": conf.load().service_name, "workers": [worker | more]}
    return json.dumps(answer).encode()


@pytest.fixture
def look(configure: Configure) -> Iterator[Callable[..., instances.View]]:
    """Return a function that asks what listens at ports of this host."""
    path = conf.load().agent_dir / "registry.json"

    def ask(*ports: int) -> instances.View:
        listed = [
            {
                "ip": "127.0.0.1", "port": port, "healthy": True, "enabled": True,
                "weight": 1.0, "ephemeral": True, "clusterName": "DEFAULT", "metadata": {},
            }
            for port in ports
        ]  # fmt: skip
        files.write_json(path, {"instances": listed})
        return instances._query_all()

    yield ask
    path.unlink(missing_ok=True)


def test_alone_an_instance_agrees_with_itself(look: Callable[..., instances.View]) -> None:
    view = look()
    assert (view.agreement, view.versions) == ("agree", [VERSION])
    assert [instance.is_own for instance in view.instances] == [True]


def test_others_agree_or_differ(listen: Listen, look: Callable[..., instances.View]) -> None:
    same, other = listen(said(VERSION)), listen(said("0123456789ab"))
    assert look(same).agreement == "agree"
    view = look(same, other)
    assert (view.agreement, view.versions) == ("differ", sorted([VERSION, "0123456789ab"]))


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
    assert all(instance.problem for instance in view.instances[1:])


def test_more_than_are_queried_are_listed_all_the_same(
    look: Callable[..., instances.View], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "QUERIED_MAX", 1)
    assert len(look(free_port(), free_port()).instances) == 3


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
