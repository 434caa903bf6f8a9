"""The files in which gunicorn's workers count together, with prometheus_client.

By itself, prometheus_client makes new files for each process and keeps those of ended ones, and a
process dies of SIGBUS when it writes to a file that has no space on the disk.

RELEASE is the release of prometheus_client that has these private parts:

| part | used for |
|---|---|
| `values.ValueClass`, made by `values.MultiProcessValue` | files by worker place, not by process |
| `values.MmapedDict` | replaced by `ReservedDict` |
| `MmapedDict._init_value`, `_used`, `_capacity`, `_f`; `_INITIAL_MMAP_SIZE` | its space |
"""

import contextlib
import functools
import logging
import os
from pathlib import Path
from typing import Any, Final

from prometheus_client import values
from prometheus_client.mmap_dict import _INITIAL_MMAP_SIZE, MmapedDict
from prometheus_client.multiprocess import mark_process_dead

RELEASE: Final = "0.26.0"

logger = logging.getLogger(__name__)

# At most what an entry takes besides its key: length, padding, value and time.
_ENTRY_BYTES: Final = 32
# gunicorn's master, until a worker has its place.
_name = f"{os.getpid()}-master"


@functools.cache
def install() -> None:
    """Use these files for all metrics; gunicorn's master calls this before any is made."""
    values.MmapedDict = ReservedDict  # type: ignore[attr-defined]
    values.ValueClass = values.MultiProcessValue(lambda: _name)  # type: ignore[no-untyped-call]


def begin(place: int) -> None:
    """Count in the files of a place, on top of what earlier workers have counted there.

    A worker calls this after it was forked. No two workers have the same place at a time.
    """
    global _name
    _name = f"{os.getppid()}-{place}"


def end(place: int) -> None:
    """Remove the gauges of a worker that has ended; gunicorn's master calls this."""
    with contextlib.suppress(FileNotFoundError):
        mark_process_dead(f"{os.getpid()}-{place}")  # type: ignore[no-untyped-call]


class ReservedDict(MmapedDict):
    """Takes space on the disk before it is used; without any, counts in this process's memory."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        try:
            _reserve_new(Path(filename))
        except OSError as error:
            self._count_in_memory(filename, error)
        else:
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        capacity = self._capacity
        while self._used + len(key.encode()) + _ENTRY_BYTES > capacity:
            capacity *= 2
        if capacity > self._capacity:
            try:
                os.posix_fallocate(self._f.fileno(), 0, capacity)
            except OSError as error:
                counted = list(self.read_all_values())  # type: ignore[no-untyped-call]
                self.close()  # type: ignore[no-untyped-call]
                self._count_in_memory(self._fname, error)
                for each, value, timestamp in counted:
                    self.write_value(each, value, timestamp)  # type: ignore[no-untyped-call]
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _count_in_memory(self, filename: str, error: OSError) -> None:
        logger.error(
            "metrics: cannot write %s (%s): /metrics misses what this worker counts there",
            filename, error.strerror,
        )  # fmt: skip
        memory = os.memfd_create("metrics")
        super().__init__(f"/proc/self/fd/{memory}")  # type: ignore[no-untyped-call]
        os.close(memory)


def _reserve_new(path: Path) -> None:
    """Make the file with space for the first values, unless there is one."""
    if path.exists():
        return
    # Renamed when complete: another worker may read all files now.
    draft: Any = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _INITIAL_MMAP_SIZE)
        draft.rename(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
