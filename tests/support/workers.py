"""The worker processes of a service under test."""

import psutil

from tests.support.service import Service


def resident_bytes(service: Service) -> dict[int, int]:
    """Return the resident bytes of each worker by its process id."""
    assert service.process
    (gunicorn,) = psutil.Process(service.process.pid).children()
    return {worker.pid: worker.memory_info().rss for worker in gunicorn.children()}
