"""The request history in the admin: its list, its export, and the page of one request."""

import csv
import html
import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from sklearn.cluster import KMeans

from benchmarks import history as benchmark
from clustering.history import changelist, export, reading, replay
from clustering.history.reading import Selection
from clustering.models import RequestRecord
from tests.conftest import Configure
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/clustering/requestrecord/"
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.fixture
def admin(client: Client) -> Client:
    user = get_user_model().objects.create_superuser("admin")
    client.force_login(user)
    return client


def make(**fields: Any) -> RequestRecord:
    values = {"created_at": NOON, "duration_ms": 1.0, "status": 200, "outcome": "ok"} | fields
    return RequestRecord.objects.create(**values)


def reference(**fields: Any) -> RequestRecord:
    values = {
        "points": 9,
        "dimensions": 2,
        "clusters": 3,
        "payload": REFERENCE_POINTS,
        "labels": REFERENCE_LABELS[3],
    }
    return make(**values | fields)


def listed(admin: Client, address: str) -> list[int]:
    """Return the ids on all pages that begin with this one."""
    found: list[int] = []
    while address:
        changelist = admin.get(LIST + address).context["cl"]
        found += [row.pk for row in changelist.result_list]
        address = changelist.older
    return found


def test_pages_go_through_all_rows_once_in_their_order(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clustering.admin.RequestRecordAdmin.list_per_page", 7)
    monkeypatch.setattr(reading, "MAX_EXAMINED_ROWS", 10)
    rows = [
        # Written out of order, some at the same moment.
        make(
            created_at=NOON + timedelta(seconds=i * 7 % 13),
            status=(200, 200, 422, 503)[i % 4],
            clusters=3 + (i % 5 == 0),
        )
        for i in range(60)
    ]

    def expected(**fields: int) -> list[int]:
        chosen = [row for row in rows if all(vars(row)[f] == v for f, v in fields.items())]
        return [row.pk for row in sorted(chosen, key=lambda r: (r.created_at, r.pk), reverse=True)]

    assert listed(admin, "?") == expected()
    assert listed(admin, "?status=422") == expected(status=422)
    assert listed(admin, "?clusters=4") == expected(clusters=4)
    assert listed(admin, "?clusters=4&status=200") == expected(clusters=4, status=200)
    errors = [row.pk for row in rows if row.status >= 400]
    assert listed(admin, "?status=4xx") == expected(status=422)
    merged = Selection(statuses=(422, 503)).page(["created_at"], 100)
    assert [row.pk for row in merged.rows] == [pk for pk in expected() if pk in errors]


FILTERS = {
    "?": "abcdef",
    "?status=503": "d",
    "?status=2xx": "abf",
    "?status=4xx": "ce",
    "?status=5xx": "d",
    "?clusters=4": "b",
    "?config_version=v2": "b",
    "?problem=overloaded": "d",
    "?client=10.0.0.2": "ac",
    "?at_least_ms=100": "de",
    "?at_least_ms=100&status=422": "e",
    "?date=2025": "f",
    "?date=2026": "abcde",
    "?date=2026-03": "abcd",
    "?date=2026-03-14": "ab",
    "?date=2026-03-14T12": "a",
    "?date=2026-03-14T13:30": "b",
    "?date=2026-03-14T13:31": "",
    "?date=2026-03&status=4xx&client=10.0.0.2": "c",
    "?q=order-1": "ab",
    "?q=order-12": "b",
    "?q=ORDER-1": "",
    "?q=order-1&status=4xx": "",
    "?q=%25": "",
    "?q=order-1%00": "abcdef",  # Django's own answer to it
}


def test_filters_and_search(admin: Client) -> None:
    day = timedelta(days=1)
    rows = {
        "a": make(request_id="order-11", client="10.0.0.2", clusters=3, config_version="v1"),
        "b": make(
            created_at=NOON + timedelta(minutes=90, seconds=59),
            request_id="order-12",
            clusters=4,
            config_version="v2",
        ),
        "c": make(created_at=NOON + day, status=400, client="10.0.0.2"),
        "d": make(created_at=NOON - day, status=503, problem="overloaded", duration_ms=100.0),
        "e": make(created_at=NOON + 20 * day, status=422, duration_ms=5000.0),
        "f": make(created_at=NOON - 90 * day, request_id="Order-1"),
    }
    for address, expected in FILTERS.items():
        found = listed(admin, address)
        assert set(found) == {rows[name].pk for name in expected}, address


def test_filters_offer_what_there_is(admin: Client) -> None:
    make(clusters=12, config_version="abc123", client="10.9.8.7")
    make(created_at=NOON - timedelta(days=400), status=503)

    def choices(address: str) -> str:
        page = admin.get(LIST + address).content.decode()
        return page.partition('id="changelist-filter"')[2]

    first = choices("")
    for shown in ("?clusters=12", "?config_version=abc123", "?client=10.9.8.7"):
        assert f'href="{shown}"' in first
    assert "200 OK" in first
    assert "503 Service Unavailable" in first
    assert 'href="?date=2026"' in first
    assert 'href="?date=2025"' in first
    assert 'href="?date=2026-03"' in choices("?date=2026")
    assert 'href="?date=2026-03-14"' in choices("?date=2026-03")
    assert 'href="?date=2026-03-14T12"' in choices("?date=2026-03-14").replace("%3A", ":")
    assert 'href="?date=2026-03-14T12:00"' in choices("?date=2026-03-14T12").replace("%3A", ":")
    # One that no row has any more can still be seen to be chosen, and be cleared.
    assert 'href="?client=10.0.0.1"' in choices("?client=10.0.0.1")


WRONG = (
    "?outcome__icontains=a",
    "?payload__0__0=1",
    "?created_at__month=3",
    "?date=2026-13",
    "?date=9999",
    "?date=0001",
    "?status=many",
    "?status=99999999999999999999",
    "?clusters=many",
    "?clusters=99999999999999999999",
    "?clusters=" + "9" * 5000,
    "?client=%00",
    "?at_least_ms=long",
    "?at_least_ms=nan",
    "?p=2",
    "?p=-1-1",
    "?p=99999999999999999999-1",
    "?p=1-99999999999999999999",
    "?o=9.-8",
    "?all=",
)


def test_wrong_addresses_select_nothing_or_are_told_so(admin: Client) -> None:
    make()
    for address in WRONG:
        for page in (LIST, f"{LIST}export/"):
            response: Any = admin.get(page + address)
            assert response.status_code in (200, 302), address
            if response.streaming:
                assert b"".join(response.streaming_content)


def test_no_page_looks_at_all_rows(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_EXAMINED_ROWS", 500)
    monkeypatch.setattr(reading, "MAX_FOUND_ROWS", 50)
    monkeypatch.setattr(reading, "_SAMPLE_ROWS", 50)
    monkeypatch.setattr(changelist, "MAX_COUNTED_ROWS", 500)
    benchmark.fill(20_000)
    connection.cursor().execute("ANALYZE")
    for name, address in benchmark.pages():
        with CaptureQueriesContext(connection) as queries:
            assert admin.get(LIST + address).status_code == 200
        table = [q["sql"] for q in queries if "requestrecord" in q["sql"] or "SET" in q["sql"]]
        assert table
        for rows, sql in looked_at(table):
            assert rows < 3000, f"{name}: {rows} for {sql}"


def looked_at(statements: list[str]) -> Iterator[tuple[float, str]]:
    """Yield, for each SELECT, how many rows and entries of indexes the database looked at."""
    with connection.cursor() as cursor:
        for sql in statements:
            if not sql.startswith("SELECT"):
                continue
            if connection.vendor == "sqlite":
                # A row takes SQLite's machine about ten steps; but COUNT(*) of all takes only one.
                tens: list[None] = []
                count = partial(tens.append, None)
                connection.connection.set_progress_handler(count, 10)
                cursor.execute(sql)
                cursor.fetchall()
                connection.connection.set_progress_handler(None, 0)
                assert "COUNT(" not in sql or "LIMIT" in sql
                yield len(tens), sql
            else:
                if "LIKE" in sql:
                    cursor.execute("SET enable_seqscan = off")
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
                plan = cursor.fetchone()[0]
                cursor.execute("RESET enable_seqscan")
                yield _rows((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]), sql


def _rows(node: dict[str, Any]) -> float:
    here = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return max([float(here * node["Actual Loops"]), *map(_rows, node.get("Plans", []))])


# The export


def exported(admin: Client, address: str = "") -> list[list[str]]:
    response: Any = admin.get(f"{LIST}export/{address}")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    return list(csv.reader(b"".join(response.streaming_content).decode().splitlines()))


def test_the_export_has_all_that_the_filter_selects(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_CHUNK_ROWS", 3)
    monkeypatch.setattr(reading, "MAX_EXAMINED_ROWS", 5)
    rows = [make(status=(200, 422)[i % 2], client=f"10.0.0.{i}", points=i) for i in range(20)]
    head, *lines = exported(admin)
    assert tuple(head) == export.COLUMNS
    assert [line[2] for line in lines] == [row.client for row in reversed(rows)]
    assert lines[0] == [
        "2026-03-14T12:00:00+00:00", "", "10.0.0.19", "19", "", "", "", "1.0", "422", "", "ok",
    ]  # fmt: skip
    assert [line[3] for line in exported(admin, "?client=10.0.0.4")[1:]] == ["4"]
    assert len(exported(admin, "?status=422&date=2026")) == 1 + 10


def test_no_cell_of_the_export_is_a_formula(admin: Client) -> None:
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx"):
        make(request_id=text, outcome=f"{text}, said the caller")
    for line in exported(admin)[1:]:
        assert line[1][:2] in ("'=", "'+", "'-", "'@", "'\t")
        assert line[-1].startswith("'")


def test_the_export_comes_in_pieces_and_holds_no_transaction(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_CHUNK_ROWS", 10)
    RequestRecord.objects.bulk_create(
        RequestRecord(created_at=NOON, duration_ms=1.0, status=200, outcome="ok") for _ in range(90)
    )
    with CaptureQueriesContext(connection) as queries:
        response: Any = admin.get(f"{LIST}export/")
        before = len(queries)
        pieces = iter(response.streaming_content)
        assert next(pieces).count(b"\n") == 1
        assert len(queries) == before, "the head waits for no query"
        assert next(pieces).count(b"\n") == 10
        assert len(queries) == before + 1
    if connection.vendor == "sqlite":
        assert not connection.connection.in_transaction
        # Busy when somebody still reads: the log of writes could not be taken over.
        other = sqlite3.connect(connection.settings_dict["NAME"])
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        other.close()
    else:
        assert connection.connection.info.transaction_status.name == "IDLE"
    assert sum(piece.count(b"\n") for piece in pieces) == 80


def test_exports_under_way_are_bounded(admin: Client) -> None:
    responses: list[Any] = [admin.get(f"{LIST}export/") for _ in range(export.MAX_EXPORTS)]
    refused = admin.get(f"{LIST}export/?status=4xx", follow=True)
    assert refused.redirect_chain == [(f"{LIST}?status=4xx", 302)]
    assert "Other exports are running" in refused.content.decode()
    responses.pop().close()  # as when the reader leaves before the first byte
    assert exported(admin)
    assert b"".join(responses.pop().streaming_content)
    assert exported(admin)
    assert exported(admin)


def test_only_who_may_see_the_history_gets_it(client: Client) -> None:
    row = reference()
    addresses = ("", "export/", f"{row.pk}/change/", f"{row.pk}/points.json")
    for address in addresses:
        assert client.get(LIST + address).headers["Location"].startswith("/admin/login/")
    clerk = get_user_model().objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    assert [client.get(LIST + address).status_code for address in addresses] == [403] * 4
    clerk.user_permissions.add(Permission.objects.get(codename="view_requestrecord"))
    assert [client.get(LIST + address).status_code for address in addresses[::2]] == [200] * 2
    assert len(exported(client)) == 2


# One request


def page_of(admin: Client, row: RequestRecord, query: str = "") -> Any:
    return admin.get(f"{LIST}{row.pk}/change/{query}")


def test_the_points_can_be_sent_once_more(admin: Client, configure: Configure) -> None:
    configure("clusters: 3\n")
    row = reference()
    body = admin.get(f"{LIST}{row.pk}/points.json").content
    answer = admin.post("/api/skl-kmeans", body, content_type="application/json")
    assert answer.json() == {"results": REFERENCE_LABELS[3]}
    assert admin.get(f"{LIST}{make().pk}/points.json").status_code == 404
    assert admin.get(f"{LIST}{row.pk + 99}/points.json").status_code == 404


def test_a_request_is_clustered_once_more(admin: Client) -> None:
    row = reference()
    assert "replayed" not in page_of(admin, row).context
    context = page_of(admin, row, "?clusters=4").context
    assert context["replayed"].labels == REFERENCE_LABELS[4]
    assert context["replayed"].sizes == [2, 4, 2, 1]
    assert 0 < context["agreement"] < 1
    model = KMeans(4, random_state=9, n_init=10).fit(REFERENCE_POINTS)
    assert context["replayed"].inertia == pytest.approx(model.inertia_)
    assert context["original_partition"].sizes == [4, 4, 1]
    assert context["original_partition"].inertia > model.inertia_
    again = page_of(admin, row, "?clusters=3").context
    assert again["agreement"] == 1
    assert again["replayed"] == again["original_partition"]
    row.refresh_from_db()
    assert row.labels == REFERENCE_LABELS[3]


@pytest.mark.parametrize(
    ("clusters", "said"),
    [
        ("many", "Enter a whole number."),
        ("", "This field is required."),
        ("0", "`clusters` must be from 1 to 1000 (KMEANS_MAX_CLUSTERS), not 0"),
        ("1001", "`clusters` must be from 1 to 1000 (KMEANS_MAX_CLUSTERS), not 1001"),
        ("10", "9 points cannot form 10 clusters; send at least 10"),
    ],
)
def test_a_wrong_number_of_clusters_is_told(admin: Client, clusters: str, said: str) -> None:
    response = page_of(admin, reference(), f"?clusters={clusters}")
    assert response.status_code == 200
    assert said in html.unescape(response.content.decode())
    assert "replayed" not in response.context


def test_one_is_clustered_once_more_at_a_time(admin: Client, settings: Settings) -> None:
    settings.KMEANS_QUEUE_TIMEOUT_SECONDS = 0.01
    with replay._fit_lock:
        page = page_of(admin, reference(), "?clusters=4").content.decode()
    assert "other recorded requests are being clustered again; try again after 1 s" in page
    assert "replayed" in page_of(admin, reference(), "?clusters=4").context


def test_a_refused_request_is_clustered_with_the_clusters_in_force(
    admin: Client, configure: Configure
) -> None:
    configure("clusters: 2\n")
    row = make(status=422, outcome="points: too few", points=2, dimensions=1, payload=[[1], [2]])
    page = page_of(admin, row)
    assert "points: too few" in page.content.decode()
    assert page.context["replay_form"]["clusters"].value() == 2
    context = page_of(admin, row, "?clusters=2").context
    assert sorted(context["replayed"].labels) == [0, 1]
    assert context["agreement"] is None


def test_large_numbers_are_drawn_and_clustered(admin: Client) -> None:
    points = [[1e150, -1e150], [1e140, 1e-300], [0.1, -0.0]]
    row = make(points=3, dimensions=2, payload=points, status=422)
    row.refresh_from_db()
    page = page_of(admin, row, "?clusters=2")
    drawn = re.search(r'id="history-points-data"[^>]*>([^<]*)<', page.content.decode())
    assert drawn
    assert [list(map(float, point)) for point in json.loads(drawn[1])] == points
    assert page.context["replayed"].sizes == [1, 2]


def test_points_that_were_not_kept_are_told_why(admin: Client) -> None:
    large = page_of(admin, make(points=5000, dimensions=8)).content.decode()
    assert "40000 numbers" in large
    assert "the limit is 2000" in large
    assert "before they were read" in page_of(admin, make(status=400)).content.decode()
