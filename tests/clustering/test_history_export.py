"""The export of the request history as CSV, and who may read the history."""

import csv
import sqlite3
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from clustering.history import export, reading
from clustering.models import RequestRecord
from tests.support.history_records import HISTORY, NOON, create_record, create_reference_record

pytestmark = pytest.mark.django_db(transaction=True)


def exported(admin_client: Client, address: str = "") -> list[list[str]]:
    response: Any = admin_client.get(f"{HISTORY}export/{address}")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    return list(csv.reader(b"".join(response.streaming_content).decode().splitlines()))


def test_the_export_has_all_selected_rows(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_CHUNK_ROWS", 3)
    monkeypatch.setattr(reading, "MAX_EXAMINED_ROWS", 5)
    rows = [
        create_record(status=(200, 422)[i % 2], client=f"10.0.0.{i}", points=i) for i in range(20)
    ]
    head, *lines = exported(admin_client)
    assert tuple(head) == export.COLUMNS
    assert [line[2] for line in lines] == [row.client for row in reversed(rows)]
    assert lines[0] == [
        "2026-03-14T12:00:00+00:00", "", "10.0.0.19", "19", "", "", "", "1.0", "422", "", "ok", "",
    ]  # fmt: skip
    assert [line[3] for line in exported(admin_client, "?client=10.0.0.4")[1:]] == ["4"]
    assert len(exported(admin_client, "?status=422&date=2026")) == 1 + 10


def test_the_points_of_a_request_can_be_downloaded_with_their_clusters(
    admin_client: Client,
) -> None:
    row = create_reference_record()
    response = admin_client.get(f"{HISTORY}{row.pk}/points.csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == (
        f'attachment; filename="request-{row.pk}.csv"'
    )
    head, *lines = csv.reader(response.content.decode().splitlines())
    assert head == ["x1", "x2", "cluster"]
    points = [[float(x), float(y)] for x, y, _cluster in lines]
    assert points == row.payload
    assert [int(line[2]) for line in lines] == row.labels
    assert f'href="{HISTORY}{row.pk}/points.csv"' in (
        admin_client.get(f"{HISTORY}{row.pk}/change/").content.decode()
    )
    refused = create_record(status=422, payload=[[1, 2, 3], [-4.5, 5, 1e-7]])
    content = admin_client.get(f"{HISTORY}{refused.pk}/points.csv").content.decode()
    assert content.splitlines() == ["x1,x2,x3", "1,2,3", "-4.5,5,1e-07"]
    without = create_record()
    assert admin_client.get(f"{HISTORY}{without.pk}/points.csv").status_code == 404


def test_no_cell_of_the_export_is_a_formula(admin_client: Client) -> None:
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx"):
        create_record(request_id=text, outcome=f"{text}, said the caller")
    for line in exported(admin_client)[1:]:
        assert line[1][:2] in ("'=", "'+", "'-", "'@", "'\t")
        assert line[export.COLUMNS.index("outcome")].startswith("'")


def test_the_export_is_streamed_without_a_transaction(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_CHUNK_ROWS", 10)
    RequestRecord.objects.bulk_create(
        RequestRecord(created_at=NOON, duration_ms=1.0, status=200, outcome="ok") for _ in range(90)
    )
    with CaptureQueriesContext(connection) as queries:
        response: Any = admin_client.get(f"{HISTORY}export/")
        before = len(queries)
        pieces = iter(response.streaming_content)
        assert next(pieces).count(b"\n") == 1
        assert len(queries) == before, "the header needs no query"
        assert next(pieces).count(b"\n") == 10
        assert len(queries) == before + 1
    if connection.vendor == "sqlite":
        assert not connection.connection.in_transaction
        # It would be busy if a query were still open.
        other = sqlite3.connect(connection.settings_dict["NAME"])
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        other.close()
    else:
        assert connection.connection.info.transaction_status.name == "IDLE"
    assert sum(piece.count(b"\n") for piece in pieces) == 80


def test_the_number_of_exports_is_limited(admin_client: Client) -> None:
    responses: list[Any] = [
        admin_client.get(f"{HISTORY}export/") for _ in range(export.MAX_EXPORTS)
    ]
    refused = admin_client.get(f"{HISTORY}export/?status=4xx", follow=True)
    assert refused.redirect_chain == [(f"{HISTORY}?status=4xx", 302)]
    assert "Other exports are running" in refused.content.decode()
    responses.pop().close()  # as if the client left before the first byte
    assert exported(admin_client)
    assert b"".join(responses.pop().streaming_content)
    assert exported(admin_client)
    assert exported(admin_client)


def test_the_history_needs_the_view_permission(client: Client) -> None:
    row = create_reference_record()
    addresses = (
        "",
        "export/",
        *(f"{row.pk}/{page}" for page in ("change/", "points.json", "points.csv")),
    )
    for address in addresses:
        assert client.get(HISTORY + address).headers["Location"].startswith("/admin/login/")
    clerk = get_user_model().objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    assert [client.get(HISTORY + address).status_code for address in addresses] == [403] * 5
    clerk.user_permissions.add(Permission.objects.get(codename="view_requestrecord"))
    assert [client.get(HISTORY + address).status_code for address in addresses[::2]] == [200] * 3
    assert len(exported(client)) == 2
