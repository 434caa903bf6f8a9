"""What a start says: where the service is, or in one line why there is none."""

import re
import socket
import urllib.error

import pytest

from tests.support.service import GUNICORN, PYTHON, SERVE, Service
from tests.support.waiting import wait_until


def start_in_vain(service: Service, command: tuple[str, ...]) -> list[str]:
    """Start, and return the lines of a start that fails."""
    run = service.run(PYTHON, *command)
    assert run.returncode == 1
    return (run.stdout + run.stderr).splitlines()


@pytest.mark.parametrize("command", [SERVE, GUNICORN], ids=" ".join)
@pytest.mark.parametrize(
    ("port", "reason"),
    [
        ("abc", "PORT: 'abc' is not a whole number"),
        ("", "PORT: '' is not a whole number"),
        ("9_999", "PORT: '9_999' is not a whole number"),
        ("65536", "PORT: 65536: use 1 to 65535"),
    ],
)
def test_a_wrong_port_is_one_line(
    service: Service, command: tuple[str, ...], port: str, reason: str
) -> None:
    service.environment["PORT"] = port
    (line,) = start_in_vain(service, command)
    assert line == f"wrong setting: {reason}"


def test_a_port_in_use_is_one_line(service: Service) -> None:
    assert service.manage("migrate", "-v", "0").returncode == 0
    service.environment["HOST"] = "0.0.0.0"
    with socket.create_server(("0.0.0.0", service.port)):
        lines = start_in_vain(service, SERVE)
    (line,) = [line for line in lines if '"level":"INFO"' not in line]
    assert f"(PORT): {service.port} at 0.0.0.0: another program uses this port: stop it" in line


@pytest.mark.parametrize("host", ["203.0.113.9", "fe80::1"])
def test_an_address_of_another_host_is_one_line(service: Service, host: str) -> None:
    assert service.manage("migrate", "-v", "0").returncode == 0
    service.environment["HOST"] = host
    lines = start_in_vain(service, SERVE)
    (line,) = [line for line in lines if '"level":"INFO"' not in line]
    assert f"{service.port} at {host}: this host has no such address: correct NACOS" in line


def test_a_database_without_tables_is_one_line(service: Service) -> None:
    lines = start_in_vain(service, SERVE)
    (line,) = [line for line in lines if '"level":"INFO"' not in line]
    assert f"migrations are not applied: run `{PYTHON} manage.py migrate` first" in line


def start_line(service: Service) -> str:
    found: list[str] = []

    def is_there() -> bool:
        found[:] = re.findall(r'"message":"(serving: .*?[^\\])"', service.log())
        return bool(found)

    wait_until(is_there, 90, service.log)
    (line,) = found
    return line.replace('\\"', '"')


@pytest.mark.parametrize("command", [SERVE, GUNICORN], ids=" ".join)
def test_a_start_says_where_the_playground_is(service: Service, command: tuple[str, ...]) -> None:
    service.start(command)
    assert start_line(service) == (
        f"serving: playground at http://localhost:{service.port}/; "
        f"config from file:{service.config_file}; "
        'not registered: NACOS["server_addr"] (NACOS_SERVER_ADDR) is not set'
    )


def test_a_start_says_why_it_is_not_registered(service: Service) -> None:
    service.environment["NACOS_SERVER_ADDR"] = "127.0.0.1:9"
    service.start()
    line = start_line(service)
    assert "config: the default, because: no Nacos server is reachable" in line
    assert "not registered: no Nacos server is reachable" in line


def test_the_log_tells_no_number_of_points_where_there_are_none(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    service.labels()
    with pytest.raises(urllib.error.HTTPError, match="400"):
        service.labels("no list")
    wait_until(lambda: '"400 ' in service.log())
    assert "9 points from 127.0.0.1 in" in service.log()
    assert "None" not in service.log()
