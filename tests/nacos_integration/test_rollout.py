"""How long it takes until all workers run a new config."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from nacos_integration import conf, md5_of
from nacos_integration.agent import rollout
from nacos_integration.models import ConfigChange
from nacos_integration.state import files
from tests.conftest import Configure

OLD, NEW = "clusters: 3\n", "clusters: 4\n"


def change(before: str = OLD, after: str = NEW, outcome: str = "applied") -> ConfigChange:
    return ConfigChange(
        created_at=timezone.now(), outcome=outcome, before=before, after=after, md5=md5_of(after)
    )


def report(name: str, text: str, since: float) -> None:
    """Write the report of a worker that runs `text` since this time."""
    worker = {
        "pid": os.getpid(),
        "launch_id": conf.load().launch_id,
        "version": md5_of(text)[:12],
        "value": "",
        "since": since,
    }
    files.write_json(conf.load().agent_dir / f"worker-{name}.json", worker)


@pytest.fixture
def rows(configure: Configure) -> Iterator[list[ConfigChange]]:
    """The rows that are recorded again; no worker is left behind."""
    yield []
    for path in conf.load().agent_dir.glob("worker-*.json"):
        path.unlink()


def test_it_is_measured_when_the_last_worker_has_the_config(rows: list[ConfigChange]) -> None:
    measured = rollout.Rollout(rows.append)
    row = change()
    applied_at = row.created_at.timestamp()
    report("1", OLD, applied_at - 60)
    report("2", OLD, applied_at - 60)
    measured.begin(row)
    measured.check()
    report("1", NEW, applied_at + 0.1)
    measured.check()
    assert not rows
    report("2", NEW, applied_at + 0.3)
    measured.check()
    measured.check()
    assert rows == [row]
    assert row.workers == 2
    assert row.in_force_after_seconds == pytest.approx(0.3, abs=0.001)


def test_a_rejected_text_does_not_end_it_and_a_later_config_does(rows: list[ConfigChange]) -> None:
    measured = rollout.Rollout(rows.append)
    report("1", OLD, time.time() - 60)
    first, second = change(), change(NEW, "clusters: 5\n")
    measured.begin(first)
    measured.begin(change(outcome="rejected"))
    report("1", NEW, time.time())
    measured.check()
    assert rows == [first]
    measured.begin(change(NEW, "clusters: 6\n"))
    measured.begin(second)
    report("1", "clusters: 5\n", time.time())
    measured.check()
    assert rows == [first, second]


def test_it_is_unknown_without_workers_and_if_one_hangs(
    rows: list[ConfigChange], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = rollout.Rollout(rows.append)
    measured.begin(change())
    report("1", NEW, time.time())
    measured.check()
    assert not rows, "there was no worker when the config was applied"
    hanging = change(NEW, "clusters: 5\n")
    hanging.created_at -= timedelta(seconds=rollout.LIMIT_SECONDS + 1)
    measured.begin(hanging)
    measured.check()
    report("1", "clusters: 5\n", time.time())
    measured.check()
    assert not rows
