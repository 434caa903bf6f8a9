"""API keys in a service of two workers."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil

from tests.support.reference import REFERENCE_POINTS
from tests.support.service import Service
from tests.support.waiting import wait_until, wait_until_the_minute_has

LIMIT = 20
CREATE = """
from clustering.models import ApiKey
print(ApiKey.objects.create_key(name="a caller", requests_per_minute={})[1])
"""
REVOKE = "from clustering.models import ApiKey; ApiKey.objects.update(revoked=True)"


def post(service: Service, key: str | None) -> int:
    """Return the status of a request to the endpoint."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{service.port}/api/skl-kmeans",
        json.dumps({"points": REFERENCE_POINTS}).encode(),
        {"Content-Type": "application/json"}
        | ({} if key is None else {"Authorization": f"Api-Key {key}"}),
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def create_key(service: Service, requests_per_minute: int | None) -> str:
    made = service.manage("shell", "-v", "0", "-c", CREATE.format(requests_per_minute))
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def workers(service: Service) -> list[psutil.Process]:
    assert service.process
    children = psutil.Process(service.process.pid).children(recursive=True)
    return [process for process in children if not process.children()]


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def test_a_limit_holds_across_workers_and_a_revocation_reaches_them_all(service: Service) -> None:
    service.environment["API_KEYS_REQUIRED"] = "true"
    service.start()
    service.wait_until_it_answers()
    limited, unlimited = create_key(service, LIMIT), create_key(service, None)
    assert post(service, None) == 401
    both = workers(service)
    assert len(both) == 2
    for worker in both:  # the other one answers, and loads what the first request needs
        with stopped(worker):
            assert post(service, unlimited) == 200

    wait_until_the_minute_has(15)
    callers = 10
    start = threading.Barrier(callers)

    def ask(_: int) -> list[int]:
        start.wait()
        return [post(service, limited) for _ in range(6)]

    with ThreadPoolExecutor(callers) as pool:
        statuses = [status for answers in pool.map(ask, range(callers)) for status in answers]
    assert sorted(statuses) == [200] * LIMIT + [429] * 40
    for worker in both:
        with stopped(worker):
            assert [post(service, key) for key in (limited, unlimited)] == [429, 200]

    assert service.manage("shell", "-v", "0", "-c", REVOKE).returncode == 0
    for worker in both:
        with stopped(worker):
            wait_until(lambda: post(service, unlimited) == 401, 11, service.log)
    for key in (limited, unlimited):
        assert key.partition(".")[2] not in service.log()
