"""One registration, whatever starts the service, and none where nothing serves."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import MakeService
from tests.integration.test_nacos import listed, publish, wait_until_listed, workers_of
from tests.support.service import GUNICORN, SERVE, Service
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer

RUNSERVER = ("manage.py", "runserver")


@pytest.mark.parametrize(
    ("command", "workers"),
    [
        (SERVE, 1),
        (SERVE, 4),
        (GUNICORN, 1),
        (GUNICORN, 4),
        ((*GUNICORN, "--preload"), 1),
        ((*GUNICORN, "--preload"), 4),
        (RUNSERVER, 1),
        ((*RUNSERVER, "--noreload"), 1),
    ],
    ids=lambda value: str(value[-1] if isinstance(value, tuple) else value),
)
def test_registers_once_follows_the_config_and_leaves(
    nacos: NacosServer, make_service: MakeService, command: tuple[str, ...], workers: int
) -> None:
    # A home directory that nobody can write to, as containers have it.
    service = make_service(nacos, WORKERS=str(workers), HOME="/proc")
    service.start(command)
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    publish(nacos, service, "clusters: 4")
    service.wait_until_clusters(4)
    # One agent holds the lock, and only it registered.
    assert len(listed(nacos, service)) == 1
    assert service.log().count("is listed") == 1
    assert service.process
    processes = workers_of(service)
    service.stop()
    wait_until(lambda: not listed(nacos, service), 10, service.log)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), 5)
    if command != RUNSERVER:  # its reloader kills its child, so no code of ours can tidy up
        assert not list((service.folder / "state" / "agents").iterdir()), "files left behind"
    assert "Traceback" not in service.log()


def test_another_worker_takes_over_the_agent(nacos: NacosServer, make_service: MakeService) -> None:
    service = make_service(nacos)
    service.start(GUNICORN)
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    agent = service.status["pid"]
    assert agent in workers_of(service)
    os.kill(agent, signal.SIGKILL)
    wait_until(lambda: service.status.get("pid") != agent, 10, service.log)
    wait_until(lambda: service.status["registration"]["state"] == "registered", 10, service.log)
    wait_until_listed(nacos, service)
    publish(nacos, service, "clusters: 4")
    service.wait_until_clusters(4)


@contextlib.contextmanager
def unlisted_moments(nacos: NacosServer, service: Service) -> Iterator[list[float]]:
    """Look all the time; yield the moments at which the registry did not list one instance."""
    missing: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            if len(listed(nacos, service)) != 1:
                missing.append(time.monotonic())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield missing
    finally:
        over.set()
        watcher.join()


def test_recycled_workers_hand_the_agent_over(
    nacos: NacosServer, make_service: MakeService
) -> None:
    """With --max-requests the agent moves from worker to worker, and is listed all the time."""
    service = make_service(nacos, WORKERS="2")
    service.start((*GUNICORN, "--max-requests", "40"))
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    agents = {service.status["pid"]}
    with unlisted_moments(nacos, service) as missing:
        deadline = time.monotonic() + 200
        while len(agents) < 3 and time.monotonic() < deadline:
            service.labels()
            time.sleep(0.15)  # else a worker would end sooner than the next has started
            agents |= {service.status.get("pid", 0)} - {0}
    assert len(agents) >= 3, service.log()
    assert missing == []


@pytest.mark.parametrize("command", [SERVE, GUNICORN], ids=" ".join)
@pytest.mark.parametrize("workers", [1, 2])
def test_reloaded_workers_stay_listed(
    nacos: NacosServer, make_service: MakeService, command: tuple[str, ...], workers: int
) -> None:
    """After SIGHUP the agent of plain gunicorn moves to a new worker."""
    service = make_service(nacos, WORKERS=str(workers))
    service.start(command)
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    agent = service.status["pid"]
    assert service.process
    with unlisted_moments(nacos, service) as missing:
        before = {worker["pid"] for worker in service.workers}
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not before & {worker["pid"] for worker in service.workers}, 90)
        moved = command == GUNICORN
        wait_until(lambda: (service.status.get("pid") != agent) is moved, 30, service.log)
        wait_until(lambda: service.status["registration"]["state"] == "registered", 30)
        time.sleep(2)  # until the server would have dropped the old worker's registration
    assert missing == []
    publish(nacos, service, "clusters: 4")
    service.wait_until_clusters(4)
    assert service.stop() == 0
    wait_until(lambda: not listed(nacos, service), 10, service.log)


def test_two_services_share_a_host_and_a_state_directory(
    nacos: NacosServer, make_service: MakeService
) -> None:
    one = make_service(nacos)
    other = make_service(nacos, STATE_DIR=one.environment["STATE_DIR"])
    for service in (one, other):
        service.start()
    for service in (one, other):
        service.wait_until_it_answers()
    wait_until(lambda: len(listed(nacos, one)) == 2, 15, other.log)
    publish(nacos, one, "clusters: 4")
    for service in (one, other):
        service.wait_until_clusters(4)
    one.stop()
    wait_until(lambda: len(listed(nacos, one)) == 1, 10, one.log)
    assert listed(nacos, one)[0]["port"] == other.port
    other.stop()
    wait_until(lambda: not listed(nacos, one), 10, other.log)
    assert not list((one.folder / "state" / "agents").iterdir())


def test_management_commands_never_register(nacos: NacosServer, make_service: MakeService) -> None:
    service = make_service(nacos)
    for command in (["migrate", "-v", "0"], ["check"], ["shell", "-c", "pass"]):
        assert service.manage(*command).returncode == 0
    assert not (service.folder / "state" / "agents").exists()
    assert listed(nacos, service) == []
