"""One instance of the service behind what breaks, watched from both sides while it breaks."""

import contextlib
import http.client
import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.support.proxy import GRPC_PORT_OFFSET, GrpcRelay, Proxy
from tests.support.reference import REFERENCE_LABELS
from tests.support.servers import free_ports
from tests.support.service import Service
from tests.support.waiting import wait_until
from tools.nacos_api import NacosApi, NacosError
from tools.nacos_server import NacosServer

CALL_EVERY_SECONDS = 0.05
LOOK_EVERY_SECONDS = 0.1
LISTED_AGAIN_SECONDS = 6.0
SHORT_WATCH_SECONDS = 5.0
REREAD_SECONDS = 15.0
REREAD_MARGIN_SECONDS = 5.0
# What a server may need to be reached at all is not counted, but it is not waited for for ever.
PATIENCE_SECONDS = 45.0
TOKEN_SECONDS = 8
USERNAME = "skl-kmeans-faults"
PASSWORD = "faults-secret-4711"
# The passwords, and what each token begins with.
SECRETS = re.compile(rb"secret-4711|eyJhbGciOi")
# Threads and open files that come and go with a connection of the SDK's.
GROWTH_MAX = 10
UNREACHABLE = (OSError, http.client.HTTPException, NacosError, LookupError, TypeError)

_numbers = itertools.count(1)


class ImpossibleError(Exception):
    """The machine does not allow the fault."""


def start_server(jar: Path, home: Path) -> NacosServer:
    """Start a server whose tokens are short-lived, with a user for the service."""
    seconds = {"nacos.core.auth.plugin.nacos.token.expire.seconds": str(TOKEN_SECONDS)}
    nacos = NacosServer(jar, home, *free_ports(), seconds)
    nacos.start()
    nacos.create_user(USERNAME, PASSWORD)
    # The default namespace is "public" to Nacos 3, and to the registry of Nacos 2, else "".
    for namespace in ("public", ""):
        nacos.grant(USERNAME, "faults", f"{namespace}:*:*", "rw")
    return nacos


@dataclass
class Outcome:
    """What one fault did, in requests and seconds, and what it must not have done."""

    fault: str
    server: str
    requests: int = 0
    lost: int = 0
    unlisted: float = 0.0
    listed_again: float = 0.0
    in_step: float = 0.0
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def row(self) -> str:
        """Return the row of the table."""
        cells = (
            self.fault,
            self.server,
            f"{self.lost} of {self.requests}",
            f"{self.unlisted:.1f} s",
            f"{self.listed_again:.1f} s",
            f"{self.in_step:.2f} s",
        )
        return f"| {' | '.join(cells)} |"


