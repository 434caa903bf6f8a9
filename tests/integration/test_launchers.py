"""One registration, whatever starts the service, and none where nothing serves."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.integration.conftest import MakeService
from tests.integration.test_nacos import listed, publish, wait_until_listed, workers_of
from tests.support.service import GUNICORN, SERVE
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


def test_recycled_workers_hand_the_agent_over(
    nacos: NacosServer, make_service: MakeService
) -> None:
    """With --max-requests the agent moves from worker to worker, and is listed all the time."""
    service = make_service(nacos, WORKERS="2")
    service.start((*GUNICORN, "--max-requests", "40"))
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    agents = {service.status["pid"]}
    missing: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            if len(listed(nacos, service)) != 1:
                missing.append(time.monotonic())

    watcher = threading.Thread(target=watch)
    watcher.start()
    deadline = time.monotonic() + 200
    while len(agents) < 3 and time.monotonic() < deadline:
        service.labels()
        time.sleep(0.15)  # else a worker would end sooner than the next has started
        agents |= {service.status.get("pid", 0)} - {0}
    over.set()
    watcher.join()
    assert len(agents) >= 3, service.log()
    assert missing == []


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
