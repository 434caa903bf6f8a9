"""The admin pages."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from clustering.models import RequestRecord
from nacos_integration.models import ConfigChange
from tests.conftest import Configure, Recorded
from tests.support.reference import REFERENCE_POINTS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin(client: Client) -> Client:
    user = get_user_model().objects.create_superuser("admin", "", "a-password-of-a-test")
    client.force_login(user)
    return client


def test_admin_asks_for_a_login(client: Client) -> None:
    response = client.get("/admin/clustering/requestrecord/")
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(
    ("zone", "shown", "time"),
    [("UTC", "UTC (+0000)", "16:30:00"), ("Asia/Shanghai", "Asia/Shanghai (+0800)", "00:30:00")],
)
def test_each_page_names_the_zone_of_its_times(
    admin: Client, zone: str, shown: str, time: str
) -> None:
    RequestRecord.objects.create(
        created_at=datetime(2026, 11, 30, 16, 30, tzinfo=UTC), status=200, duration_ms=1.0
    )
    with timezone.override(zone):
        for path in ("", "overview/", "clustering/requestrecord/"):
            assert f"Times are in {shown}." in admin.get(f"/admin/{path}").content.decode()
        assert time in admin.get("/admin/clustering/requestrecord/").content.decode()
    assert "Times are in" not in Client().get("/admin/login/").content.decode()


def test_live_config_shows_the_current_config_and_the_rejected_one(
    admin: Client, configure: Configure
) -> None:
    configure("clusters: 7\n")
    ConfigChange.objects.create(
        created_at=timezone.now(), outcome="rejected", reason="`clusters` is missing", after="k: 1"
    )
    page = admin.get("/admin/nacos_integration/configchange/").content.decode()
    assert "Current applied config" in page
    assert "clusters=7" in page
    assert "`clusters` is missing" in page
    assert "k: 1" in page


def test_history_shows_requests_and_cannot_be_changed(
    admin: Client, configure: Configure, recorded: Recorded
) -> None:
    response = admin.post(
        "/api/skl-kmeans", {"points": REFERENCE_POINTS}, content_type="application/json"
    )
    assert response.status_code == 200
    [record] = recorded()
    page = admin.get("/admin/clustering/requestrecord/").content.decode()
    assert record.config_version in page
    detail = admin.get(f"/admin/clustering/requestrecord/{record.pk}/change/").content.decode()
    assert "[12.0, 15.0]" in detail
    for action in ("add", f"{record.pk}/delete", f"{record.pk}/change"):
        assert admin.post(f"/admin/clustering/requestrecord/{action}/").status_code == 403
