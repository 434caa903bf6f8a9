"""The admin's pages of API keys."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from clustering.api import api_keys
from clustering.models import ApiKey
from tests.support.api_keys import create_key, post

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("configure")]

ADMIN = "/admin/clustering/apikey/"


@pytest.fixture
def admin(admin_client: Client) -> Client:
    admin_client.defaults["SERVER_NAME"] = "localhost"
    return admin_client


def test_a_new_key_is_shown_once_and_can_be_revoked(
    keyring: api_keys.Keyring, admin: Client
) -> None:
    form = {"name": "reports", "requests_per_minute": "5"}
    page = admin.post(ADMIN + "add/", form, follow=True).content.decode()
    row = ApiKey.objects.get()
    assert (row.name, row.requests_per_minute, row.revoked) == ("reports", 5, False)
    assert "it is not shown again" in page
    start = page.index(row.prefix + ".")
    key = page[start : start + 41]
    assert keyring.find(key)
    change = f"{ADMIN}{row.pk}/change/"
    for address in (ADMIN, change):
        assert key not in admin.get(address).content.decode()

    # Saving keeps the requests counted while the form was open.
    assert post(key).status_code == 200
    assert "Refused everywhere within 10 seconds" in admin.get(change).content.decode()
    assert admin.post(change, {**form, "revoked": "on"}).status_code == 302
    row.refresh_from_db()
    assert (row.revoked, row.count) == (True, 1)
    admin.post(change, form)
    row.refresh_from_db()
    assert row.revoked


@pytest.mark.parametrize("year", ["0001", "1999", "9001", "9999"])
def test_a_time_of_expiry_that_not_all_zones_have_is_refused(
    admin: Client, settings: Settings, year: str
) -> None:
    settings.TIME_ZONE = "Asia/Shanghai"
    form = {"name": "reports", "expiry_date_0": f"{year}-01-01", "expiry_date_1": "00:00:00"}
    page = admin.post(ADMIN + "add/", form).content.decode()
    assert "The year must be from 2000 to 9000." in page
    assert not ApiKey.objects.exists()


def test_the_list_says_in_words_which_keys_are_accepted(admin: Client, settings: Settings) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    used = timezone.now().replace(second=0, microsecond=0)
    create_key(name="one", last_used=used)
    create_key(name="two", expiry_date=yesterday)
    create_key(name="three", expiry_date=yesterday, revoked=True)
    page = admin.get(ADMIN).content.decode()
    states = re.findall(r'<td class="field-state">(\w+)</td>', page)
    assert states == ["revoked", "expired", "active"]
    assert page.count('<td class="field-last_used nowrap">-</td>') == 2
    assert "<img" not in page.partition('id="result_list"')[2]
    assert "API_KEYS_REQUIRED" in page
    settings.API_KEYS_REQUIRED = True
    assert "API_KEYS_REQUIRED" not in admin.get(ADMIN).content.decode()


def test_saving_does_not_change_the_count(admin: Client) -> None:
    row, _ = create_key(requests_per_minute=5, minute=1, count=3)
    form = {"name": "renamed", "requests_per_minute": "6"}

    def count_meanwhile(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if sql.startswith("UPDATE") and "renamed" in repr(arguments):
            with connection.cursor() as cursor:
                cursor.execute("UPDATE clustering_apikey SET count = 4 WHERE count = 3")
        return execute(sql, *arguments)

    with connection.execute_wrapper(count_meanwhile):
        admin.post(f"{ADMIN}{row.pk}/change/", form)
    row.refresh_from_db()
    assert (row.name, row.requests_per_minute, row.count) == ("renamed", 6, 4)


def test_only_a_revoked_key_can_be_deleted(admin: Client) -> None:
    used, _ = create_key()
    revoked, _ = create_key(revoked=True)
    for row, status in ((used, 403), (revoked, 302)):
        response = admin.post(f"{ADMIN}{row.pk}/delete/", {"post": "yes"})
        assert response.status_code == status
    selected = {"action": "delete_selected", "_selected_action": [used.pk], "post": "yes"}
    admin.post(ADMIN, selected)
    assert [row.pk for row in ApiKey.objects.all()] == [used.pk]


def test_a_limit_below_one_is_rejected_and_the_library_keys_are_hidden(admin: Client) -> None:
    form = {"name": "none", "requests_per_minute": "0"}
    assert "greater than or equal to 1" in admin.post(ADMIN + "add/", form).content.decode()
    assert not ApiKey.objects.exists()
    assert admin.get("/admin/rest_framework_api_key/apikey/").status_code == 404
