"""The history of the config waits for the database, and loses nothing on the way."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from nacos_integration.agent import audit
from nacos_integration.models import ConfigChange
from tests.support.waiting import wait_until


def row(number: int) -> ConfigChange:
    return ConfigChange(created_at=timezone.now(), outcome="applied", md5=str(number), key="key")


@pytest.mark.django_db(transaction=True)
def test_rows_wait_for_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "RETRY_SECONDS", 0.1)
    call_command("migrate", "nacos_integration", "zero", verbosity=0)
    log = audit.AuditLog(lambda _: None)
    for number in range(3):
        log.record(row(number))
    call_command("migrate", verbosity=0)
    wait_until(lambda: ConfigChange.objects.filter(key="key").count() == 3)
    log.close(1)
    assert list(ConfigChange.objects.filter(key="key").values_list("md5", flat=True)) == [
        "2",
        "1",
        "0",
    ]
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_too_many_waiting_rows_are_given_up_with_a_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audit, "PENDING_MAX", 2)
    monkeypatch.setattr(audit, "RETRY_SECONDS", 60)
    call_command("migrate", "nacos_integration", "zero", verbosity=0)
    log = audit.AuditLog(lambda _: None)
    for number in range(5):
        log.record(row(number))
    log.close(5)
    call_command("migrate", verbosity=0)
    assert "dropped: config 0: Applied" in caplog.text
    assert "2 rows not written before the stop" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_only_so_many_rows_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "KEPT_ROWS", 3)
    log = audit.AuditLog(lambda _: None)
    for number in range(10):
        log.record(row(number))
    log.close(5)
    kept = ConfigChange.objects.filter(key="key").values_list("md5", flat=True)
    assert list(kept) == ["9", "8", "7"]


@pytest.mark.django_db(transaction=True)
def test_what_is_measured_later_is_added_to_the_row() -> None:
    log = audit.AuditLog(lambda _: None)
    first, pruned = row(0), row(1)
    for one in (first, pruned):
        log.record(one)
    wait_until(lambda: ConfigChange.objects.filter(key="key").count() == 2)
    ConfigChange.objects.filter(md5="1").delete()
    for one in (pruned, first):
        one.workers, one.in_force_after_seconds = 4, 0.3
        log.record(one)
    log.close(5)
    written = ConfigChange.objects.get(key="key")
    assert (written.md5, written.workers, written.in_force_after_seconds) == ("0", 4, 0.3)


@pytest.mark.django_db(transaction=True)
def test_a_text_with_a_nul_is_kept() -> None:
    log = audit.AuditLog(lambda _: None)
    bad = row(0)
    bad.after = "a\0b"
    log.record(bad)
    log.close(5)
    assert ConfigChange.objects.get(key="key").after == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.django_db(transaction=True)
def test_a_row_that_the_database_refuses_holds_up_no_other() -> None:
    log = audit.AuditLog(lambda _: None)
    bad = row(0)
    bad.source = "longer than PostgreSQL takes, and SQLite does not mind"
    log.record(bad)
    log.record(row(1))
    log.close(5)
    assert ConfigChange.objects.filter(key="key", md5="1").exists()


@pytest.mark.django_db(transaction=True)
def test_it_tells_whether_the_database_can_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(audit, "RETRY_SECONDS", 0.05)
    told: list[bool] = []
    log = audit.AuditLog(told.append)
    wait_until(lambda: told[-1:] == [True])
    call_command("migrate", "nacos_integration", "zero", verbosity=0)
    wait_until(lambda: told[-1:] == [False])
    call_command("migrate", verbosity=0)
    wait_until(lambda: told[-1:] == [True])
    log.close(5)
