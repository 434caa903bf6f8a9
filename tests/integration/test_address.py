"""The address that is registered: it is followed, and probed as callers would."""

import socket
from contextlib import closing

import pytest

from nacos_integration import address
from tests.integration.conftest import MakeService
from tests.integration.test_nacos import listed, wait_until_listed
from tests.nacos_integration.test_probe import answering
from tests.support.network import HERE, network
from tests.support.proxy import Proxy
from tests.support.service import Service
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer

BEFORE, PREFERRED, AFTER = "10.213.7.2", "10.213.7.3", "10.213.7.4"


def ips(nacos: NacosServer, service: Service) -> list[str]:
    return [str(instance["ip"]) for instance in listed(nacos, service)]


def require_ipv6(host: str) -> None:
    """Skip the test of an IPv6 address on a host without them."""
    if ":" in host and not has_ipv6():
        pytest.skip("this host has no IPv6")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def error(service: Service) -> str:
    return str(service.status.get("registration", {}).get("error"))


def test_the_address_is_followed(nacos: NacosServer, make_service: MakeService) -> None:
    with network() as host, closing(Proxy(nacos.port, host=HERE)) as remote:
        service = make_service(
            nacos,
            NACOS_SERVER_ADDR=f"{HERE}:{remote.port}",
            NACOS_PREFERRED_NETWORKS=f"{PREFERRED}/32",
        )
        service.prefix = host.command
        service.start()
        wait_until(lambda: "no IPv4 address but loopback" in error(service), 40, service.log)
        host.add_address(BEFORE)
        wait_until(lambda: ips(nacos, service) == [BEFORE], 60, service.log)
        # The old connection works, so the old address is deregistered.
        host.add_address(PREFERRED)
        wait_until(lambda: ips(nacos, service) == [PREFERRED], 30, service.log)
        # A process that is started now finds the agent.
        shown = service.manage("nacos", "status").stdout
        assert f"{PREFERRED}:{service.port}" in shown
        assert "registered" in shown
        # It does not work any more. The server keeps what was registered over it until it notices.
        host.remove_address(PREFERRED)
        host.remove_address(BEFORE)
        host.add_address(AFTER)
        wait_until(lambda: AFTER in ips(nacos, service), 60, service.log)
        assert service.manage("nacos", "offline", "--this-launch").returncode == 0
        assert AFTER not in ips(nacos, service)
        service.close()


def test_the_address_is_corrected_when_a_route_shows_it(
    nacos: NacosServer, make_service: MakeService
) -> None:
    with network() as host, closing(Proxy(nacos.port, host=HERE)) as remote:
        service = make_service(nacos, NACOS_SERVER_ADDR=f"{HERE}:{remote.port}")
        service.prefix = host.command
        host.add_address(BEFORE, has_route=False)
        host.add_address(AFTER, has_route=False)
        service.start()
        wait_until(lambda: service.status.get("instance") == f"{BEFORE}:{service.port}", 40)
        host.add_route(AFTER)
        wait_until(lambda: ips(nacos, service) == [AFTER], 60, service.log)
        service.close()


def test_loopback_is_not_registered_with_a_remote_server(
    nacos: NacosServer, make_service: MakeService
) -> None:
    with network() as host, closing(Proxy(nacos.port, host=HERE)) as remote:
        service = make_service(
            nacos, NACOS_SERVER_ADDR=f"{HERE}:{remote.port}", NACOS_SERVICE_IP="127.0.0.1"
        )
        service.prefix = host.command
        host.add_address(BEFORE)
        service.start()
        wait_until(lambda: "NACOS_SERVICE_IP" in error(service), 40, service.log)
        assert not ips(nacos, service)
        assert "not registering" in service.log()
        assert "callers of a server on another host" in service.manage("nacos", "doctor").stdout
        service.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_that_nobody_can_reach_is_not_registered(
    nacos: NacosServer, make_service: MakeService, host: str
) -> None:
    require_ipv6(host)
    service = make_service(nacos, HOST=host)
    service.start()
    wait_until(lambda: f"HOST) is {host}" in error(service), 40, service.log)
    wait_until(lambda: "nobody can reach this instance" in service.log(), 40, service.log)
    assert not ips(nacos, service)
    doctor = service.manage("nacos", "doctor").stdout
    assert "where callers are sent, is closed" in doctor
    assert f"HOST) is {host}" in doctor


def test_an_address_where_another_program_serves_is_not_registered(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos, HOST="127.0.0.1")
    ip, _ = address.service_ip("", [f"127.0.0.1:{nacos.port}"], ())
    with answering(200, b"{}", (ip, service.port)):
        service.start()
        served = f"nobody can reach this instance: {ip}:{service.port}: served by another program"
        wait_until(lambda: served in service.log(), 60, service.log)
        assert not ips(nacos, service)
        doctor = service.manage("nacos", "doctor").stdout
    assert f"FAIL  {ip}:{service.port}, where callers are sent, is served by another" in doctor
    assert 'change NACOS["bind_port"] (PORT)' in doctor


@pytest.mark.parametrize("host", ["", "::", "[::]", "0.0.0.0"])
def test_every_spelling_of_all_addresses_is_registered(
    nacos: NacosServer, make_service: MakeService, host: str
) -> None:
    require_ipv6(host)
    service = make_service(nacos, HOST=host)
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    families = [socket.AF_INET]
    if host != "0.0.0.0" and has_ipv6():
        families.append(socket.AF_INET6)
    for family in families:
        own = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        with socket.socket(family) as caller:
            caller.settimeout(5)
            caller.connect((own, service.port))
            caller.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert caller.recv(15) == b"HTTP/1.1 200 OK"


def test_a_wish_of_an_earlier_release_is_kept(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos)
    folder = service.folder / "state" / "agents" / f"10.0.0.5-{service.port}"
    folder.mkdir(parents=True)
    (folder / "offline.json").write_text('{"since": 1.0, "launch_id": null}')
    service.start()
    service.wait_until_it_answers()
    wait_until(
        lambda: service.status.get("registration", {}).get("state") == "offline", 40, service.log
    )
    assert not folder.exists()
    assert service.manage("nacos", "online").returncode == 0
    wait_until_listed(nacos, service)
