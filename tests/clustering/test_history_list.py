"""The admin's list of the request history."""

import html
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from benchmarks import history as benchmark
from clustering.admin import OUTCOME_SHOWN
from clustering.history import changelist, reading
from clustering.history.reading import Selection
from serving.contract import served_models
from tests.support.history_records import HISTORY, NOON, create_record

pytestmark = pytest.mark.django_db(transaction=True)


def listed(admin_client: Client, address: str) -> list[int]:
    """Return the ids on this page and on all later pages."""
    found: list[int] = []
    while address:
        changelist = admin_client.get(HISTORY + address).context["cl"]
        found += [row.pk for row in changelist.result_list]
        address = changelist.older
    return found


def test_the_list_has_a_filter_for_the_model_if_there_are_several(
    admin_client: Client, settings: Settings
) -> None:
    row = create_record(model="mini-batch")
    create_record(model="skl-kmeans")
    settings.SERVED_MODELS = ["clustering.endpoint.KMEANS"]
    served_models.cache_clear()
    try:
        assert "mini-batch" not in admin_client.get(HISTORY).content.decode()
        assert "mini-batch" in admin_client.get(f"{HISTORY}{row.pk}/change/").content.decode()
        settings.SERVED_MODELS += ["tests.support.mini_batch.endpoint.MINI_BATCH"]
        served_models.cache_clear()
        assert 'href="?model=mini-batch"' in admin_client.get(HISTORY).content.decode()
        assert listed(admin_client, "?model=mini-batch") == [row.pk]
    finally:
        served_models.cache_clear()


def test_outcomes_are_in_the_language_of_the_page(admin_client: Client) -> None:
    outcome = "points[17]: has 3 coordinates where points[0] has 2"
    row = create_record(status=422, outcome=outcome)
    for address in (HISTORY, f"{HISTORY}{row.pk}/change/"):
        assert outcome in admin_client.get(address).content.decode()
        page = admin_client.get(address, headers={"accept-language": "zh-CN"}).content.decode()
        assert "points[17]: 有 3 个坐标，而 points[0] 有 2 个" in page
        assert outcome not in page
    row.refresh_from_db()
    assert row.outcome == outcome


def test_the_columns_are_few_and_the_outcome_is_short(admin_client: Client) -> None:
    outcome = "<b>points[17]</b>: " + "x" * 200
    row = create_record(outcome=outcome, config_version="abc123def456")
    with CaptureQueriesContext(connection) as queries:
        page = admin_client.get(HISTORY).content.decode()
    # Not one more for each row.
    assert sum('"outcome"' in query["sql"] for query in queries) == 1
    columns = re.findall(r'<th scope="col" class="column-(\w+)', page)
    assert columns == [
        "when", "clusters", "points", "dimensions", "status", "duration_ms", "client",
        "short_outcome",
    ]  # fmt: skip
    whole = html.escape(outcome)
    assert f'title="{whole}"' in page
    assert f"{whole}<" not in page
    assert f">{html.escape(outcome[: OUTCOME_SHOWN - 1])}…<" in page
    assert whole in admin_client.get(f"{HISTORY}{row.pk}/change/").content.decode()


def test_pages_list_every_row_once_in_order(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clustering.admin.RequestRecordAdmin.list_per_page", 7)
    monkeypatch.setattr(reading, "MAX_EXAMINED_ROWS", 10)
    rows = [
        # Written out of order, some at the same time.
        create_record(
            created_at=NOON + timedelta(seconds=i * 7 % 13),
            status=(200, 200, 422, 503)[i % 4],
            clusters=3 + (i % 5 == 0),
        )
        for i in range(60)
    ]

    def expected(**fields: int) -> list[int]:
        chosen = [row for row in rows if all(vars(row)[f] == v for f, v in fields.items())]
        return [row.pk for row in sorted(chosen, key=lambda r: (r.created_at, r.pk), reverse=True)]

    assert listed(admin_client, "?") == expected()
    assert listed(admin_client, "?status=422") == expected(status=422)
    assert listed(admin_client, "?clusters=4") == expected(clusters=4)
    assert listed(admin_client, "?clusters=4&status=200") == expected(clusters=4, status=200)
    errors = [row.pk for row in rows if row.status >= 400]
    assert listed(admin_client, "?status=4xx") == expected(status=422)
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
    "?date=2026-03-13/2026-03-14": "abd",
    "?date=2026-03-14T12:00/2026-03-14T13:29": "a",
    "?date=2026-03-14T12:00/2026-03-14T13:30": "ab",
    "?date=2026-03-15/2026": "ce",
    "?date=2026-03-15/2026-03-13": "",
    "?date=2026-03-14T12:00/2026-03-15T12:00&problem=overloaded": "",
    "?date=2026-03-13/2026-03-13&problem=overloaded&status=503": "d",
    "?q=order-1": "ab",
    "?q=order-12": "b",
    "?q=ORDER-1": "",
    "?q=order-1&status=4xx": "",
    "?q=%25": "",
    "?q=order-1%00": "abcdef",  # Django ignores such a search
}


