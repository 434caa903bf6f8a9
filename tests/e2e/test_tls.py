"""DJANGO_TLS, for a proxy that terminates TLS; plain HTTP by default."""

import http.client

import pytest

from tests.support.reference import REFERENCE_LABELS
from tests.support.service import Service


def get(
    service: Service, path: str, method: str = "GET", **headers: str
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_tls_is_required_except_for_health(service: Service) -> None:
    service.environment |= {"DJANGO_TLS": "1", "TRUSTED_PROXIES": "127.0.0.0/8"}
    service.start()
    service.wait_until_it_answers()
    for path in ("/readyz", "/startupz", "/metrics"):
        assert get(service, path).status == 200
    plain = get(service, "/admin/login/")
    assert plain.status == 301
    assert plain.headers["Location"] == f"https://127.0.0.1:{service.port}/admin/login/"
    proxied = get(service, "/admin/login/", **{"X-Forwarded-Proto": "https"})
    assert proxied.status == 200
    assert proxied.headers["Strict-Transport-Security"] == "max-age=3600"
    assert "Secure" in proxied.headers["Set-Cookie"]


def test_no_caller_of_the_api_is_redirected(service: Service) -> None:
    service.environment |= {"DJANGO_TLS": "1", "SECURE_HSTS_SECONDS": "60"}
    service.environment |= {"SECURE_HSTS_INCLUDE_SUBDOMAINS": "1", "SECURE_HSTS_PRELOAD": "1"}
    service.environment["TRUSTED_PROXIES"] = "127.0.0.1"
    service.start()
    service.wait_until_it_answers()
    assert service.labels() == REFERENCE_LABELS[3]
    for method, path, status in (
        ("GET", "/api/skl-kmeans", 405),
        ("OPTIONS", "/api/skl-kmeans", 200),
        ("POST", "/api/nowhere", 404),
        ("GET", "/api/schema/", 200),
        ("GET", "/api/docs/", 301),
        ("GET", "/", 301),
        ("GET", "/playground/config", 301),
    ):
        assert get(service, path, method).status == status, path
    secure = get(service, "/", **{"X-Forwarded-Proto": "https"})
    hsts = "max-age=60; includeSubDomains; preload"
    assert secure.headers["Strict-Transport-Security"] == hsts


def test_only_the_proxy_is_trusted(service: Service) -> None:
    service.environment |= {"DJANGO_TLS": "1", "TRUSTED_PROXIES": "192.0.2.0/24"}
    service.start()
    service.wait_until_it_answers()
    assert get(service, "/admin/login/", **{"X-Forwarded-Proto": "https"}).status == 301


@pytest.mark.parametrize("tls", ["0", "1"])
def test_djangos_deployment_check_passes(service: Service, tls: str) -> None:
    service.environment["DJANGO_TLS"] = tls
    checked = service.manage("check", "--deploy", "--fail-level", "WARNING")
    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout + checked.stderr


def test_the_secret_key_is_created_once_and_is_private(service: Service) -> None:
    for _ in range(2):
        service.manage("check")
        path = service.folder / "state" / "secret_key"
        assert path.stat().st_mode & 0o777 == 0o600
        key = path.read_text()
        assert len(key) > 50
    assert key == path.read_text()
