"""What worker processes report of the config they run."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from nacos_integration import conf, live_config
from nacos_integration.state import files, worker_reports
from nacos_integration.state.worker_reports import WorkerReport
from tests.conftest import Configure


@pytest.fixture
def report(configure: Configure) -> Iterator[WorkerReport]:
    """The report of this process."""
    made = WorkerReport()
    yield made
    made.remove()
    assert not any(entry["pid"] == os.getpid() for entry in worker_reports.read())


def test_a_report_follows_the_config(report: WorkerReport, configure: Configure) -> None:
    for text in ("clusters: 6\n", "clusters: 7\n"):
        configure(text)
        report.keep()
        (entry,) = worker_reports.read()
        assert entry["pid"] == os.getpid()
        assert entry["version"] == live_config.md5_of(text)[:12]
        assert text.strip().replace(": ", "=") in entry["value"]
        assert entry["since"] <= time.time()


def test_a_report_that_is_kept_up_is_not_silent(report: WorkerReport) -> None:
    report.keep()
    path = conf.load().agent_dir / f"worker-{os.getpid()}.json"
    before = time.time() - 30
    os.utime(path, (before, before))
    (entry,) = worker_reports.read()
    assert 30 <= entry["silent_seconds"] < worker_reports.GONE_SECONDS
    report._touched_at = before
    report.keep()
    (entry,) = worker_reports.read()
    assert entry["silent_seconds"] < worker_reports.SILENT_SECONDS
    # Somebody tidied up: it comes back.
    path.unlink()
    report._touched_at = before
    report.keep()
    report.keep()
    assert len(worker_reports.read()) == 1


def test_who_is_gone_is_forgotten(configure: Configure) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    settings = conf.load()
    launches = {ended.pid: settings.launch_id, os.getpid(): "another launch"}
    for pid, launch_id in launches.items():
        path = settings.agent_dir / f"worker-{pid}.json"
        files.write_json(path, {"pid": pid, "launch_id": launch_id})
    assert worker_reports.read() == []
    assert not (settings.agent_dir / f"worker-{ended.pid}.json").exists()
    (settings.agent_dir / f"worker-{os.getpid()}.json").unlink()


def test_a_folder_in_place_of_a_report_is_ignored(report: WorkerReport) -> None:
    report.keep()
    (conf.load().agent_dir / "worker-1.json").mkdir()
    try:
        assert [entry["pid"] for entry in worker_reports.read()] == [os.getpid()]
    finally:
        (conf.load().agent_dir / "worker-1.json").rmdir()
