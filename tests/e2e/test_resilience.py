"""The service on a bad day that has nothing to do with Nacos."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.service import PYTHON, ROOT, Service
from tests.support.waiting import wait_until


def test_a_state_directory_that_cannot_be_written_is_replaced(service: Service) -> None:
    service.environment |= {"STATE_DIR": "/proc/state", "TMPDIR": str(service.folder)}
    service.start()
    service.wait_until_it_answers()
    assert "STATE_DIR /proc/state cannot be written" in service.log()
    service.config_file.write_text("clusters: 4\n")
    service.wait_until_clusters(4)
    assert service.stop() == 0
    assert not list(service.folder.glob("skl-kmeans-*")), "the private folder was left behind"


def _fill(ballast: FileIO) -> None:
    """Write until the disk is full and stays so for a second: a database gives back pages."""
    end = time.monotonic() + 1
    while time.monotonic() < end:
        size = 65536
        while size:
            try:
                ballast.write(b"x" * size)
                end = time.monotonic() + 1
            except OSError:
                size //= 2
        time.sleep(0.02)


def test_a_full_disk_keeps_the_last_good_config(service: Service) -> None:
    state = service.folder / "state"
    state.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", state], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("run as root to mount a small disk")
    try:
        service.start()
        service.wait_until_it_answers()
        assert service.clusters_in_force() == {3}
        with (state / "ballast").open("wb", buffering=0) as ballast:
            _fill(ballast)
        service.config_file.write_text("clusters: 4\n")
        wait_until(lambda: service.status.get("config", {}).get("write_error"), 5, service.log)
        assert "No space left" in service.manage("nacos", "status").stdout
        assert service.clusters_in_force() == {3}
        (state / "ballast").unlink()
        service.wait_until_clusters(4, 20)
        assert service.status["config"]["write_error"] is None
    finally:
        service.close()
        subprocess.run(["umount", state], check=True)


def kill_agents(folder: Path, kills: int) -> dict[str, Any]:
    folder.mkdir()
    environment = os.environ | {
        "STATE_DIR": str(folder),
        "KMEANS_CONFIG_FILE": str(folder / "skl-kmeans.yaml"),
        "DJANGO_SETTINGS_MODULE": "kmeans_project.settings",
    }
    run = subprocess.run(
        [PYTHON, "-m", "tests.support.killed_agents", str(kills)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    verdict: dict[str, Any] = json.loads(run.stdout)
    return verdict


def test_kill_minus_nine_leaves_a_readable_applied_file(tmp_path: Path) -> None:
    """A hundred agents killed at random while the config changes all the time."""
    with ThreadPoolExecutor(4) as pool:
        folders = [tmp_path / str(number) for number in range(4)]
        verdicts = list(pool.map(kill_agents, folders, [25] * 4))
    for verdict in verdicts:
        assert verdict["killed"] == 25
        assert verdict["unreadable"] == []
    seen = sum(verdict["changes_seen"] for verdict in verdicts)
    assert seen >= 10, "the agents were killed before they did anything"


def as_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


DAMAGES: list[Callable[[Path], object]] = [
    lambda path: path.write_text("{}"),
    lambda path: path.write_text("[1, 2]"),
    lambda path: path.write_text(path.read_text()[:40]),
    lambda path: path.write_text(path.read_text().replace("clusters: 4", "clusters: 3")),
    lambda path: path.write_text('{"content": 5, "md5": [], "source": null, "applied_at": "x"}'),
    lambda path: path.unlink(),
    as_folder,
    lambda path: shutil.rmtree(path.parent),
]


def test_a_damaged_applied_file_is_repaired_and_no_worker_uses_the_default(
    service: Service,
) -> None:
    service.start()
    service.wait_until_it_answers()
    wait_until(lambda: len(service.workers) == 2, 30)
    service.config_file.write_text("clusters: 4\n")
    service.wait_until_clusters(4)
    (path,) = (service.folder / "state" / "applied").iterdir()
    good = path.read_text()
    over = threading.Event()
    seen: set[int] = set()

    def ask() -> None:
        while not over.is_set():
            seen.update(service.clusters_in_force())

    def is_good() -> bool:
        with suppress(OSError):
            return path.read_text() == good
        return False

    def config() -> dict[str, Any]:
        check: dict[str, Any] = json.loads(service.read("/readyz"))["checks"]["config"]
        return check

    caller = threading.Thread(target=ask)
    caller.start()
    try:
        for damage in DAMAGES:
            damage(path)
            assert not is_good()
            assert config()["ok"] or str(path) in config()["file_error"] or is_good()
            assert wait_until(is_good) < 1.5
            wait_until(lambda: config()["ok"] and not config()["file_error"])
    finally:
        over.set()
        caller.join()
    # A new worker waits for the repair.
    assert service.process
    (gunicorn,) = psutil.Process(service.process.pid).children()
    before = set(gunicorn.children())
    path.write_text("{}")
    for worker in before:
        worker.kill()
    wait_until(lambda: len(set(gunicorn.children()) - before) == 2, 30)
    wait_until(lambda: service.get("/readyz") == 200, 30)
    seen |= service.clusters_in_force()
    assert seen == {4}
    assert "was changed or removed" in service.log()
    assert service.status["config"]["applied_count"] == 2


def test_readiness_and_status_report_a_file_that_cannot_be_repaired(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    wait_until(lambda: len(service.workers) == 2, 30)
    service.config_file.write_text("clusters: 4\n")
    service.wait_until_clusters(4)
    folder = service.folder / "state" / "applied"
    shutil.rmtree(folder)
    folder.write_text("a file where a folder should be cannot be written into")
    wait_until(lambda: (service.status.get("config") or {}).get("file_error"))
    assert service.clusters_in_force() == {4}
    answer = json.loads(service.read("/readyz"))
    assert answer["checks"]["config"]["ok"] is False
    assert str(folder) in answer["checks"]["config"]["file_error"]
    assert "file error" in service.manage("nacos", "status").stdout
    folder.unlink()
    wait_until(lambda: not service.status["config"]["file_error"])
    assert json.loads(service.read("/readyz"))["checks"]["config"]["ok"] is True


DYING_AGENT = """
import sys
from nacos_integration.agent.sources import FileSource

def die(self):
    raise MemoryError("for the test")

FileSource.read = die
sys.argv = ["manage.py", "serve"]
import manage
manage.main()
"""


def test_an_agent_that_keeps_dying_ends_serve_with_70(service: Service) -> None:
    service.environment["DJANGO_SETTINGS_MODULE"] = "kmeans_project.settings"
    service.start(("-c", DYING_AGENT))
    assert service.process
    assert service.process.wait(60) == 70
    assert service.log().count("MemoryError: for the test") == 5
    assert "giving up" in service.log()
    assert service.get("/livez") == 0


ONCE_DYING_AGENT = DYING_AGENT.replace(
    "def die(self):",
    "read = FileSource.read\n\ndef die(self):\n    FileSource.read = read",
)


def test_an_agent_that_dies_once_goes_on_with_new_threads(service: Service) -> None:
    service.environment["DJANGO_SETTINGS_MODULE"] = "kmeans_project.settings"
    service.start(("-c", ONCE_DYING_AGENT))
    service.wait_until_it_answers()
    assert "restarting the agent" in service.log()
    service.config_file.write_text("clusters: 4\n")
    service.wait_until_clusters(4)
    assert service.stop() == 0
