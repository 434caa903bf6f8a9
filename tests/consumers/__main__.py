"""Restart and kill what the Java consumer calls, with a real Nacos, and print what it saw.

The server is that of NACOS_SERVER_JAR, else the 2.2.4 that is built here.
"""

import collections
import contextlib
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import django

# Before what is imported from the tests, some of which needs the settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from tests.support.java import (  # noqa: E402
    JavaConsumer,
    address_of,
    crash,
    restart,
    start,
    two_services,
)
from tests.support.servers import free_ports  # noqa: E402
from tests.support.service import Service  # noqa: E402
from tools.nacos_api import DEFAULT_GROUP  # noqa: E402
from tools.nacos_server import NacosServer, chosen_jar  # noqa: E402

CALLS_PER_SECOND = 50
WARM_UP_SECONDS = 20  # of Java, whose first calls are slow
CACHE_SECONDS = 35  # Spring's default
WATCH_SECONDS = 10
WATCH_CRASH_SECONDS = CACHE_SECONDS + 10
# Then the calls begun before have come to an end.
SETTLE_SECONDS = 2
SPRINGS = "Spring's: cache 35 s, no retry"
SPRINGS_OPTIONS = [
    f"--spring.cloud.loadbalancer.cache.ttl={CACHE_SECONDS}s",
    "--spring.cloud.loadbalancer.retry.enabled=false",
]
EXAMPLES = "the example's"
HEADER = (
    "| Nacos | scenario | caller's settings | requests | answered by 1 | by 2 | failed | for |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Outcome:
    """What the consumer saw from the begin of a scenario to its end."""

    scenario: str
    settings: str
    answered: list[int]
    failed_at: list[float]
    errors: list[str]

    def row(self, server: str) -> str:
        """Return the row of the table."""
        failed = len(self.failed_at)
        lasted = f"{self.failed_at[-1] - self.failed_at[0]:.1f} s" if failed else ""
        total = sum(self.answered) + failed
        cells = (server, self.scenario, self.settings, total, *self.answered, failed, lasted)
        return f"| {' | '.join(map(str, cells))} |"


def look(
    scenario: str, settings: str, consumer: JavaConsumer, services: list[Service], began: float
) -> Outcome:
    """Return what the consumer saw since then, and tell it at once on the error stream."""
    ended = time.time()
    time.sleep(SETTLE_SECONDS)
    calls = sorted((c for c in consumer.calls if began <= c.at < ended), key=lambda c: c.at)
    failed = [call for call in calls if not call.is_good]
    answered = [
        sum(call.is_good and call.instance == address_of(service) for call in calls)
        for service in services
    ]
    errors = [f"{call.client}: {call.error or call.labels}" for call in failed]
    outcome = Outcome(scenario, settings, answered, [call.at for call in failed], errors)
    print(outcome.row(""), file=sys.stderr, flush=True)
    for error, number in collections.Counter(errors).most_common(5):
        print(f"    {number} × {error}", file=sys.stderr, flush=True)
    return outcome


def run(nacos: NacosServer, folder: Path, stack: contextlib.ExitStack) -> list[Outcome]:
    """Go through all scenarios."""
    services = two_services(stack, folder, nacos, DEFAULT_GROUP)
    for service in services:
        # As they are by default, not as in tests: 40 s, and a worker for each core.
        del service.environment["SERVE_DRAIN_SECONDS"], service.environment["WORKERS"]
    start(nacos, *services)
    consumer = JavaConsumer(stack, folder / "springs", services, CALLS_PER_SECOND, SPRINGS_OPTIONS)
    time.sleep(WARM_UP_SECONDS)
    outcomes = []

    began = time.time()
    time.sleep(WATCH_SECONDS)
    outcomes.append(look("both run", SPRINGS, consumer, services, began))

    began = time.time()
    for service in services:
        restart(nacos, service, consumer, CACHE_SECONDS)
    outcomes.append(look("rolling restart of both", SPRINGS, consumer, services, began))

    began = time.time()
    crash(services[1])
    time.sleep(WATCH_CRASH_SECONDS)
    outcomes.append(look("kill -9 of 2", SPRINGS, consumer, services, began))

    consumer.close()
    start(nacos, services[1])
    consumer = JavaConsumer(stack, folder / "examples", services, CALLS_PER_SECOND)
    time.sleep(WARM_UP_SECONDS)
    began = time.time()
    crash(services[1])
    time.sleep(WATCH_CRASH_SECONDS)
    outcomes.append(look("kill -9 of 2", EXAMPLES, consumer, services, began))
    return outcomes


def main() -> int:
    """Return 1 if a request was lost that must not be."""
    with tempfile.TemporaryDirectory(prefix="skl-kmeans-java-") as name:
        nacos = NacosServer(chosen_jar(), Path(name) / "nacos", *free_ports())
        with contextlib.ExitStack() as stack:
            stack.callback(nacos.stop)
            nacos.start()
            outcomes = run(nacos, Path(name), stack)
    print("\n" + HEADER)
    for outcome in outcomes:
        print(outcome.row(nacos.version))
    may_lose = ("kill -9 of 2", SPRINGS)
    return int(any(o.failed_at for o in outcomes if (o.scenario, o.settings) != may_lose))


if __name__ == "__main__":
    sys.exit(main())
