"""Who can read the state directory, and what is left in it and in memory."""

import os
import re
import signal
import stat
import subprocess
import threading
from pathlib import Path

import psutil
import pytest

from tests.support.service import GUNICORN, PYTHON, ROOT, SERVE, Service
from tests.support.waiting import wait_until
from tests.support.workers import metrics_folder, modes, processes


def test_agents_that_come_and_go_do_not_make_the_state_directory_unusable(tmp_path: Path) -> None:
    state = tmp_path / "state"
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            folders = [state / "agents" / f"instance-{number}" for number in range(50)]
            for folder in folders:
                folder.mkdir(parents=True)
            for folder in folders:
                folder.rmdir()

    agents = threading.Thread(target=come_and_go)
    agents.start()
    command = (
        "from kmeans_project.prepare import prepare\n"
        "for _ in range(500):\n"
        "    prepare.__wrapped__()\n"
        "import os\n"
        "print(os.environ['STATE_DIR'])"
    )
    try:
        printed = subprocess.run(
            [PYTHON, "-c", command],
            cwd=ROOT,
            env={"STATE_DIR": str(state), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        over.set()
        agents.join()
    assert printed.stdout.strip() == str(state), printed.stderr


@pytest.mark.parametrize("command", [SERVE, GUNICORN])
def test_only_the_user_of_the_service_can_read_its_state(
    service: Service, command: tuple[str, ...]
) -> None:
    state = service.folder / "state"
    service.start(command)
    service.wait_until_it_answers()
    service.stop()
    # As an earlier release has left it.
    for path in (state, *state.glob("**/*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    service.start(command)
    service.wait_until_it_answers()
    service.labels()
    found = modes(state)
    assert {"db.sqlite3", "secret_key", "applied", "agents"} <= found.keys()
    wait_until((state / "db.sqlite3-wal").exists)
    for name, mode in modes(state).items():
        assert mode == (0o700 if (state / name).is_dir() else 0o600), name
    for worker in processes(service):
        status = Path(f"/proc/{worker.pid}/status").read_text()
        assert re.search(r"^Umask:\t0077$", status, re.MULTILINE)
    assert stat.S_IMODE(metrics_folder(service).stat().st_mode) == 0o700


def test_serve_removes_the_metrics_of_a_gunicorn_that_was_killed(service: Service) -> None:
    service.start()
    service.wait_until_it_answers()
    folder = metrics_folder(service)
    assert service.process
    (gunicorn,) = psutil.Process(service.process.pid).children()
    gunicorn.kill()
    assert service.process.wait(20) == 1
    assert "gunicorn ended by itself" in service.log()
    assert not folder.exists()


def test_a_start_removes_the_metrics_of_masters_that_are_gone_and_no_others(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Service(tmp_path / "other")
    try:
        for started in (service, other):
            started.start(GUNICORN)
            started.wait_until_it_answers()
        left, used = metrics_folder(service), metrics_folder(other)
        assert service.process
        for process in (*processes(service), psutil.Process(service.process.pid)):
            os.kill(process.pid, signal.SIGKILL)
        service.process.wait()
        assert left.is_dir()
        service.start(GUNICORN)
        service.wait_until_it_answers()
        assert not left.exists()
        assert used.is_dir()
        assert other.get("/metrics") == 200
    finally:
        other.close()
    assert not used.exists()
