"""The playground without a browser; tests/e2e/test_playground.py uses one."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client

from nacos_integration import md5_of
from tests.conftest import Configure


def test_it_needs_no_database_no_login_and_no_allowed_host(client: Client) -> None:
    response = client.get("/", headers={"host": "some_service:80"})
    assert response.status_code == 200
    assert "sessionid" not in response.cookies
    assert client.head("/").status_code == 200
    assert client.post("/").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_it_shows_the_current_config(client: Client, configure: Configure) -> None:
    configure(text := "clusters: 17\n")
    assert '<strong id="current-clusters">17</strong>' in client.get("/").content.decode()
    shown = client.get("/playground/config").json()
    assert shown == {"clusters": 17, "version": md5_of(text)[:12]}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("configure")
def test_who_may_publish_gets_the_address_for_it(client: Client) -> None:
    def has_address() -> bool:
        page = client.get("/").content.decode()
        assert ('data-publish=""' in page) is not ("/admin/overview/clusters/" in page)
        return "/admin/overview/clusters/" in page

    assert not has_address()
    user = get_user_model().objects.create_user("ada", is_staff=True)
    client.force_login(user)
    assert not has_address()
    wanted = ("view_configchange", "publish_config")
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    assert has_address()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_session RENAME TO elsewhere")
        try:
            assert not has_address()
        finally:
            cursor.execute("ALTER TABLE elsewhere RENAME TO django_session")