HEADER = (
    "| fault | server | requests lost | not listed for | listed again | config in step |\n"
    "|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Fault:
    """A fault: `make` makes it and takes it back, and returns when Nacos can be reached again.

    `front` is what the service connects through: the server itself ("direct"), "proxy", "proxies"
    (two to the same server), or "relay" (the scripted gRPC server).
    """

    name: str
    make: Callable[["Scene"], None]
    front: str = "proxy"
    environment: dict[str, str] = field(default_factory=dict)
    watch_seconds: float = 10.0
    in_step_seconds: float = REREAD_SECONDS + REREAD_MARGIN_SECONDS
    in_pytest: bool = True


@dataclass(frozen=True)
class Look:
    """What the registry said at one time: None where it could not be asked."""

    at: float
    listed: int | None


class Scene:
    """The instance, its caller, and the one who looks at the registry; `is_short` for pytest."""

    def __init__(self, fault: Fault, nacos: NacosServer, folder: Path, is_short: bool) -> None:
        self.fault = fault
        self.nacos = nacos
        self.is_short = is_short
        self.outcome = Outcome(fault.name, nacos.version)
        self.name = f"skl-kmeans-fault-{next(_numbers)}"
        self.relay: GrpcRelay | None = None
        self.proxies: list[Proxy] = []
        if fault.front == "relay":
            self.proxies = [Proxy(nacos.port, (0,))]
            grpc_port = self.proxies[0].port + GRPC_PORT_OFFSET
            self.relay = GrpcRelay(grpc_port, nacos.port + GRPC_PORT_OFFSET)
        elif fault.front != "direct":
            self.proxies = [Proxy(nacos.port) for _ in range(1 + (fault.front == "proxies"))]
        ports = [proxy.port for proxy in self.proxies] or [nacos.port]
        self.service = Service(
            folder,
            {
                "HOST": "127.0.0.1",
                "NACOS_SERVER_ADDR": ",".join(f"127.0.0.1:{port}" for port in ports),
                "NACOS_USERNAME": USERNAME,
                "NACOS_PASSWORD": PASSWORD,
                "NACOS_SERVICE_NAME": self.name,
                "NACOS_SERVICE_IP": "127.0.0.1",
                "NACOS_DATA_ID": self.name,
                "NACOS_REREAD_INTERVAL_SECONDS": str(REREAD_SECONDS),
                **fault.environment,
            },
        )
        self.looks: list[Look] = []
        self._published: set[int] = set()
        self._done = threading.Event()
        # Of its own, because a look may hang while the fault lasts.
        self._registry = NacosApi(nacos.port, nacos.generation)

    @property
    def proxy(self) -> Proxy:
        return self.proxies[0]

    def seconds(self, long: float, short: float) -> float:
        return short if self.is_short else long

    def expect(self, is_so: object, what: str) -> None:
        """Put on record what is not so; the fault goes on."""
        if not is_so:
            self.outcome.wrong.append(what)

    def instance(self) -> dict[str, Any]:
        """Return our instance as the registry has it, empty where it does not."""
        return next(iter(self.nacos.instances(self.name)), {})

    def publish(self, clusters: int) -> None:
        """Publish a config; a server that is only just back may need to be asked again."""
        self._published.add(clusters)
        wait_until(lambda: self._publish(clusters), PATIENCE_SECONDS)

    def _publish(self, clusters: int) -> bool:
        try:
            self.nacos.publish_config(self.name, f"clusters: {clusters}")
        except UNREACHABLE:
            return False
        return True

    def time_until_in_step(self, clusters: int, seconds: float = PATIENCE_SECONDS) -> float:
        """Return the seconds from now to the first of six answers in a row that show `clusters`."""
        started = time.monotonic()
        first, agreeing = started, 0
        while agreeing < 6:
            asked = time.monotonic()
            if asked - started > seconds:
                raise AssertionError(f"clusters: {clusters} not in force after {seconds:.0f} s")
            if self.service.labels() == REFERENCE_LABELS[clusters]:
                agreeing += 1
                if agreeing == 1:
                    first = time.monotonic()
            else:
                agreeing = 0
        return first - started

    def run(self) -> Outcome:
        """Start the instance, make the fault, and measure until all is well again."""
        outcome, service = self.outcome, self.service
        self.publish(3)
        service.start()
        service.wait_until_it_answers()
        wait_until(self.instance, 20, service.log)
        self.time_until_in_step(3)
        assert service.process
        process = psutil.Process(service.process.pid)
        with self._watched():
            time.sleep(1)
            threads, files = process.num_threads(), process.num_fds()
            broken = time.monotonic()
            self.fault.make(self)
            reachable = self._reachable_since(broken)
            self.publish(4)
            outcome.in_step = self.time_until_in_step(4)
            self.expect(
                outcome.in_step <= self.fault.in_step_seconds,
                f"config in step only after {outcome.in_step:.1f} s",
            )
            # Not sooner: the server may still list what it is about to drop.
            time.sleep(self.seconds(self.fault.watch_seconds, SHORT_WATCH_SECONDS))
            with contextlib.suppress(AssertionError):
                wait_until(lambda: self.looks[-1].listed, PATIENCE_SECONDS)
        self._judge_looks(reachable)
        for what, before, now in (
            ("threads", threads, process.num_threads()),
            ("open files", files, process.num_fds()),
        ):
            outcome.notes.append(f"{what} {before} → {now}")
            self.expect(now <= before + GROWTH_MAX, f"{what} grew from {before} to {now}")
        self.expect(outcome.lost == 0, f"{outcome.lost} requests lost")
        self.expect("Traceback" not in service.log(), "a traceback in the log")
        service.stop()
        for path in service.folder.rglob("*"):
            leaks = path.is_file() and SECRETS.search(path.read_bytes())
            self.expect(not leaks, f"a secret in {path.name}")
        return outcome

    def close(self) -> None:
        self._done.set()
        self.service.close()
        if self.relay:
            self.relay.close()
        for proxy in self.proxies:
            proxy.close()

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        threads = [threading.Thread(target=each) for each in (self._call, self._look)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def _call(self) -> None:
        while not self._done.wait(CALL_EVERY_SECONDS):
            self.outcome.requests += 1
            good = [REFERENCE_LABELS[clusters] for clusters in self._published]
            try:
                labels: object = self.service.labels(timeout=5)
            except (OSError, http.client.HTTPException) as error:
                labels = error
            if labels not in good:
                self.outcome.lost += 1
                self.outcome.notes.append(f"a caller got {labels!r}")

    def _look(self) -> None:
        while not self._done.wait(LOOK_EVERY_SECONDS):
            try:
                instances = self._registry.instances(self.name)
            except UNREACHABLE:
                self.looks.append(Look(time.monotonic(), None))
                continue
            listed = sum(each["healthy"] for each in instances)
            self.looks.append(Look(time.monotonic(), listed))
            if len(instances) > 1:
                self.expect(False, f"{len(instances)} instances listed")

    def _reachable_since(self, broken: float) -> float:
        """Return when the server answered first after it did not, else now."""
        away = [i for i, look in enumerate(self.looks) if look.at > broken and look.listed is None]
        back = self.looks[away[-1] + 1 :] if away else []
        return back[0].at if back else time.monotonic()

    def _judge_looks(self, reachable: float) -> None:
        outcome = self.outcome
        for look, following in itertools.pairwise(self.looks):
            if look.listed == 0:
                if following.listed is not None:
                    outcome.unlisted += following.at - look.at
                outcome.listed_again = max(0.0, following.at - reachable)
        self.expect(self.looks[-1].listed, "not listed at the end")
        self.expect(
            # A busy machine is no reason for a test to fail; the long run holds the limit.
            self.is_short or outcome.listed_again <= LISTED_AGAIN_SECONDS,
            f"listed again only {outcome.listed_again:.1f} s after Nacos could be reached",
        )
