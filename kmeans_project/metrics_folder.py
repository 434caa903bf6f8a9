"""The folder in which gunicorn's workers count together, from its start to its end.

A process holds a lock on the folder as long as it uses that, so that an unused one is known.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kmeans_project.environment import Environment, state_dir

PREFIX: Final = "skl-kmeans-metrics-"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108
# Until a worker that gunicorn has killed is gone.
KILLED_SECONDS: Final = 1.0
# The open folder, which workers inherit.
_lock: int | None = None


def make(launch_id: str) -> Path:
    """Make the folder, hold it, and return it; raise OSError."""
    # In memory if possible: workers write to the files with each request.
    try:
        draft = Path(tempfile.mkdtemp(prefix=".", dir=_MEMORY))
    except OSError:
        draft = Path(tempfile.mkdtemp(prefix=".", dir=state_dir(Environment())))
    hold(draft)  # before it has its name
    return draft.rename(draft.with_name(f"{PREFIX}{launch_id}{draft.name}"))


def hold(folder: Path) -> None:
    """Lock the folder until the last worker has ended, however that ends."""
    global _lock
    if _lock is None:  # else gunicorn reads its settings again
        _lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(_lock, fcntl.LOCK_SH)
        atexit.register(_leave_at_exit, os.getpid())


def _leave_at_exit(owner: int) -> None:
    if os.getpid() == owner:  # not a child forked from it
        leave(KILLED_SECONDS)


def leave(seconds: float = 0.0) -> None:
    """Remove the metrics folder when no other process uses it, within `seconds`.

    A worker calls this at its end.
    """
    if _lock is not None:
        os.close(_lock)
        remove_unused(seconds)


def remove_unused(seconds: float = 0.0) -> None:
    """Remove the metrics folders that no process uses; wait so long for those of this launch."""
    deadline = time.monotonic() + seconds
    launch_id = Environment().str("SERVE_LAUNCH_ID")
    while True:
        used = [folder for folder in _folders() if not _remove_if_unused(folder)]
        if time.monotonic() >= deadline or not any(launch_id in folder.name for folder in used):
            return
        time.sleep(0.05)


def _folders() -> Iterator[Path]:
    # Named by a launch id: a release that did not lock its folder may run beside this one.
    for place in (_MEMORY, state_dir(Environment())):
        yield from place.glob(f"{PREFIX}{32 * '[0-9a-f]'}*")


def _remove_if_unused(folder: Path) -> bool:
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False  # of another user, or gone
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
