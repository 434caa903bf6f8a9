"""`manage.py nacos doctor` names what is wrong, and what to do."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.integration.conftest import MakeService
from tests.support.http_front import http_front
from tests.support.service import Service, free_port
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer

NAMESPACES = {"code": 200, "data": [{"namespace": ""}, {"namespace": "blue"}]}


@pytest.fixture
def address(nacos: NacosServer) -> Iterator[str]:
    """Yield the address of a server that lists namespaces.

    In Nacos 2 the console does that. The 2.2.4 that is built has none, so its answer is scripted.
    """
    if nacos.generation == 3:
        yield f"127.0.0.1:{nacos.port}"
        return

    answers = {"/nacos/v1/console/namespaces": (200, json.dumps(NAMESPACES).encode())}
    with http_front(nacos.port, answers) as front:
        yield front


def test_all_is_well(nacos: NacosServer, make_service: MakeService) -> None:
    service = make_service(nacos)
    nacos.publish_config(service.environment["NACOS_DATA_ID"], "clusters: 5")
    report = service.manage("nacos", "doctor")
    assert report.returncode == 0, report.stdout
    assert "is an address of this host" in report.stdout
    assert "for gRPC is open" in report.stdout
    assert "is accepted: Parameters(clusters=5)" in report.stdout
    assert "FAIL" not in report.stdout


@pytest.mark.parametrize(
    ("wrong", "finding", "advice"),
    [
        ({"NACOS_SERVICE_IP": "203.0.113.9"}, "is not an address of this host", "NACOS_SERVICE_IP"),
        ({"NACOS_SERVICE_IP": "127.0.0.1"}, "is loopback", "NACOS_PREFERRED_NETWORKS"),
        (
            {"NACOS_PASSWORD": "hush-wrong"},
            "refused the login",
            'check NACOS["username"] (NACOS_USERNAME)',
        ),
        ({"NACOS_USERNAME": "", "NACOS_PASSWORD": ""}, "[403]", "permissions"),
    ],
)
def test_what_is_wrong_is_named(
    nacos: NacosServer, make_service: MakeService, wrong: dict[str, str], finding: str, advice: str
) -> None:
    assert_named(make_service(nacos, **wrong), finding, advice)


def test_a_namespace_that_does_not_exist_is_named(
    nacos: NacosServer, make_service: MakeService, address: str
) -> None:
    service = make_service(
        nacos,
        NACOS_SERVER_ADDR=address,
        NACOS_NAMESPACE="no-such",
        # Only an administrator may ask which namespaces there are.
        NACOS_USERNAME=nacos.username,
        NACOS_PASSWORD=nacos.password,
    )
    assert_named(service, "no-such does not exist", "is an id, not a name")
    service.start()
    wait_until(lambda: "the namespace no-such does not exist" in service.log(), 30, service.log)


def assert_named(service: Service, finding: str, advice: str) -> None:
    report = service.manage("nacos", "doctor")
    assert report.returncode == 1
    failed = report.stdout[report.stdout.index("FAIL") :]
    assert finding in failed
    assert advice in failed
    assert "hush" not in report.stdout + report.stderr


def test_a_bad_config_is_named(nacos: NacosServer, make_service: MakeService) -> None:
    service = make_service(nacos)
    nacos.publish_config(service.environment["NACOS_DATA_ID"], "clusters: many")
    report = service.manage("nacos", "doctor")
    assert "is rejected: `clusters` must be a whole number such as 3" in report.stdout


def test_a_closed_port_is_named(nacos: NacosServer, make_service: MakeService) -> None:
    dead = f"127.0.0.1:{free_port()}"
    report = make_service(nacos, NACOS_SERVER_ADDR=dead).manage("nacos", "doctor")
    assert f"FAIL  {dead} is unreachable" in report.stdout


def test_a_closed_grpc_port_and_a_clock_far_off_are_named(
    nacos: NacosServer, make_service: MakeService
) -> None:
    """A scripted server: a real one cannot be made to run in another year, or without gRPC."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            connection, _ = listener.accept()
            connection.recv(10_000)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\n"
                b"Content-Length: 0\r\n\r\n"
            )
            connection.close()

        server = threading.Thread(target=answer)
        server.start()
        service = make_service(nacos, NACOS_SERVER_ADDR=f"127.0.0.1:{port}")
        report = service.manage("nacos", "doctor")
        server.join()
    assert "FAIL  the clocks here and on" in report.stdout
    assert "Set both by NTP" in report.stdout
    assert f"FAIL  127.0.0.1:{port + 1000} for gRPC is closed: [Errno 111]" in report.stdout
    assert "always main port + 1000" in report.stdout


def test_without_nacos_there_is_nothing_to_find(
    nacos: NacosServer, make_service: MakeService
) -> None:
    report = make_service(nacos, NACOS_SERVER_ADDR="").manage("nacos", "doctor")
    assert report.returncode == 0
    assert 'Set NACOS["server_addr"] (NACOS_SERVER_ADDR)' in report.stdout
