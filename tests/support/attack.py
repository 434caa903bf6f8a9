"""A service under attack, and what others see of it meanwhile."""

import contextlib
import http.client
import json
import resource
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from tests.support import workers
from tests.support.raw_clients import connected, head, status_of
from tests.support.reference import REFERENCE_POINTS
from tests.support.service import Service
from tests.support.waiting import wait_until
from tests.support.workers import Figures

API = "/api/skl-kmeans"
STATIC = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
NINE_POINTS = json.dumps({"points": REFERENCE_POINTS}).encode()
# The bounds of `make attack`.
ANSWER_SECONDS = 2.0
RECOVERY_SECONDS = 5.0
# What a test waits: the machine may have other work.
PATIENCE_SECONDS = 20.0
ASK_INTERVAL_SECONDS = 0.1
SAMPLE_SECONDS = 0.1
# Shells and systemd start a service with this limit of open files.
USUAL_DESCRIPTORS = 1024
# More than each pool of threads has, in two workers.
WARM_UP_CONNECTIONS = 100
# Of the 16 for pages, and those for other purposes.
WARM_THREADS = 16
# Of the interpreter's own, besides 20 %.
MEMORY_SLACK_BYTES = 8 * 1024 * 1024
# A pool starts another thread only when all are busy.
THREAD_SLACK = 4
# Of connections that are just being closed.
DESCRIPTOR_SLACK = 4


@dataclass
class Outcome:
    """What an attack did to others; sizes in bytes."""

    name: str
    seconds: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    # To the attack itself.
    answers: Counter[str] = field(default_factory=Counter)
    growth: int = 0
    recovered_after: float = 0.0
    # What must not be, and what took too long.
    wrong: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)

    HEADER = (
        "| attack | answers to it | worst `/livez` | worst nine points | their statuses "
        "| growth of a worker | as before after |\n|---|---|---|---|---|---|---|"
    )

    def row(self) -> str:
        """Return a row of the table that HEADER begins."""
        seconds = [f"{self.seconds.get(path, 0):.2f} s" for path in ("/livez", API)]
        cells = [
            self.name,
            _counted(self.answers),
            *seconds,
            _counted(sum(self.statuses.values(), Counter())),
            f"{self.growth / 1e6:.0f} MB",
            f"{self.recovered_after:.1f} s",
        ]
        return "| " + " | ".join(cells) + " |"


def _counted(answers: Counter[str]) -> str:
    return ", ".join(f"{count} × {answer}" for answer, count in sorted(answers.items()))


