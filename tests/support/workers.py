"""The worker processes of a service under test, and the files that they use."""

import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.support.service import Service


class Figures(NamedTuple):
    """What one worker has; the database's descriptors do not count.

    SQLite keeps those of closed connections for the next ones, while another one has a lock.
    """

    resident_bytes: int
    threads: int
    descriptors: int


def processes(service: Service) -> list[psutil.Process]:
    """Return the workers."""
    assert service.process
    started = psutil.Process(service.process.pid)
    return [process for process in started.children(recursive=True) if not process.children()]


def resident_bytes(service: Service) -> dict[int, int]:
    """Return the resident bytes of each worker by its process id."""
    return {worker.pid: worker.memory_info().rss for worker in processes(service)}


def figures(service: Service) -> dict[int, Figures]:
    """Return what each worker has, by its process id."""
    return {
        worker.pid: Figures(
            worker.memory_info().rss,
            worker.num_threads(),
            worker.num_fds() - sum(".sqlite3" in file.path for file in worker.open_files()),
        )
        for worker in processes(service)
    }


def metrics_folder(service: Service) -> Path:
    """Return the folder in which the workers count together."""
    mapped = [Path(file.path) for file in processes(service)[0].memory_maps()]
    (folder,) = {path.parent for path in mapped if path.suffix == ".db"}
    return folder


def modes(folder: Path) -> dict[str, int]:
    """Return the permissions of everything in a folder, and its own."""
    found = {}
    for path in (folder, *folder.glob("**/*")):
        with suppress(FileNotFoundError):  # replaced meanwhile
            found[str(path.relative_to(folder))] = stat.S_IMODE(path.lstat().st_mode)
    return found
