"""Logins: what is limited, for whom, and what is recorded."""

import base64
import ipaddress
import logging
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from kmeans_project.models import LoginFailure
from kmeans_project.pages import logins

LOGIN = "/admin/login/"
PASSWORD = "a-password-of-a-test"
HTML = {"accept": "text/html"}


@pytest.fixture(autouse=True)
def _ada(transactional_db: None, settings: Settings) -> None:
    settings.LOGIN_FAILURES_MAX = 3
    # Fast, because what is counted here is not time.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    get_user_model().objects.create_superuser("ada", "", PASSWORD)


def log_in(
    client: Client, name: str = "ada", password: str = "wrong", **more: Any
) -> tuple[int, str | None]:
    """Return status and Retry-After of a login."""
    form = {"username": name, "password": password, "next": "/admin/"}
    response = client.post(LOGIN, form, **({"headers": HTML} | more))
    return response.status_code, response.headers.get("Retry-After")


def test_failures_are_limited_and_the_right_password_is_refused_too(
    client: Client, settings: Settings
) -> None:
    for _ in range(3):
        assert log_in(client) == (200, None)
    for password in ("wrong", PASSWORD):
        assert log_in(client, password=password) == (429, "300")
    assert LoginFailure.objects.count() == 3
    page = client.post(LOGIN, {"username": "ada", "password": PASSWORD}, headers=HTML)
    assert "Too many failed logins from your address." in page.content.decode()


def test_it_ends_by_itself(client: Client, settings: Settings) -> None:
    for _ in range(3):
        log_in(client)
    assert log_in(client, password=PASSWORD)[0] == 429
    LoginFailure.objects.update(created_at=timezone.now() - timedelta(seconds=299))
    assert log_in(client, password=PASSWORD)[0] == 429
    LoginFailure.objects.update(created_at=timezone.now() - timedelta(seconds=301))
    assert log_in(client, password=PASSWORD)[0] == 302


def test_nobody_is_locked_out_from_another_address(client: Client) -> None:
    for _ in range(5):
        log_in(client, REMOTE_ADDR="192.0.2.1")
    assert log_in(client, password=PASSWORD, REMOTE_ADDR="192.0.2.1")[0] == 429
    assert log_in(client, password=PASSWORD, REMOTE_ADDR="192.0.2.2")[0] == 302


def test_another_name_from_the_same_address_may_log_in(client: Client) -> None:
    get_user_model().objects.create_superuser("bob", "", PASSWORD)
    for _ in range(5):
        log_in(client)
    assert log_in(client, name="bob", password=PASSWORD)[0] == 302


def test_many_names_from_an_address_are_limited_too(client: Client) -> None:
    most = 3 * logins.NAMES_PER_ADDRESS
    statuses = [log_in(client, name=f"user{number}")[0] for number in range(most + 2)]
    assert statuses == [200] * most + [429] * 2


def test_one_name_written_in_several_ways_is_one(client: Client) -> None:
    for name in ("ada", " ada ", "ａｄａ"):
        assert log_in(client, name=name)[0] == 200
    assert log_in(client)[0] == 429


def test_the_address_is_the_one_that_trusted_proxies_report(
    client: Client, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.0/8")]
    for forged in range(4):
        forwarded = {"x-forwarded-for": f"10.0.0.{forged}, 192.0.2.1"}
        log_in(client, headers=HTML | forwarded)
    assert set(LoginFailure.objects.values_list("address", flat=True)) == {"192.0.2.1"}
    forwarded = {"x-forwarded-for": "192.0.2.1"}
    assert log_in(client, password=PASSWORD, headers=HTML | forwarded)[0] == 429
    settings.TRUSTED_PROXIES = []
    assert log_in(client, password=PASSWORD, headers=HTML | forwarded)[0] == 302


def test_addresses_of_one_ipv6_network_are_one(client: Client) -> None:
    for number in range(3):
        log_in(client, REMOTE_ADDR=f"2001:db8:1:2::{number}")
    assert log_in(client, REMOTE_ADDR="2001:db8:1:2:ffff::1")[0] == 429
    assert log_in(client, REMOTE_ADDR="2001:db8:1:3::1")[0] == 200


def test_who_reads_no_html_gets_a_problem(client: Client) -> None:
    for _ in range(3):
        log_in(client)
    response = client.post(LOGIN, {"username": "ada", "password": PASSWORD})
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "300"
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "too many failed logins" in response.json()["detail"]


def test_a_lockout_ends_no_session(client: Client) -> None:
    assert log_in(client, password=PASSWORD)[0] == 302
    for _ in range(4):
        log_in(Client())
    assert client.get("/admin/").status_code == 200


def test_an_incomplete_form_is_no_failure(client: Client) -> None:
    for name, password in (("", "x"), ("ada", ""), ("a\0", "x")):
        assert log_in(client, name=name, password=password)[0] == 200
    assert not LoginFailure.objects.exists()


def test_a_long_name_is_cut(client: Client) -> None:
    assert log_in(client, name="a" * 100_000)[0] == 200
    assert LoginFailure.objects.get().username == "a" * logins.NAME_MAX


def test_failures_are_logged_and_shown(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "kmeans_project.pages.logins"):
        log_in(client, name="eve\n<b>", REMOTE_ADDR="192.0.2.9")
    assert caplog.messages == ["login failed: 'eve\\n<b>' from 192.0.2.9"]
    user = get_user_model().objects.get()
    client.force_login(user)
    page = client.get("/admin/kmeans_project/loginfailure/").content.decode()
    assert "192.0.2.9" in page
    assert "&lt;b&gt;" in page
    row = LoginFailure.objects.get()
    for action in ("add", f"{row.pk}/delete", f"{row.pk}/change"):
        assert client.post(f"/admin/kmeans_project/loginfailure/{action}/").status_code == 403


def test_the_record_is_limited(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "KEPT_ROWS", 2)
    for number in range(5):
        log_in(client, REMOTE_ADDR=f"192.0.2.{number}")
    addresses = set(LoginFailure.objects.values_list("address", flat=True))
    assert addresses == {"192.0.2.3", "192.0.2.4"}


def test_only_a_few_wait_for_a_check(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "WAIT_SECONDS", 0.5)
    with logins._CHECKS, logins._CHECKS:
        statuses: list[int] = []

        def call() -> None:
            try:
                statuses.append(log_in(Client())[0])
            finally:
                connection.close()  # of this thread

        callers = [threading.Thread(target=call) for _ in range(20)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert statuses == [503] * 20
        assert log_in(client) == (503, str(logins.RETRY_SECONDS))
    assert not LoginFailure.objects.exists()
    assert log_in(client, password=PASSWORD)[0] == 302


def test_a_password_in_a_header_is_not_checked(client: Client) -> None:
    credentials = base64.b64encode(b"ada:wrong").decode()
    response = client.get("/api/schema/", headers={"authorization": f"Basic {credentials}"})
    assert response.status_code == 200


@pytest.mark.parametrize("name", ["LOGIN_FAILURES_MAX", "LOGIN_COOL_OFF_SECONDS"])
def test_limits_that_would_lock_everybody_out_are_reported(settings: Settings, name: str) -> None:
    setattr(settings, name, 0)
    with pytest.raises(SystemCheckError, match=f"{name}: 0"):
        call_command("check")
