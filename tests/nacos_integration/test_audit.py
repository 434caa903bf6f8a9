"""The history of the config waits for the database, and loses nothing on the way."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from nacos_integration import audit
from nacos_integration.models import ConfigChange
from tests.waiting import wait_until


def row(number: int) -> ConfigChange:
    return ConfigChange(created_at=timezone.now(), outcome="applied", md5=str(number), key="key")


@pytest.mark.django_db(transaction=True)
def test_rows_wait_for_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "RETRY_SECONDS", 0.1)
    call_command("migrate", "nacos_integration", "zero", verbosity=0)
    log = audit.AuditLog()
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
    log = audit.AuditLog()
    for number in range(5):
        log.record(row(number))
    log.close(5)
    call_command("migrate", verbosity=0)
    assert "given up: config 0 applied" in caplog.text
    assert "2 rows not written before the stop" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_only_so_many_rows_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "KEPT_ROWS", 3)
    log = audit.AuditLog()
    for number in range(10):
        log.record(row(number))
    log.close(5)
    kept = ConfigChange.objects.filter(key="key").values_list("md5", flat=True)
    assert list(kept) == ["9", "8", "7"]