class Scene:
    """One attack on a service of two workers."""

    def __init__(self, name: str, folder: Path, *, is_short: bool) -> None:
        self.outcome = Outcome(name)
        self.folder = folder
        self.is_short = is_short
        # How long an attack goes on.
        self.seconds = 3.0 if is_short else 8.0
        self.headers: dict[str, str] = {}
        self._service: Service | None = None

    @property
    def service(self) -> Service:
        assert self._service
        return self._service

    def start(self, **environment: str) -> Service:
        """Start a service, with the limit of open files that services usually have."""
        self._service = Service(self.folder, {"LOG_LEVEL": "WARNING", **environment})
        with _open_files(USUAL_DESCRIPTORS):
            self._service.start()
        self._service.wait_until_it_answers()
        return self._service

    def close(self) -> None:
        """End the service."""
        if self._service:
            self._service.close()

    def check(self, holds: object, otherwise: str) -> None:
        """Note what is wrong unless it `holds`."""
        if not holds:
            self.outcome.wrong.append(otherwise)

    def ask(self, path: str, body: bytes | None = None) -> str:
        """Return the status of a request on a connection of its own."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.service.port, timeout=PATIENCE_SECONDS
        )
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            connection.request("POST" if body else "GET", path, body, headers | self.headers)
            response = connection.getresponse()
            response.read()
            return str(response.status)
        except TimeoutError:
            return "no answer"
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()

    def open_connections(self) -> int:
        """Return how many connections the workers have, those of the questions among them."""
        return sum(
            connection.status == psutil.CONN_ESTABLISHED
            for worker in workers.processes(self.service)
            for connection in worker.net_connections("tcp")
        )

    @contextlib.contextmanager
    def watched(
        self, *, growth_max: int | None = None, statuses: tuple[str, ...] = ("200",)
    ) -> Iterator[None]:
        """Ask `/livez` and nine points during the attack, and compare the workers with before.

        The nine points may be answered with `statuses`.
        """
        self._warm_up()
        before = self._settled()
        over = threading.Event()
        with ThreadPoolExecutor(3) as pool:
            peak = pool.submit(self._sample, over)
            asked = {
                path: pool.submit(self._ask_repeatedly, path, body, over)
                for path, body in (("/livez", None), (API, NINE_POINTS))
            }
            try:
                yield
            finally:
                over.set()
        allowed = {"/livez": ("200",), API: statuses}
        for path, found in asked.items():
            self._judge(path, found.result(), allowed[path])
        growth = {pid: size - before[pid].resident_bytes for pid, size in peak.result().items()}
        self.outcome.growth = max(growth.values())
        if growth_max and self.outcome.growth > growth_max:
            self.outcome.wrong.append(f"a worker grew by {self.outcome.growth / 1e6:.0f} MB")
        self._await_recovery(before)

    def _judge(self, path: str, answers: list[tuple[str, float]], allowed: tuple[str, ...]) -> None:
        statuses = Counter(status for status, _ in answers)
        self.outcome.statuses[path] = statuses
        self.outcome.seconds[path] = worst = max(seconds for _, seconds in answers)
        if not statuses.keys() <= set(allowed):
            self.outcome.wrong.append(f"{path} was answered {_counted(statuses)}")
        if worst > ANSWER_SECONDS:
            self.outcome.late.append(f"{path} took {worst:.1f} s")

    def _warm_up(self) -> None:
        """Let both workers load what they load once, and start the threads that they keep."""
        while any(each.threads < WARM_THREADS for each in workers.figures(self.service).values()):
            self._burst()
        larger = json.dumps({"points": REFERENCE_POINTS * 1000}).encode()
        for _ in range(10):
            self.ask(API, larger)

    def _burst(self) -> None:
        """Send the same to both workers on many connections at once."""
        nine_points = (
            head("POST", API, Content_Length=len(NINE_POINTS), **self.headers) + NINE_POINTS
        )
        for request in (
            *map(partial(head, "GET"), ("/livez", "/admin/login/", STATIC)),
            nine_points,
        ):
            with contextlib.ExitStack() as stack:
                connections = [
                    stack.enter_context(connected(self.service.port))
                    for _ in range(WARM_UP_CONNECTIONS)
                ]
                for connection in connections:
                    connection.sendall(request)
                for connection in connections:
                    status_of(connection)

    def _settled(self) -> dict[int, Figures]:
        """Return what the workers have when all connections are closed."""
        found: list[dict[int, Figures]] = [workers.figures(self.service)]

        def is_steady() -> bool:
            time.sleep(0.5)
            found.append(workers.figures(self.service))
            return [each[1:] for each in found[-1].values()] == [
                each[1:] for each in found[-2].values()
            ]

        wait_until(is_steady)
        return found[-1]

    def _sample(self, over: threading.Event) -> dict[int, int]:
        """Return the peak of the resident bytes of each worker, until it is over."""
        peak: Counter[int] = Counter()
        while True:
            peak |= Counter(workers.resident_bytes(self.service))
            if over.wait(SAMPLE_SECONDS):
                return dict(peak)

    def _ask_repeatedly(
        self, path: str, body: bytes | None, over: threading.Event
    ) -> list[tuple[str, float]]:
        answers = []
        while True:
            started = time.monotonic()
            answers.append((self.ask(path, body), time.monotonic() - started))
            if over.wait(ASK_INTERVAL_SECONDS):
                return answers

    def _await_recovery(self, before: dict[int, Figures]) -> None:
        started = time.monotonic()
        while differences := self._differences(before):
            self.outcome.recovered_after = time.monotonic() - started
            if self.outcome.recovered_after > RECOVERY_SECONDS:
                self.outcome.wrong += differences
                return
            time.sleep(0.1)

    def _differences(self, before: dict[int, Figures]) -> list[str]:
        """Return what is not as before the attack."""
        after = workers.figures(self.service)
        if after.keys() != before.keys():
            return [f"workers {list(before)} are {list(after)} now"]
        found = [
            f"{name} of a worker: {was}, now {now}"
            for pid in before
            for name, was, now, most in _compared(before[pid], after[pid])
            if now > most
        ]
        for path, body in (("/livez", None), (API, NINE_POINTS)):
            if (status := self.ask(path, body)) != "200":
                found.append(f"{path} is answered {status} afterwards")
        return found


def _compared(before: Figures, after: Figures) -> Iterator[tuple[str, int, int, float]]:
    most = (
        before.resident_bytes * 1.2 + MEMORY_SLACK_BYTES,
        before.threads + THREAD_SLACK,
        before.descriptors + DESCRIPTOR_SLACK,
    )
    yield from zip(Figures._fields, before, after, most, strict=True)


@contextlib.contextmanager
def _open_files(soft: int) -> Iterator[None]:
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))