def test_filters_and_search(admin_client: Client) -> None:
    day = timedelta(days=1)
    rows = {
        "a": create_record(
            request_id="order-11", client="10.0.0.2", clusters=3, config_version="v1"
        ),
        "b": create_record(
            created_at=NOON + timedelta(minutes=90, seconds=59),
            request_id="order-12",
            clusters=4,
            config_version="v2",
        ),
        "c": create_record(created_at=NOON + day, status=400, client="10.0.0.2"),
        "d": create_record(
            created_at=NOON - day, status=503, problem="overloaded", duration_ms=100.0
        ),
        "e": create_record(created_at=NOON + 20 * day, status=422, duration_ms=5000.0),
        "f": create_record(created_at=NOON - 90 * day, request_id="Order-1"),
    }
    for address, expected in FILTERS.items():
        found = listed(admin_client, address)
        assert set(found) == {rows[name].pk for name in expected}, address


def test_filters_offer_existing_values(admin_client: Client) -> None:
    create_record(clusters=12, config_version="abc123", client="10.9.8.7")
    create_record(created_at=NOON - timedelta(days=400), status=503)

    def choices(address: str) -> str:
        page = admin_client.get(HISTORY + address).content.decode()
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
    # So is a range of time, which nothing on this page offers.
    assert "2026-03-14 12:00 – 2026-03-14 13:00" in choices(
        "?date=2026-03-14T12:00/2026-03-14T13:00"
    )
    # A selected value is offered even if no row has it, so that it can be cleared.
    assert 'href="?client=10.0.0.1"' in choices("?client=10.0.0.1")


INVALID = (
    "?outcome__icontains=a",
    "?payload__0__0=1",
    "?created_at__month=3",
    "?date=2026-13",
    "?date=9999",
    "?date=0001",
    "?date=2026-01-01/",
    "?date=/2026-01-01",
    "?date=2026/9999",
    "?date=2026/2027/2028",
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


def test_invalid_query_strings_do_not_fail(admin_client: Client) -> None:
    create_record()
    for address in INVALID:
        for page in (HISTORY, f"{HISTORY}export/"):
            response: Any = admin_client.get(page + address)
            assert response.status_code in (200, 302), address
            if response.streaming:
                assert b"".join(response.streaming_content)


def test_no_page_reads_all_rows(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_EXAMINED_ROWS", 500)
    monkeypatch.setattr(reading, "MAX_FOUND_ROWS", 50)
    monkeypatch.setattr(reading, "_SAMPLE_ROWS", 50)
    monkeypatch.setattr(changelist, "MAX_COUNTED_ROWS", 500)
    benchmark.fill(20_000)
    connection.cursor().execute("ANALYZE")
    for name, address in benchmark.pages():
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(HISTORY + address).status_code == 200
        table = [q["sql"] for q in queries if "requestrecord" in q["sql"] or "SET" in q["sql"]]
        assert table
        for rows, sql in examined(table):
            assert rows < 3000, f"{name}: {rows} for {sql}"


def examined(statements: list[str]) -> Iterator[tuple[float, str]]:
    """Yield the number of rows and index entries that the database read for each SELECT."""
    with connection.cursor() as cursor:
        for sql in statements:
            if not sql.startswith("SELECT"):
                continue
            if connection.vendor == "sqlite":
                # SQLite takes about ten steps for a row, but only one for COUNT(*) of all.
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
