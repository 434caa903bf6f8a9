"""The worker processes of a service under test."""

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
    (gunicorn,) = psutil.Process(service.process.pid).children()
    workers: list[psutil.Process] = gunicorn.children()
    return workers


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
