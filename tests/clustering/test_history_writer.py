"""The request history stays within its limits, and never delays a request."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.forms.models import model_to_dict
from django.utils import timezone
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings

from clustering.history.pruning import prune
from clustering.history.writer import HistoryWriter, Row
from clustering.models import RequestRecord
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("recorded")]


def record(days_old: float = 0.0) -> RequestRecord:
    created_at = timezone.now() - timedelta(days=days_old)
    return RequestRecord(created_at=created_at, duration_ms=1.0, status=200, outcome="ok")


def row() -> Row:
    values = model_to_dict(record(), exclude=["id"])
    return values | {"created_at": timezone.now()}


def rows(fate: str) -> float:
    return REGISTRY.get_sample_value("skl_kmeans_history_rows_total", {"fate": fate}) or 0.0


def test_old_rows_are_pruned(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.HISTORY_MAX_AGE_DAYS = 7
    RequestRecord.objects.bulk_create(record(days) for days in [9] * 1500 + [8, 6, 0])
    call_command("prune_history")
    assert RequestRecord.objects.count() == 2
    assert "1501 records deleted" in capsys.readouterr().out


def test_the_oldest_of_too_many_rows_are_pruned(settings: Settings) -> None:
    settings.HISTORY_MAX_ROWS = 100
    RequestRecord.objects.bulk_create(record() for _ in range(2500))
    newest = set(RequestRecord.objects.order_by("-pk").values_list("pk", flat=True)[:100])
    assert prune() == 2400
    assert set(RequestRecord.objects.values_list("pk", flat=True)) == newest
    assert prune() == 0


def test_an_empty_history_can_be_pruned() -> None:
    assert prune() == 0


def test_the_writer_prunes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HISTORY_MAX_ROWS = 5
    monkeypatch.setattr("clustering.history.writer._PRUNE_INTERVAL_SECONDS", 0.05)
    writer = HistoryWriter()
    for _ in range(20):
        writer.record(row())
    writer.flush()
    wait_until(lambda: RequestRecord.objects.count() == 5)


def test_a_full_queue_drops_and_counts_rows(settings: Settings) -> None:
    settings.HISTORY_QUEUE_SIZE = 3
    writer = HistoryWriter()
    queued, dropped = rows("queued"), rows("dropped")
    with connection.cursor() as cursor:
        # Blocks the writer, as another program does that writes to the database.
        cursor.execute("BEGIN EXCLUSIVE" if connection.vendor == "sqlite" else "BEGIN")
        if connection.vendor == "postgresql":
            cursor.execute("LOCK TABLE clustering_requestrecord IN ACCESS EXCLUSIVE MODE")
        for _ in range(300):
            writer.record(row())
        cursor.execute("ROLLBACK")
    writer.flush()
    assert rows("dropped") > dropped
    assert rows("queued") - queued + rows("dropped") - dropped == 300


def test_the_history_can_be_disabled(settings: Settings) -> None:
    settings.HISTORY_ENABLED = False
    writer = HistoryWriter()
    writer.start()
    writer.record(row())
    writer.flush()
    assert not RequestRecord.objects.exists()


def test_there_are_only_the_indexes_that_reading_needs() -> None:
    with connection.cursor() as cursor:
        table = RequestRecord._meta.db_table
        found = connection.introspection.get_constraints(cursor, table).values()
    indexed = [what["columns"] for what in found if what["index"] and not what["primary_key"]]
    assert sorted(indexed) == [["created_at"], ["request_id"], ["status", "created_at"]]
