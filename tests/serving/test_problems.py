"""Errors that Django finds before or beside a view, as callers meet them."""

import re
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from clustering.api import schema
from kmeans_project.pages import metrics
from serving.problems import status_by_code
from serving.status_titles import TITLES
from tests.support.problems import assert_problem

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"


@pytest.mark.parametrize("path", ["/nowhere", "/api/skl-kmeans/x", "/static/nothing", "/%00"])
def test_an_address_with_nothing_is_a_problem(client: Client, path: str) -> None:
    assert_problem(client.get(path), 404, "not-found")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz", "/metrics"])
def test_a_wrong_method_is_a_problem(path: str) -> None:
    response = Client(enforce_csrf_checks=True).post(path)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == "GET, HEAD"


def test_a_form_without_its_token_is_a_problem_for_programs_and_a_page_for_people() -> None:
    client = Client(enforce_csrf_checks=True)
    assert_problem(
        client.post("/admin/login/", headers={"accept": "application/json"}), 403, "forbidden"
    )
    page = client.post("/admin/login/", headers={"accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 403
    assert page.headers["Content-Type"].startswith("text/html")


def test_an_unexpected_error_outside_the_api_tells_nothing_of_the_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(metrics, "generate_latest", fail)
    response = Client(raise_request_exception=False).get("/metrics")
    problem = assert_problem(response, 500, "internal-server-error")
    assert "secret" not in str(problem)


@pytest.mark.django_db
def test_api_and_health_answer_under_any_host_and_the_admin_does_not(
    client: Client, settings: Settings
) -> None:
    settings.ADMIN_ALLOWED_HOSTS = ["admin.example.org"]
    for host in ("10.1.2.3:9999", "skl-kmeans", "skl_kmeans:9999", "[fd00::1]:9999", "a b"):
        for path in ("/livez", "/api/schema/"):
            assert client.get(path, headers={"host": host}).status_code == 200
        problem = assert_problem(
            client.get("/admin/login/", headers={"host": host}), 400, "host-not-allowed"
        )
        assert "DJANGO_ALLOWED_HOSTS" in problem["detail"]
    allowed = client.get("/admin/login/", headers={"host": "admin.example.org:9999"})
    assert allowed.status_code == 200


def test_every_type_is_documented_and_every_status_has_a_title_and_is_in_the_schema() -> None:
    text = DOCUMENT.read_text()
    for code, status in status_by_code().items():
        assert f"| `{code}` | {status} |" in text
    documented = re.findall(r"^\| `[a-z-]+` \| (\d+) \|", text, re.MULTILINE)
    assert {int(status) for status in documented} == set(TITLES)
    assert {str(status) for status in status_by_code().values()} - {"499", "501"} <= set(
        schema.PROBLEMS
    )
