"""The Java consumer of examples/, its calls, and restarts that it is to survive."""

import json
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from tests.support.reference import REFERENCE_LABELS
from tests.support.service import ROOT, Service
from tests.support.waiting import wait_until
from tools import maven
from tools.nacos_server import NacosServer

PROJECT = ROOT / "examples" / "java-consumer"
SERVICE_NAME = "skl-kmeans"
CLIENTS = {"feign", "restclient"}


@dataclass(frozen=True)
class Call:
    """One call, as the consumer saw it."""

    at: float  # seconds, as time.time()
    client: str
    instance: str | None  # host:port; None where there was none to choose
    status: int | None
    labels: list[int] | None
    error: str | None

    @property
    def is_good(self) -> bool:
        """Tell whether the right labels came."""
        return self.labels == REFERENCE_LABELS[3]


class JavaConsumer:
    """One running consumer; `options` are Spring's, such as --logging.level.root=info."""

    def __init__(
        self,
        stack: ExitStack,
        folder: Path,
        services: list[Service],
        per_second: int,
        options: Sequence[str] = (),
        *,
        environment: dict[str, str] | None = None,
    ) -> None:
        """Start it, and return when it uses all instances; the stack ends it."""
        folder.mkdir()
        began = time.time()
        self._path = folder / "calls"
        self._read_to = 0
        self._calls: list[Call] = []
        with self._path.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    "java",
                    "-Xmx256m",
                    "-XX:TieredStopAtLevel=1",  # as for the server: starts sooner
                    f"-Duser.home={folder}",  # where the Nacos client keeps logs and a cache
                    "-jar",
                    maven.package(PROJECT),
                    f"--calls.per-second={per_second}",
                    "--calls.duration=1h",
                    # Half of the calls have a Content-Length, and half have not.
                    "--calls.chunked=true",
                    *options,
                ],
                env=services[0].environment | (environment or {}),
                stdout=output,
                stderr=output,
            )
        stack.callback(self.close)
        self.wait_until_used(services, began, 60)

    @property
    def calls(self) -> list[Call]:
        """All calls that are over by now."""
        with self._path.open("rb") as output:
            output.seek(self._read_to)
            for line in output:
                if not line.endswith(b"\n"):
                    break
                self._read_to += len(line)
                if line.startswith(b'{"time"'):
                    self._calls.append(_parse(line))
        return self._calls

    def wait_until_used(self, services: Iterable[Service], since: float, seconds: float) -> None:
        """Wait until each instance has answered both clients, in a call made after `since`."""
        wanted = {(client, address_of(service)) for client in CLIENTS for service in services}

        def used() -> set[tuple[str, str | None]]:
            return {(c.client, c.instance) for c in self.calls if c.is_good and c.at > since}

        wait_until(lambda: wanted <= used(), seconds, self.log)

    def failed_since(self, began: float) -> list[Call]:
        """Return the calls made since then, and over by now, that did not bring the labels."""
        return [call for call in self.calls if call.at >= began and not call.is_good]

    @property
    def messages(self) -> list[str]:
        """All that it printed besides its calls."""
        lines = self._path.read_text().splitlines()
        return [line for line in lines if not line.startswith('{"time"')]

    def log(self) -> str:
        """Return what it last printed."""
        return maven.last_lines(self._path.read_text())

    def stop(self) -> int:
        """Send SIGTERM, and return the exit status."""
        self._process.terminate()
        return self._process.wait(60)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def _parse(line: bytes) -> Call:
    call = json.loads(line)
    at = datetime.fromisoformat(call["time"]).timestamp()
    return Call(
        at, call["client"], call["instance"], call["status"], call["results"], call["error"]
    )


def address_of(service: Service) -> str:
    """Return what callers call it; it must be registered with NACOS_SERVICE_IP 127.0.0.1."""
    return f"127.0.0.1:{service.port}"


def two_services(
    stack: ExitStack,
    folder: Path,
    nacos: NacosServer,
    group: str,
    environment: dict[str, str] | None = None,
) -> list[Service]:
    """Return two instances, each of its own state, not started; the stack ends them.

    The consumer knows the service's name, so a test is alone in a group of its own.
    """
    nacos.publish_config(SERVICE_NAME, "clusters: 3", group)
    common = {
        "HOST": "127.0.0.1",
        "WORKERS": "1",
        "NACOS_SERVER_ADDR": f"127.0.0.1:{nacos.port}",
        "NACOS_USERNAME": nacos.username,
        "NACOS_PASSWORD": nacos.password,
        "NACOS_GROUP": group,
        "NACOS_SERVICE_IP": "127.0.0.1",
    }
    folders = [folder / "instance-1", folder / "instance-2"]
    for each in folders:
        each.mkdir()
    services = [Service(each, common | (environment or {})) for each in folders]
    stack.callback(_end, services)
    return services


def _end(services: list[Service]) -> None:
    for service in services:
        if service.process and service.process.poll() is None:
            service.process.send_signal(signal.SIGINT)  # without serving on for callers
    for service in services:
        service.close()


def start(nacos: NacosServer, *services: Service) -> None:
    """Start them, and wait until the registry lists them."""
    for service in services:
        service.start()
    for service in services:
        wait_until_listed(nacos, service)


def restart(
    nacos: NacosServer, service: Service, consumer: JavaConsumer, cache_seconds: float
) -> None:
    """Restart it in the right way: return when the consumer uses the new one.

    Stopping the next instance sooner could leave the consumer with none that it knows.
    """
    assert service.stop() == 0, service.log()
    began = time.time()
    start(nacos, service)
    consumer.wait_until_used([service], began, cache_seconds + 15)


def wait_until_listed(nacos: NacosServer, service: Service) -> None:
    group = service.environment["NACOS_GROUP"]

    def is_listed() -> bool:
        listed = nacos.instances(SERVICE_NAME, group)
        return service.port in [instance["port"] for instance in listed]

    wait_until(is_listed, 60, service.log)


def crash(service: Service) -> None:
    """End it with all its workers at once, as when its machine goes."""
    assert service.process
    parent = psutil.Process(service.process.pid)
    for process in [parent, *parent.children(recursive=True)]:
        process.send_signal(signal.SIGKILL)
    service.process.wait()
