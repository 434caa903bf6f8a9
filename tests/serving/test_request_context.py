"""Request ids, traces, and the addresses of callers behind proxies."""

import ipaddress

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from serving import request_context


@pytest.mark.parametrize("given", ["a-b_c.d:1/2+3=", "x" * 64])
def test_a_valid_request_id_is_kept(given: str) -> None:
    assert request_context.identify({"HTTP_X_REQUEST_ID": given}).request_id == given


@pytest.mark.parametrize("given", ["", "x" * 65, "two words", "line\nbreak", "ü", '"}'])
def test_an_invalid_request_id_is_replaced(given: str) -> None:
    made = request_context.identify({"HTTP_X_REQUEST_ID": given}).request_id
    assert len(made) == 32
    assert made != request_context.identify({"HTTP_X_REQUEST_ID": given}).request_id


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("traceparent", "trace_id"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-what-may-come", TRACE),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", ""),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", ""),
        ("", ""),
    ],
)
def test_the_trace_id_is_the_callers(traceparent: str, trace_id: str) -> None:
    assert request_context.identify({"HTTP_TRACEPARENT": traceparent}).trace_id == trace_id


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "198.51.100.1, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "198.51.100.1, 192.0.2.7, 10.9.9.9", "192.0.2.7"),
        ("10.0.0.1", "10.0.0.2,10.0.0.3", "10.0.0.2"),
        ("10.0.0.1", "192.0.2.7, unknown", "10.0.0.1"),
        ("192.0.2.9", "198.51.100.1", "192.0.2.9"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("", "192.0.2.7", ""),
    ],
)
def test_only_configured_proxies_are_trusted(
    settings: Settings, peer: str, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "fd00::/8")]
    environ = {"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}
    assert request_context.identify(environ).address == address


def test_no_proxy_is_trusted_by_default() -> None:
    environ = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}
    assert request_context.identify(environ).address == "10.0.0.1"


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/api/schema/", "/admin/nowhere/"])
def test_every_answer_names_the_request(client: Client, path: str) -> None:
    response = client.get(path, headers={"x-request-id": "mine"})
    assert response.headers["X-Request-ID"] == "mine"
    assert request_context.current.get() is None
