"""Calls of the API from pages of other origins."""

import http.client
import json

from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.service import Service

PAGE = "https://pages.example:8443"
BODY = json.dumps({"points": REFERENCE_POINTS})


def send(
    service: Service, method: str = "POST", path: str = "/api/skl-kmeans", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    fields = {"Content-Type": "application/json"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, BODY if method == "POST" else None, fields)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def allowed(response: http.client.HTTPResponse) -> str | None:
    return response.headers.get("Access-Control-Allow-Origin")


def preflight(service: Service, **headers: str) -> http.client.HTTPResponse:
    asked = {
        "Access_Control_Request_Method": "POST",
        "Access_Control_Request_Headers": "content-type,authorization,x-request-id,traceparent",
    }
    return send(service, "OPTIONS", **asked, **headers)[0]


def test_pages_of_other_origins_may_not_call_by_default(live: Service) -> None:
    assert allowed(preflight(live, Origin=PAGE)) is None
    response, content = send(live, Origin=PAGE)
    assert json.loads(content) == {"results": REFERENCE_LABELS[3]}
    assert allowed(response) is None
    assert "Origin" not in (response.headers["Vary"] or "")


def test_pages_of_the_named_origins_may_call(service: Service) -> None:
    service.environment |= {
        "WORKERS": "1",
        "CORS_ALLOWED_ORIGINS": f"http://a.example, {PAGE}",
        "KMEANS_MAX_BODY_BYTES": "1000",
        "API_KEYS_REQUIRED": "true",
        "DJANGO_TLS": "true",
    }
    service.start()
    service.wait_until_it_answers()
    response = preflight(service, Origin=PAGE)
    assert (response.status, allowed(response)) == (200, PAGE)
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    for name in ("content-type", "authorization", "x-request-id", "traceparent"):
        assert name in response.headers["Access-Control-Allow-Headers"]
    # The server refuses these itself, and the page must see why.
    too_large = send(service, Origin=PAGE, Authorization="Api-Key x", Content_Length="9999")
    for (response, content), status in (
        (send(service, Origin=PAGE), 401),
        (too_large, 413),
        (send(service, path="/api/nowhere", Origin=PAGE), 404),
    ):
        assert (response.status, allowed(response)) == (status, PAGE)
        assert json.loads(content)["status"] == status
        assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
        assert response.headers["X-Request-ID"]
    for origin in ("https://pages.example", "https://evil.example", "null"):
        assert allowed(preflight(service, Origin=origin)) is None
        assert allowed(send(service, Origin=origin)[0]) is None
    for path in ("/livez", "/", "/admin/login/"):
        assert allowed(send(service, "GET", path, Origin=PAGE)[0]) is None
    assert "Traceback" not in service.log()
