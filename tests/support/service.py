"""The service as a user runs it: its own processes, its own state directory, real HTTP."""

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
PYTHON = Path(sys.executable)
SERVE = ("manage.py", "serve")
GUNICORN = ("-m", "gunicorn", "kmeans_project.wsgi")
# What this process has in its environment, and an instance must not inherit.
STRANGE = (
    "NACOS_", "KMEANS_", "DJANGO_", "API_", "DATABASE_", "SERVE_", "STATE_",
    "LOG_", "OTEL_", "COV_",
)  # fmt: skip


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@functools.cache
def _migrated_database() -> Path:
    """Return a database made once by `migrate`, for instances to start from a copy of it."""
    folder = Path(tempfile.mkdtemp(prefix="skl-kmeans-database-"))
    atexit.register(shutil.rmtree, folder)
    made = Service(folder).manage("migrate", "-v", "0")
    assert made.returncode == 0, made.stderr
    return folder / "state" / "db.sqlite3"


class Service:
    """One instance; `environment` is what a user would set."""

    def __init__(self, folder: Path, environment: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.log_path = folder / "service.log"
        self.config_file = folder / "skl-kmeans.yaml"
        self.config_file.write_text("clusters: 3\n")
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(STRANGE)
        }
        self.environment = inherited | {
            "PORT": str(self.port),
            "STATE_DIR": str(folder / "state"),
            "KMEANS_CONFIG_FILE": str(self.config_file),
            "WORKERS": "2",
            "SERVE_DRAIN_SECONDS": "0.1",
            **(environment or {}),
        }
        # In front of each command.
        self.prefix: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a management command to its end."""
        return self.run(PYTHON, "manage.py", *arguments)

    def shell(self, command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command that the documents name, as an operator of this instance does."""
        # The virtual environment is not made again, whatever is newer.
        return self.run("bash", "-c", command.replace("make ", "make -o .venv/installed "))

    def run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, with the environment of this instance."""
        return subprocess.run(
            [*self.prefix, *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, command: Sequence[str] = SERVE) -> None:
        """Start, with SQLite migrated, but not what DATABASE_URL names; does not wait."""
        database = self.folder / "state" / "db.sqlite3"
        if "DATABASE_URL" not in self.environment and not database.exists():
            database.parent.mkdir(exist_ok=True)
            shutil.copy(_migrated_database(), database)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, PYTHON, *command],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_it_answers(self) -> None:
        wait_until(lambda: self.get("/livez") == 200, 60, self.log)

    def log(self) -> str:
        return self.log_path.read_text() if self.log_path.exists() else ""

    @property
    def status(self) -> dict[str, Any]:
        """What the agent says of itself; empty when there is none."""
        path = self.folder / "state" / "agents" / str(self.port) / "status.json"
        content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return content

    @property
    def workers(self) -> list[dict[str, Any]]:
        """What `/statusz` says of each worker that has loaded."""
        workers: list[dict[str, Any]] = json.loads(self.read("/statusz"))["workers"]
        return workers

    def get(self, path: str) -> int:
        """Return the status of a GET, 0 where nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def read(self, path: str) -> str:
        """Return the text of a GET."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            text: str = answer.read().decode()
            return text

    def labels(self, points: Any = REFERENCE_POINTS, timeout: float = 30) -> list[int]:
        """Return the service's answer for `points`."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/skl-kmeans",
            json.dumps({"points": points}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            results: list[int] = json.load(answer)["results"]
            return results

    def clusters_in_force(self) -> set[int]:
        """Return the numbers of clusters that answers show, over enough calls to meet all."""
        by_labels = {tuple(labels): clusters for clusters, labels in REFERENCE_LABELS.items()}
        return {by_labels[tuple(self.labels())] for _ in range(12)}

    def wait_until_clusters(self, clusters: int, seconds: float = 20) -> float:
        """Wait until every worker uses this number of clusters; return the seconds it took."""

        def all_use_it() -> bool:
            values = {worker["value"] for worker in self.workers}
            return values == {f"Parameters(clusters={clusters})"}

        waited = wait_until(all_use_it, seconds, self.log)
        assert self.clusters_in_force() == {clusters}
        return waited

    def stop(self) -> int:
        """Send SIGTERM, and return the exit code."""
        assert self.process
        self.process.terminate()
        return self.process.wait(60)

    def close(self) -> None:
        """End whatever still runs."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
                time.sleep(2.5)  # gunicorn notices and ends by itself


@contextlib.contextmanager
def running(folder: Path, environment: dict[str, str] | None = None) -> Iterator[Service]:
    """Start an instance, and end it afterwards; it answers."""
    service = Service(folder, environment)
    service.start()
    try:
        service.wait_until_it_answers()
        yield service
    finally:
        service.close()
