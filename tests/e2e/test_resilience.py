"""The service on a bad day that has nothing to do with Nacos."""

import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Any

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
