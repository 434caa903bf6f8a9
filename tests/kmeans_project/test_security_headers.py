"""The security headers of pages."""

import pytest
from django.test import Client

from kmeans_project.middleware import CONTENT_SECURITY_POLICY

POLICY = "Content-Security-Policy"


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/api/schema/", "/static/admin/css/base.css", "/nowhere"]
)
@pytest.mark.django_db
def test_pages_load_only_same_origin_resources(client: Client, path: str) -> None:
    response = client.get(path)
    response.close()  # the file
    assert response.headers[POLICY] == CONTENT_SECURITY_POLICY
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"


def test_swagger_ui_may_also_use_data_images(client: Client) -> None:
    response = client.get("/api/docs/")
    assert response.headers[POLICY] == f"{CONTENT_SECURITY_POLICY}; img-src 'self' data:"


def test_api_health_and_metrics_have_no_policy(client: Client) -> None:
    for path in ("/api/skl-kmeans", "/livez", "/metrics"):
        assert POLICY not in client.get(path).headers
