"""What trusted proxies report, however they spell it."""

import ipaddress
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from serving import forwarded

PROXY = "10.0.0.1"


@pytest.fixture(autouse=True)
def _proxies(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "fd00::/8")]


def seen(peer: str = PROXY, **fields: str) -> dict[str, Any]:
    """Return the environ of a request with these header fields."""
    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "SCRIPT_NAME": ""}
    environ |= {f"HTTP_{name.upper()}": value for name, value in fields.items()}
    forwarded.apply(environ)
    return environ


@pytest.mark.parametrize(
    ("listed", "address"),
    [
        ("192.0.2.7:5678", "192.0.2.7"),
        ("198.51.100.1:1, 192.0.2.7:5678, 10.9.9.9:80", "192.0.2.7"),
        ("[2001:db8::5]:5678", "2001:db8::5"),
        ("[2001:db8::5]", "2001:db8::5"),
        ("2001:db8::5", "2001:db8::5"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("192.0.2.7:http:1", PROXY),
        ("_hidden", PROXY),
    ],
)
def test_an_address_may_have_a_port(listed: str, address: str) -> None:
    assert forwarded.address_of(seen(x_forwarded_for=listed)) == address


def test_the_standard_field_is_read_where_there_is_no_other() -> None:
    field = 'for="[2001:db8::5]:47011";proto=https;host="a.example:8443", For=10.0.0.2;proto=http'
    environ = seen(forwarded=field)
    assert forwarded.address_of(environ) == "2001:db8::5"
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["HTTP_HOST"] == "a.example:8443"
    other = {"x_forwarded_for": "192.0.2.7", "x_forwarded_proto": "http", "x_forwarded_host": "b"}
    environ = seen(forwarded=field, **other)
    assert forwarded.address_of(environ) == "192.0.2.7"
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_HOST"] == "b"


@pytest.mark.parametrize(
    ("fields", "scheme"),
    [
        ({"x_forwarded_proto": "https"}, "https"),
        ({"x_forwarded_proto": "https,http"}, "https"),
        ({"x_forwarded_proto": " HTTPS , http"}, "https"),
        ({"x_forwarded_proto": "http, https"}, "http"),
        ({"x_forwarded_proto": "https", "x_forwarded_protocol": "http"}, "https"),
        ({"x_forwarded_protocol": "ssl"}, "https"),
        ({"x_forwarded_scheme": "https"}, "https"),
        ({"x_forwarded_ssl": "on"}, "https"),
        ({"front_end_https": "on"}, "https"),
        ({"x_forwarded_ssl": "off"}, "http"),
        ({"x_forwarded_proto": ""}, "http"),
    ],
)
def test_every_spelling_of_the_scheme_is_known(fields: dict[str, str], scheme: str) -> None:
    assert seen(**fields)["wsgi.url_scheme"] == scheme


@pytest.mark.parametrize(
    ("fields", "host"),
    [
        ({"x_forwarded_host": "a.example"}, "a.example"),
        ({"x_forwarded_host": "a.example:8443, b.example"}, "a.example:8443"),
        ({"x_forwarded_host": "a.example", "x_forwarded_port": "8443"}, "a.example:8443"),
        ({"x_forwarded_host": "a.example:1", "x_forwarded_port": "8443"}, "a.example:1"),
        ({"x_forwarded_host": "[fd00::1]", "x_forwarded_port": "8443"}, "[fd00::1]:8443"),
        ({"x_forwarded_port": "8443,80"}, "own.example:8443"),
        ({"x_forwarded_port": "443"}, "own.example"),
        ({"x_forwarded_port": "x"}, "own.example"),
    ],
)
def test_the_host_is_the_one_that_the_caller_uses(fields: dict[str, str], host: str) -> None:
    assert seen(host="own.example", **fields)["HTTP_HOST"] == host


@pytest.mark.parametrize(
    ("listed", "prefix"),
    [
        ("/kmeans", "/kmeans"),
        ("/kmeans/", "/kmeans"),
        ("kmeans", "/kmeans"),
        ("/outer, /inner", "/outer/inner"),
        ("/", ""),
        ("/a//evil.example", ""),
        ("/a?b", ""),
        ('/"><script>', ""),
    ],
)
def test_a_prefix_is_a_path(listed: str, prefix: str) -> None:
    assert seen(x_forwarded_prefix=listed)["SCRIPT_NAME"] == prefix


def test_others_are_not_believed() -> None:
    fields = {
        "host": "own.example",
        "x_forwarded_proto": "https",
        "x_forwarded_host": "evil.example",
        "x_forwarded_port": "1",
        "x_forwarded_prefix": "/evil",
        "forwarded": "for=192.0.2.7;proto=https;host=evil.example",
    }
    environ = seen("192.0.2.9", **fields)
    assert forwarded.address_of(environ) == "192.0.2.9"
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_HOST"] == "own.example"
    assert environ["SCRIPT_NAME"] == ""
