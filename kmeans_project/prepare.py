"""Prepares a process before Django reads its settings; only this module sets environment variables.

Child processes inherit the variables.
"""

import atexit
import contextlib
import functools
import logging.config
import os
import secrets
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Final

from kmeans_project import logs
from kmeans_project.environment import Environment, secret_key_file, state_dir

logger = logging.getLogger(__name__)

_DEFAULTS: Final = {
    "DJANGO_SETTINGS_MODULE": "kmeans_project.settings",
    # One BLAS and OpenMP thread in each process: the workers share the cores already, and more
    # threads make small fits slower.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # OpenTelemetry's own defaults are attribute names that are no longer stable, and a span for
    # each health check.
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
    "OTEL_PYTHON_DJANGO_EXCLUDED_URLS": "/livez,/readyz,/startupz,/statusz,/metrics",
}


@functools.cache
def prepare() -> None:
    """Set environment variables, and make the state directory and the secret key.

    Each launcher calls this before it imports numpy or reads a setting. Later calls do nothing.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    # Shared by all processes of a launch. It shows them whether a file in the state directory is
    # from their own agent or from an earlier launch.
    os.environ.setdefault("SERVE_LAUNCH_ID", uuid.uuid4().hex)
    _make_state_dir()
    _make_secret_key()


def prepare_metrics() -> None:
    """Make the folder in which gunicorn's workers count requests together.

    gunicorn's master calls this after `prepare`, before it imports prometheus_client.
    """
    env = Environment()
    if env.str("PROMETHEUS_MULTIPROC_DIR", ""):
        return
    # In memory if possible: workers map the files, and a full disk would kill them.
    memory = Path("/dev/shm")  # noqa: S108
    folder = tempfile.mkdtemp(
        prefix="skl-kmeans-metrics-",
        dir=memory if os.access(memory, os.W_OK) else state_dir(env),
    )
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    # If the start fails, gunicorn does not call its `on_exit`.
    atexit.register(_remove, Path(folder), os.getpid())


def _make_state_dir() -> None:
    """Make the state directory, or a private one if that is not writable."""
    env = Environment()
    wanted = state_dir(env)
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=wanted).close()
    except OSError as error:
        private = Path(tempfile.mkdtemp(prefix="skl-kmeans-"))
        os.environ["STATE_DIR"] = str(private)
        os.environ["STATE_DIR_IS_TEMPORARY"] = "1"
        atexit.register(_remove, private, os.getpid())
        logging.config.dictConfig(logs.from_environment(env))  # Django does so only later
        logger.warning(
            "STATE_DIR %s cannot be written (%s): using %s until this process ends",
            wanted, error.strerror, private,
        )  # fmt: skip


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not a child forked from it
        shutil.rmtree(folder, ignore_errors=True)


def _make_secret_key() -> None:
    """Make the file with Django's secret key, unless there is one or none is needed."""
    path = secret_key_file(Environment())
    if path is None or path.exists():
        return
    draft = path.with_name(f"secret_key.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(50))
    # If several processes start at once, the first one to link wins; a rename would overwrite.
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
