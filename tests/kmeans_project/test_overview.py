"""The overview of the admin, and what can be done from there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from clustering.history import statistics
from clustering.models import RequestRecord
from nacos_integration import conf, md5_of
from nacos_integration.models import ConfigChange
from nacos_integration.state import publishing
from tests.conftest import Configure
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PAGE, PANELS = "/admin/overview/", "/admin/overview/panels/"
CLUSTERS, REGISTRY = "/admin/overview/clusters/", "/admin/overview/registry/"


@pytest.fixture
def admin(client: Client) -> Client:
    user = get_user_model().objects.create_superuser("ada", "", "a-password-of-a-test")
    client.force_login(user)
    return client


def member(client: Client, *permissions: str) -> Client:
    """Log in as somebody of the staff who has no more than these permissions."""
    user = get_user_model().objects.create_user("bob", "", "a-password-of-a-test", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def preview(admin: Client, clusters: int) -> dict[str, str]:
    """Return the fields of the form that publishes, as the preview has them."""
    page = admin.post(CLUSTERS, {"clusters": clusters}).content.decode()
    fields = re.findall(r'name="(clusters|replaces_md5)" value="(\w+)"', page)
    return dict(fields) | {"publish": "yes"}


@pytest.mark.parametrize("path", [PAGE, PANELS, CLUSTERS, REGISTRY])
def test_who_is_not_logged_in_is_asked_to(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/admin/login/")


def test_it_is_the_first_thing_that_the_admin_links(admin: Client) -> None:
    page = admin.get("/admin/").content.decode()
    assert page.index(PAGE) < page.index("/admin/clustering/")
    assert page.count(PAGE) == 2  # in the header, and above the models


def test_the_page_says_what_is_in_force_and_who_runs_it(
    admin: Client, configure: Configure
) -> None:
    configure("# <b>why</b>\nclusters: 7\n")
    page = admin.get(PAGE).content.decode()
    for text in (
        "clusters=7",
        md5_of("# <b>why</b>\nclusters: 7\n"),
        "# &lt;b&gt;why&lt;/b&gt;",
        conf.load().config_key,
        "All workers of all instances run the same config",
        "There is no registry",
    ):
        assert text in page
    assert "style=" not in page.partition('<main id="content-start"')[2]


def test_the_panels_are_those_of_the_page(admin: Client, configure: Configure) -> None:
    configure("clusters: 3\n")
    panels = re.findall(r'<section class="module" id="(\S+)"', admin.get(PANELS).content.decode())
    assert panels == [
        "panel-config", "panel-instances", "panel-registry", "panel-hour", "panel-changes",
    ]  # fmt: skip
    assert panels == re.findall(
        r'<section class="module" id="(\S+)"', admin.get(PAGE).content.decode()
    )


def test_the_last_rejected_text_is_told_with_its_reason(
    admin: Client, configure: Configure
) -> None:
    configure("clusters: 3\n")
    Path(settings.KMEANS_CONFIG_FILE).write_text("clusters: many\n")
    wait_until(lambda: "must be a whole number" in admin.get(PANELS).content.decode())
    page = admin.get(PANELS).content.decode()
    assert "clusters=3" in page


@pytest.fixture
def _nothing_counted() -> Iterator[None]:
    statistics._counted.clear()
    statistics._cached_hour = None
    yield
    statistics._counted.clear()
    statistics._cached_hour = None


@pytest.mark.usefixtures("_nothing_counted", "recorded")
def test_requests_of_the_last_hour_are_drawn_and_told(admin: Client, configure: Configure) -> None:
    for status, outcome in ((200, "ok"), (503, "<i>64 requests</i> wait already")):
        RequestRecord.objects.create(
            created_at=timezone.now(), client="10.0.0.1", duration_ms=4.0, status=status,
            outcome=outcome,
        )  # fmt: skip
    page = admin.get(PANELS).content.decode()
    assert "2 recorded requests in the last hour." in page
    assert "Rejected: 1." in page
    assert "&lt;i&gt;64 requests&lt;/i&gt; wait already" in page
    assert page.count('role="img"') == 2
    assert "2 requests, 1 rejected" in page


def test_what_a_user_may_not_see_or_do_is_not_there(client: Client, configure: Configure) -> None:
    configure("clusters: 3\n")
    page = member(client, "view_configchange").get(PAGE).content.decode()
    assert "panel-hour" not in page
    assert CLUSTERS not in page
    for path in (CLUSTERS, REGISTRY):
        for response in (client.get(path), client.post(path, {"clusters": 4, "wish": "out"})):
            assert response.status_code == 403
    assert not conf.load().offline_path.exists()
    assert publishing.read_text() == "clusters: 3\n"
    assert not LogEntry.objects.exists()


def test_who_may_not_see_the_config_sees_no_overview(client: Client) -> None:
    member(client, "view_requestrecord", "publish_config")
    assert client.get(PAGE).status_code == client.get(PANELS).status_code == 403
    assert client.get(CLUSTERS).status_code == 403
    assert PAGE not in client.get("/admin/").content.decode()


def test_clusters_are_changed_after_a_look_at_the_difference(
    admin: Client, configure: Configure
) -> None:
    before = "# three\nclusters: 3  # for <now>\ncolour: red\n"
    after = before.replace("clusters: 3", "clusters: 4")
    configure(before)
    assert 'value="3"' in admin.get(CLUSTERS).content.decode()
    page = admin.post(CLUSTERS, {"clusters": 4}).content.decode()
    assert '<span class="removed">-clusters: 3  # for &lt;now&gt;</span>' in page
    assert '<span class="added">+clusters: 4  # for &lt;now&gt;</span>' in page
    assert "unknown keys ignored: colour" in page
    assert publishing.read_text() == before
    response = admin.post(CLUSTERS, preview(admin, 4), follow=True)
    assert response.redirect_chain == [(PAGE, 302)]
    assert publishing.read_text() == after
    entry = LogEntry.objects.get()
    assert entry.user.get_username() == "ada"
    expected = f"published clusters: 4, md5 {md5_of(before)} -> {md5_of(after)}"
    assert entry.change_message == expected
    wait_until(lambda: ConfigChange.objects.filter(md5=md5_of(after)).exists())
    page = admin.get(PANELS).content.decode()
    assert "<strong>ada</strong>" in page
    assert expected.replace(">", "&gt;") in page


def test_what_somebody_changed_after_the_preview_is_not_overwritten(
    admin: Client, configure: Configure
) -> None:
    configure("clusters: 3\n")
    seen = preview(admin, 4)
    configure("clusters: 9\n")
    page = admin.post(CLUSTERS, seen).content.decode()
    assert "Somebody else has changed the config meanwhile" in page
    assert publishing.read_text() == "clusters: 9\n"
    assert not LogEntry.objects.exists()
    # And the form shows what there is now.
    assert "clusters: 9" in page


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("0", "greater than or equal to 1"),
        ("1001", "less than or equal to 1000"),
        ("three", "Enter a whole number"),
        ("", "This field is required"),
        ("3", "has this number already"),
    ],
)
def test_a_number_that_changes_nothing_or_is_none_is_refused(
    admin: Client, configure: Configure, wanted: str, why: str
) -> None:
    configure("clusters: 3\n")
    for more in ({}, {"publish": "yes", "replaces_md5": md5_of("clusters: 3\n")}):
        page = admin.post(CLUSTERS, {"clusters": wanted, **more}).content.decode()
        assert why in page
    assert publishing.read_text() == "clusters: 3\n"


def test_a_bad_text_can_be_put_right(admin: Client, configure: Configure) -> None:
    configure("clusters: 3\n")
    Path(settings.KMEANS_CONFIG_FILE).write_text("clusters: [\n")
    wait_until(lambda: publishing.read_text() == "clusters: [\n")
    assert '<span class="removed">-clusters: [</span>' in (
        admin.post(CLUSTERS, {"clusters": 5}).content.decode()
    )
    admin.post(CLUSTERS, preview(admin, 5))
    assert publishing.read_text() == "clusters: 5\n"


def test_forms_need_their_token(configure: Configure, admin: Client) -> None:
    configure("clusters: 3\n")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin.cookies
    body = {"clusters": 4, "publish": "yes", "replaces_md5": md5_of("clusters: 3\n")}
    assert strict.post(CLUSTERS, body).status_code == 403
    assert publishing.read_text() == "clusters: 3\n"
