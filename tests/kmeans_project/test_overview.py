"""The overview of the admin, and what can be done from there."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from clustering.history import statistics
from clustering.models import RequestRecord
from kmeans_project.pages import changes, verdict
from nacos_integration import conf, instance_address, md5_of
from nacos_integration.models import ConfigChange
from nacos_integration.state import publishing
from tests.conftest import Configure
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PAGE, PANELS = "/admin/overview/", "/admin/overview/panels/"
CLUSTERS, REGISTRY = "/admin/overview/clusters/", "/admin/overview/registry/"
AGAIN = "/admin/overview/publish/"


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


def panel(admin: Client, name: str) -> str:
    panels = admin.get(PANELS).content.decode()
    return panels.partition(f'id="panel-{name}"')[2].partition("</section>")[0]


def preview(admin: Client, clusters: int) -> dict[str, str]:
    """Return the fields of the form that publishes, as the preview has them."""
    page = admin.post(CLUSTERS, {"clusters": clusters}).content.decode()
    fields = re.findall(r'name="(clusters|replaces_md5)" value="(\w+)"', page)
    return dict(fields) | {"publish": "yes"}


def record_change(before: str, after: str, **fields: Any) -> ConfigChange:
    """Record a change that the agent of an instance applied."""
    values = {
        "created_at": timezone.now(),
        "instance": "10.0.0.5:9999",
        "source": "nacos",
        "outcome": "applied",
        "published_by": "",
    }
    return ConfigChange.objects.create(
        **values | fields, before=before, after=after, md5=md5_of(after)
    )


@pytest.mark.parametrize("path", [PAGE, PANELS, CLUSTERS, REGISTRY, f"{AGAIN}1/"])
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


def test_the_page_to_change_traffic_names_the_instance(admin: Client) -> None:
    assert f"{instance_address()} leaves the registry" in admin.get(REGISTRY).content.decode()


def test_what_users_did_is_told_in_the_language_of_the_page(
    admin: Client, configure: Configure
) -> None:
    told = {
        changes.NOT_PUBLISHED.format(error="timed out", change="clusters 3 → 4"): (
            "未发布（timed out）：clusters 3 → 4"
        ),
        changes.PUBLISHED.format(change="tol removed, it was 0.1"): "已发布：去掉 tol（原为 0.1）",
        changes.TAKING_OUT.format(instance="10.0.0.5:9999"): "正在从注册中心下线：10.0.0.5:9999",
        changes.PUT_BACK.format(instance="10.0.0.5:9999"): "已重新上线：10.0.0.5:9999，已确认",
    }
    for message in told:
        LogEntry.objects.create(
            user=get_user_model().objects.get(),
            content_type=changes.content_type(),
            action_flag=CHANGE,
            change_message=message,
        )
    english = panel(admin, "changes")
    chinese = admin.get(PANELS, headers={"accept-language": "zh-CN"}).content.decode()
    for message, translation in told.items():
        assert message in english
        assert message not in chinese
        assert translation in chinese


def test_what_a_user_may_not_see_or_do_is_not_there(client: Client, configure: Configure) -> None:
    configure("clusters: 3\n")
    page = member(client, "view_configchange").get(PAGE).content.decode()
    assert "panel-hour" not in page
    assert CLUSTERS not in page
    row = record_change("", "clusters: 5\n")
    for path in (CLUSTERS, REGISTRY, f"{AGAIN}{row.pk}/"):
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
    assert entry.change_message == "published: clusters 3 → 4"
    wait_until(lambda: ConfigChange.objects.filter(md5=md5_of(after)).exists())
    assert ConfigChange.objects.get(md5=md5_of(after)).published_by == "ada"
    page = panel(admin, "changes")
    assert page.count("<strong>ada</strong>") == 1
    assert "clusters 3 → 4; unknown keys ignored: colour" in page
    assert md5_of(after) not in page


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


def test_changes_are_told_in_words(admin: Client, configure: Configure) -> None:
    configure("clusters: 3\n")
    ConfigChange.objects.all().delete()
    start = timezone.now() - timedelta(hours=1)
    rollout = {"workers": 2, "in_force_after_seconds": 0.25, "created_at": start}
    record_change("", "clusters: 3\n", source="snapshot", published_by=None)
    record_change("clusters: 3\n", "clusters: 4\n", **rollout, published_by="<i>ada</i>")
    later = rollout | {"workers": 4, "created_at": start + timedelta(minutes=5)}
    record_change("clusters: 4\n", "clusters: 4\ninit: random\n", **later)
    record_change("clusters: 4\n", "k: 4\n", outcome="rejected", reason="`clusters` is missing")
    page = panel(admin, "changes")
    for text in (
        "started with the last good config",
        "the agent of 10.0.0.5:9999",
        "<strong>&lt;i&gt;ada&lt;/i&gt;</strong>",
        "clusters 3 → 4, in force in all 2 workers after 0.25 s",
        "published elsewhere",
        "init set to random, in force in all 4 workers after 0.25 s",
        "Rejected: `clusters` is missing",
    ):
        assert text in page
    assert not re.search("[0-9a-f]{32}", page)


def test_a_change_of_several_instances_is_told_once(admin: Client, configure: Configure) -> None:
    configure("clusters: 3\n")
    ConfigChange.objects.all().delete()
    start = timezone.now() - timedelta(hours=1)
    for i, publisher in enumerate(("", "ada", "")):
        record_change(
            "clusters: 3\n", "clusters: 4\n", workers=2, in_force_after_seconds=0.5 + i,
            instance=f"10.0.0.{i}:9999", published_by=publisher,
            created_at=start + timedelta(seconds=i),
        )  # fmt: skip
    page = panel(admin, "changes")
    assert "clusters 3 → 4, in force in all 6 workers of 3 instances after 2.5 s" in page
    assert page.count("clusters 3 → 4") == 1
    # The same change of one of them, later.
    record_change("clusters: 3\n", "clusters: 4\n", instance="10.0.0.1:9999")
    assert panel(admin, "changes").count("clusters 3 → 4") == 2


def test_a_config_of_before_is_published_again_after_a_look_at_it(
    admin: Client, configure: Configure
) -> None:
    old = "# as it was\nclusters: 5\n"
    configure("clusters: 3\n")
    address = f"{AGAIN}{record_change('', old).pk}/"
    assert f'href="{address}"' in panel(admin, "changes")
    page = admin.get(address).content.decode()
    assert '<strong id="change">clusters 3 → 5</strong>' in page
    assert '<span class="added"># as it was</span>'.replace("#", "+#") in page
    assert publishing.read_text() == "clusters: 3\n"
    seen = re.findall(r'name="replaces_md5" value="(\w+)"', page)
    body = {"publish": "yes", "replaces_md5": seen[0]}
    configure("clusters: 9\n")
    page = admin.post(address, body).content.decode()
    assert "Somebody else has changed the config meanwhile" in page
    assert publishing.read_text() == "clusters: 9\n"
    response = admin.post(address, body | {"replaces_md5": md5_of("clusters: 9\n")}, follow=True)
    assert response.redirect_chain == [(PAGE, 302)]
    assert publishing.read_text() == old
    assert LogEntry.objects.get().change_message == "published: clusters 9 → 5"
    assert "is published already" in admin.get(address).content.decode()
    wait_until(lambda: f'href="{address}"' not in panel(admin, "changes"))


@pytest.mark.parametrize(
    ("fields", "status", "why"),
    [
        ({"outcome": "rejected"}, 404, "not-found"),
        ({"after": "clusters: 1001\n"}, 200, "must be from 1 to 1000"),
    ],
)
def test_what_is_not_valid_is_not_published_again(
    admin: Client, configure: Configure, fields: dict[str, str], status: int, why: str
) -> None:
    configure("clusters: 3\n")
    row = record_change("", **{"after": "clusters: 5\n"} | fields)
    for response in (
        admin.get(f"{AGAIN}{row.pk}/"),
        admin.post(
            f"{AGAIN}{row.pk}/", {"publish": "yes", "replaces_md5": md5_of("clusters: 3\n")}
        ),
    ):
        assert response.status_code == status
        assert why in response.content.decode()
    assert publishing.read_text() == "clusters: 3\n"


def test_the_page_of_a_change_leads_to_publishing_it_again(
    admin: Client, configure: Configure
) -> None:
    configure("clusters: 3\n")
    applied = record_change("", "clusters: 5\n")
    rejected = record_change("", "clusters: no\n", outcome="rejected")
    address = "/admin/nacos_integration/configchange/{}/change/".format
    assert f"{AGAIN}{applied.pk}/" in admin.get(address(applied.pk)).content.decode()
    assert AGAIN not in admin.get(address(rejected.pk)).content.decode()


@pytest.mark.parametrize(
    ("query", "value"), [("?clusters=5", "5"), ("?clusters=x", "3"), ("?clusters=", "3")]
)
def test_the_form_starts_with_the_number_in_the_address(
    admin: Client, configure: Configure, query: str, value: str
) -> None:
    configure("clusters: 3\n")
    page = admin.get(CLUSTERS + query).content.decode()
    assert re.search(rf'name="clusters" value="{value}"', page)
    assert publishing.read_text() == "clusters: 3\n"


def test_one_line_says_whether_all_is_well(admin: Client, configure: Configure) -> None:
    configure("clusters: 3\n")
    wait_until(lambda: "All is well." in panel(admin, "verdict"))
    Path(settings.KMEANS_CONFIG_FILE).write_text("clusters: many\n")
    wait_until(lambda: "The last config was rejected." in panel(admin, "verdict"))
    line = panel(admin, "verdict")
    assert 'href="#panel-config"' in line
    assert "All is well" not in line
    configure("clusters: 3\n")
    wait_until(lambda: "All is well." in panel(admin, "verdict"))


class Seen:
    """What the verdict needs to know of all instances."""

    def __init__(self, agreement: str) -> None:
        self.agreement = agreement


@pytest.mark.usefixtures("configure")
@pytest.mark.parametrize(
    ("changed", "panel_name", "text"),
    [
        ({"config": {"source_error": "no answer"}}, "config", "source of the config"),
        ({"config": {"write_error": "disk full"}}, "config", "cannot be written"),
        ({"config": {"file_error": "removed"}}, "config", "file is damaged"),
        ({"view": Seen("differ")}, "instances", "Not all workers"),
        ({"view": Seen("unknown")}, "instances", "do not answer"),
        ({"registration": {"state": "retrying"}}, "registry", "not registered"),
        ({"registration": {}}, "registry", "not registered"),
        (
            {"instances": [{"address": "10.0.0.5:9999", "differences": ["not listed"]}]},
            "registry",
            "10.0.0.5:9999: not listed",
        ),
        ({"agent": {"database": {"reachable": False}}}, "changes", "history waits"),
    ],
)
def test_what_is_not_well_leads_to_the_panel_about_it(
    changed: dict[str, Any], panel_name: str, text: str
) -> None:
    well: dict[str, Any] = {
        "config": {},
        "view": Seen("agree"),
        "has_registry": True,
        "registration": {"state": "registered"},
        "instances": [{"address": "10.0.0.5:9999", "differences": []}],
        "agent": {"database": {"reachable": True}},
    }
    assert list(verdict.problems(well)) == []
    assert list(verdict.problems(well | {"view": Seen("changing")})) == []
    ((panel, shown),) = verdict.problems(well | changed)
    assert (panel, text in shown) == (panel_name, True)
