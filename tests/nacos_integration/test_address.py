"""Server addresses as people write them, and the ip that others reach this host by."""

import ipaddress
from collections.abc import Sequence
from dataclasses import replace

import pytest

from nacos_integration import address, conf
from nacos_integration.agent.own_address import OwnAddress


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("127.0.0.1:8848", "127.0.0.1:8848"),
        ("nacos", "nacos:8848"),
        (" nacos-0.nacos-headless:18848 ", "nacos-0.nacos-headless:18848"),
        ("http://nacos:8848/nacos", "nacos:8848"),
        ("https://nacos/nacos/", "nacos:8848"),
    ],
)
def test_normalise(written: str, normal: str) -> None:
    assert address.normalise(written) == normal


@pytest.mark.parametrize(
    "written",
    ["", "host:", "host:port", "host:0", "host:70000", "host:65000", "[::1]:8848", "a:1:2",
     "host/path", "my-http-gateway:8848", "user@host:8848"],
)  # fmt: skip
def test_what_the_sdk_cannot_use_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|64535|http"):
        address.normalise(written)


def service_ip(
    given: str, servers: Sequence[str], preferred: Sequence[str], current: str = ""
) -> str:
    return address.service_ip(given, servers, preferred, current)[0]


def own_address() -> str:
    ip = service_ip("", ["127.0.0.1:8848"], ())
    if ipaddress.IPv4Address(ip).is_loopback:
        pytest.skip("this host has no address but loopback: give it one to run this test")
    return ip


def test_a_server_on_this_host_does_not_make_the_ip_loopback() -> None:
    assert not ipaddress.IPv4Address(own_address()).is_loopback


def test_the_preferred_network_wins() -> None:
    ip = own_address()
    assert service_ip("", ["127.0.0.1:8848"], ("203.0.113.0/24", f"{ip}/32")) == ip


def test_a_network_without_an_address_of_ours_is_passed_over() -> None:
    ip = own_address()
    assert service_ip("", ["127.0.0.1:8848"], ("203.0.113.0/24",)) == ip


def test_a_name_that_does_not_resolve_is_no_obstacle() -> None:
    assert service_ip("", ["no-such-host.invalid:8848"], ()) == own_address()


def test_loopback_is_only_for_a_server_on_loopback() -> None:
    assert service_ip("127.0.0.1", ["127.0.0.1:8848"], ()) == "127.0.0.1"
    assert service_ip("127.0.0.1", ["203.0.113.1:8848"], ()) == ""


def test_without_a_route_the_address_stays_while_the_host_has_it() -> None:
    servers = ["no-such-host.invalid:8848"]
    for ip in address.own_addresses():
        assert service_ip("", servers, (), current=ip) == ip
    assert service_ip("", servers, (), current="203.0.113.9") == own_address()


def test_an_address_is_certain_if_nothing_later_can_show_another() -> None:
    ip = own_address()
    here, late = "127.0.0.1:8848", "no-such-host.invalid:8848"
    for given, servers, preferred, is_certain in (
        (ip, [late], [], True),
        ("", [late], [f"{ip}/32"], True),
        ("", [here], [], True),
        ("", [late], [], False),
        ("", [here, late], [], False),
        ("127.0.0.1", [late], [], False),
    ):
        assert address.service_ip(given, servers, preferred)[1] is is_certain, (given, servers)


def test_an_address_that_is_a_guess_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scripted host: a real one cannot be made to resolve a name later."""
    routes: dict[str, str] = {}
    monkeypatch.setattr(address, "own_addresses", lambda: ["172.18.0.5", "10.0.0.5"])
    monkeypatch.setattr(address, "_source_address", routes.get)
    settings = replace(conf.load(), server_addr=("nacos:8848",), service_ip="")
    own = OwnAddress(settings)
    assert own.ip == "172.18.0.5"
    assert not own.follow()
    routes["nacos:8848"] = "10.0.0.5"
    assert own.follow()
    assert own.ip == "10.0.0.5"
    # Now certain, so no name is looked up while the host has the same addresses.
    routes["nacos:8848"] = "172.18.0.5"
    assert not own.follow()
