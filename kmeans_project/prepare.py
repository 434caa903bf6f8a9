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
import stat
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Final

from kmeans_project import logs, metrics_folder
from kmeans_project.environment import Environment, secret_key_file, state_dir

logger = logging.getLogger(__name__)

_DEFAULTS: Final = {
    "DJANGO_SETTINGS_MODULE": "kmeans_project.settings",
    # One BLAS and OpenMP thread in each process: the workers share the cores already, and more
    # threads make small fits slower.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Only NACOS_PROXY says whether Nacos is asked through a proxy; gRPC would heed `no_proxy` too.
    "no_grpc_proxy": "",
    # OpenTelemetry's own defaults are attribute names that are no longer stable, and a span for
    # each health check.
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
    "OTEL_PYTHON_DJANGO_EXCLUDED_URLS": "/livez,/readyz,/startupz,/statusz,/health,/metrics",
}
# They write files of the source, which other users may need to read.
_COMMANDS_FOR_THE_SOURCE: Final = {
    "collectstatic", "compilemessages", "makemessages", "makemigrations",
}  # fmt: skip


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
    if not _COMMANDS_FOR_THE_SOURCE & set(sys.argv[1:2]):
        os.umask(0o077)  # for children too
    _make_state_dir()
    _make_secret_key()


def prepare_metrics() -> None:
    """Make the folder in which gunicorn's workers count requests together.

    gunicorn's master calls this after `prepare`, before it imports prometheus_client.
    """
    env = Environment()
    if inherited := env.str("PROMETHEUS_MULTIPROC_DIR", ""):
        # After SIGUSR2, it is that of the gunicorn which this one replaces.
        with contextlib.suppress(OSError):
            metrics_folder.hold(Path(inherited))
        return
    metrics_folder.remove_unused()
    try:
        folder = metrics_folder.make(env.str("SERVE_LAUNCH_ID"))
    except OSError as error:
        logger.error("metrics: %s: each worker counts for itself", error)
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def of_this_launch() -> dict[str, str]:
    """Return the variables that a gunicorn needs to belong to the launch of this one."""
    env = Environment()
    names = ("SERVE_LAUNCH_ID", "PROMETHEUS_MULTIPROC_DIR")
    return {name: value for name in names if (value := env.str(name, ""))}


def _make_state_dir() -> None:
    """Make the state directory, or a private one if that is not writable."""
    env = Environment()
    wanted = state_dir(env)
    try:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=wanted).close()
        _tighten(wanted)
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


def _tighten(folder: Path) -> None:
    """Let only this user read what another umask, or an earlier release, has left readable."""
    # Not glob: it fails if another process removes a folder meanwhile.
    own = [
        Path(parent, path)
        for name in ("applied", "agents")
        for parent, folders, files in os.walk(folder / name)
        for path in (*folders, *files)
    ]
    own += [
        folder / "applied",
        folder / "agents",
        *folder.glob("db.sqlite3*"),
        *folder.glob("secret_key*"),
    ]
    # STATE_DIR may be a folder that others need, such as /tmp or a home.
    others = {path.name for path in folder.iterdir() if path.is_dir()} - {"applied", "agents"}
    if not {name for name in others if not name.startswith((".", metrics_folder.PREFIX))}:
        own.append(folder)
    for path in own:
        # Files come and go, and some may belong to another user.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & 0o077 and not mode & stat.S_ISVTX:
                path.chmod(stat.S_IMODE(mode) & 0o700)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not a child forked from it
        shutil.rmtree(folder, ignore_errors=True)


def _make_secret_key() -> None:
    """Make the file with Django's secret key, unless there is one or none is needed."""
    path = secret_key_file(Environment())
    if path is None or (path.exists() and path.stat().st_size):
        return
    draft = path.with_name(f"secret_key.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(50))
        file.flush()
        os.fsync(file.fileno())
    # An empty file is what a full disk or a crash has left.
    path.unlink(missing_ok=True)
    # If several processes start at once, the first one to link wins; a rename would overwrite.
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
