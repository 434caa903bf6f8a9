"""Overload a service that this starts, and print how it bears it.

`python -m benchmarks.overload --help` tells what can be chosen.
"""

import argparse
import http.client
import json
import os
import statistics
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import django
import numpy as np

# Before what is imported from the tests, some of which needs the settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from benchmarks import load  # noqa: E402
from benchmarks.services import started  # noqa: E402
from tests.support.service import Service  # noqa: E402
from tests.support.workers import resident_bytes  # noqa: E402

CLIENTS = 64
SLOW_SENDERS = 100
READ_TIMEOUT_SECONDS = 5
# Of the worker's memory, measured so often.
SAMPLE_SECONDS = 0.05
LARGE_SHAPE = (1_000_000, 8)
HISTORY_REQUESTS = 3000


class Memory:
    """Measures the resident bytes of the workers until it is closed."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._done = threading.Event()
        self.began = time.monotonic()
        self.samples: list[tuple[float, dict[int, int]]] = []
        self._sample()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _sample(self) -> None:
        self.samples.append((time.monotonic() - self.began, resident_bytes(self._service)))

    def _run(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self._sample()

    def close(self) -> None:
        self._done.set()
        self._thread.join()

    def at(self, seconds: float) -> str:
        """Return megabytes after so many seconds."""
        return _megabytes(min(self.samples, key=lambda sample: abs(sample[0] - seconds))[1])

    @property
    def peak(self) -> str:
        pids = self.samples[0][1]
        return _megabytes({pid: max(each.get(pid, 0) for _, each in self.samples) for pid in pids})


def _megabytes(sizes: dict[int, int]) -> str:
    return " ".join(f"{size / 1e6:.0f}" for size in sizes.values()) + " MB"


def tell(what: str, results: load.Seconds) -> None:
    """Print a row for each outcome."""
    for outcome, seconds in sorted(results.items()):
        milliseconds = sorted(1000 * each for each in seconds)
        p50, p99 = np.percentile(milliseconds, [50, 99])
        print(
            f"{what:<12} {outcome:<32} {len(seconds):>7}"
            f" {p50:>9.1f} {p99:>9.1f} {milliseconds[-1]:>9.1f}"
        )


def head(title: str) -> None:
    print(f"\n{title}")
    print(f"{'':<12} {'answer':<32} {'times':>7} {'p50 ms':>9} {'p99 ms':>9} {'max ms':>9}")


def overload(seconds: float, environment: dict[str, str], slow_senders: int) -> None:
    """Post from many clients at once, with callers who send slowly besides, and ask for health."""
    wait = {"HTTP_READ_TIMEOUT_SECONDS": str(READ_TIMEOUT_SECONDS)}
    with (
        started(**wait, **environment) as service,
        ProcessPoolExecutor(5, mp_context=get_context("spawn")) as pool,
    ):
        for each in [pool.submit(time.sleep, 0.5) for _ in range(5)]:
            each.result()  # now all processes are there
        memory = Memory(service)
        port = service.port
        runs = {"clients": pool.submit(load.post_all_the_time, port, CLIENTS, seconds, load.BODY)}
        if slow_senders:
            runs["slow"] = pool.submit(load.send_slowly, port, slow_senders, seconds)
        for path, times_a_second in (("/livez", 20), ("/readyz", 2), ("/metrics", 2)):
            runs[path] = pool.submit(load.ask_regularly, port, path, times_a_second, seconds)
        results = {what: run.result() for what, run in runs.items()}
        memory.close()
    settings = " ".join(f"{name}={value}" for name, value in environment.items())
    head(f"{CLIENTS} clients, {slow_senders} slow senders, {seconds:g} s {settings}")
    for what, result in results.items():
        tell(what, result)
    print(
        f"memory       {memory.at(0)} at the start, {memory.at(5)} after 5 s,"
        f" {memory.at(seconds)} at the end"
    )


def large() -> None:
    """Post one large body, and ask for health meanwhile."""
    points = np.random.default_rng(9).random(LARGE_SHAPE).tolist()
    body = json.dumps({"points": points}).encode()
    del points
    with (
        started(HTTP_READ_TIMEOUT_SECONDS="60") as service,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
    ):
        pool.submit(time.sleep, 0).result()
        memory = Memory(service)
        asking = pool.submit(load.ask_regularly, service.port, "/livez", 20, 20)
        time.sleep(1)
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
        connection.request("POST", load.ENDPOINT, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        labels = json.load(answer)["results"]
        took = time.monotonic() - began
        connection.close()
        results = asking.result()
        memory.close()
    head(f"one body of {len(body) / 1e6:.0f} MB, {LARGE_SHAPE[0]} points of {LARGE_SHAPE[1]}")
    tell("/livez", results)
    print(f"answered {answer.status} with {len(labels)} labels after {took:.1f} s")
    print(f"memory       {memory.at(0)} at the start, {memory.peak} at most, {memory.at(99)} after")


def history() -> None:
    """Ask two services in turn, one of which keeps no history."""
    with started(HISTORY_ENABLED="true") as on, started(HISTORY_ENABLED="false") as off:
        connections = {
            service: http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
            for service in (on, off)
        }
        seconds: dict[Service, list[float]] = {on: [], off: []}
        for _ in range(HISTORY_REQUESTS):
            for service, connection in connections.items():
                began = time.perf_counter()
                connection.request(
                    "POST", load.ENDPOINT, load.BODY, {"Content-Type": "application/json"}
                )
                content = connection.getresponse().read()
                seconds[service].append(time.perf_counter() - began)
                assert json.loads(content) == {"results": load.LABELS}
        for connection in connections.values():
            connection.close()
    head(f"one client, {HISTORY_REQUESTS} requests each in turn")
    tell("history", {"on": seconds[on], "off": seconds[off]})
    ratio = statistics.median(seconds[on]) / statistics.median(seconds[off])
    print(f"ratio of the medians {ratio:.3f}")


def main() -> None:
    """Run what the command line chooses."""
    parser = argparse.ArgumentParser(prog="benchmarks.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--set", action="append", default=[], help="an environment variable, A=b")
    parser.add_argument("what", nargs="*", default=["clients", "slow", "large", "history"])
    chosen = parser.parse_args()
    environment = dict(each.split("=", 1) for each in chosen.set)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before")
    if "clients" in chosen.what:
        overload(chosen.seconds, environment, 0)
        # So few may wait that clients are turned away, and come again at once.
        overload(chosen.seconds, {"KMEANS_QUEUE_SIZE": "8"} | environment, 0)
    if "slow" in chosen.what:
        overload(chosen.seconds, environment, SLOW_SENDERS)
    if "large" in chosen.what:
        large()
    if "history" in chosen.what:
        history()


if __name__ == "__main__":
    main()
