"""The playground without a browser; tests/e2e/test_playground.py uses one."""

import pytest
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
