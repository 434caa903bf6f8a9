"""Errors for people are pages; for programs they are problem documents."""

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from kmeans_project.urls import urlpatterns as project_urls

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
CHINESE = {"accept-language": "zh-CN"}


def refuse(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


urlpatterns = [*project_urls, path("refuse", refuse), path("fail", fail)]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "status", "heading"),
    [
        ("/nowhere", 404, "Page not found"),
        ("/static/nothing.js", 404, "Page not found"),
        ("/refuse", 403, "No permission"),
        ("/fail", 500, "Something went wrong"),
    ],
)
def test_a_browser_gets_a_page_with_links(address: str, status: int, heading: str) -> None:
    client = Client(raise_request_exception=False)
    response = client.get(address, headers=BROWSER)
    page = response.content.decode()
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("text/html")
    assert f"<h1>{heading}</h1>" in page
    for link in ('href="/"', 'href="/api/docs/"', 'href="/admin/"'):
        assert link in page
    assert "style=" not in page
    assert '<html lang="zh-hans">' in (
        client.get(address, headers=BROWSER | CHINESE).content.decode()
    )
    for accept in ("*/*", "application/json", ""):
        problem = client.get(address, headers={"accept": accept})
        assert problem.status_code == status
        assert problem.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("address", "status"),
    [("/api/skl-kmeans", 405), ("/api/nowhere", 404), ("/livez", 405)],
)
def test_the_api_answers_browsers_as_it_answers_programs(
    client: Client, address: str, status: int
) -> None:
    method = client.post if address == "/livez" else client.get
    response = method(address, headers=BROWSER)
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.django_db(transaction=True)
def test_so_does_the_admin(client: Client) -> None:
    clerk = get_user_model().objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    for address, status, heading in (
        ("/admin/overview/", 403, "No permission"),
        ("/admin/nowhere/", 404, "Page not found"),
    ):
        response = client.get(address, headers=BROWSER)
        assert response.status_code == status
        assert f"<h1>{heading}</h1>" in response.content.decode()


def test_a_form_without_its_token_gets_a_page() -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/i18n/setlang/", {"language": "en"}, headers=BROWSER)
    assert response.status_code == 403
    assert "<h1>The form was not accepted</h1>" in response.content.decode()
