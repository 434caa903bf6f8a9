"""Leaving the registry: when, in which order, and how it is told."""

import contextlib
import os
import signal
import threading
import time
import urllib.error
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from nacos_integration import conf
from nacos_integration.sdk.client import NacosClient
from tests.integration.conftest import MakeService
from tests.integration.test_nacos import listed, wait_until_listed, workers_of
from tests.support.service import Service
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer


@contextlib.contextmanager
def steady_calls(service: Service) -> Iterator[list[str]]:
    """Call all the time; yield the list of what went wrong."""
    failures: list[str] = []
    over = threading.Event()

    def call() -> None:
        while not over.wait(0.05):
            try:
                service.labels()
            except OSError as error:
                failures.append(str(error))

    caller = threading.Thread(target=call)
    caller.start()
    yield failures
    over.set()
    caller.join()


def test_serves_on_for_callers_that_do_not_know_yet(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos, SERVE_DRAIN_SECONDS="6")
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    assert service.get("/readyz") == 200
    assert service.process
    with steady_calls(service) as failures:
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not listed(nacos, service), 10, service.log)
        left = time.monotonic()
        assert service.get("/readyz") == 503
        assert service.get("/livez") == 200
        # The config is followed to the end.
        nacos.publish_config(service.environment["NACOS_DATA_ID"], "clusters: 4")
        service.wait_until_clusters(4)
        time.sleep(max(0.0, left + 4 - time.monotonic()))
    assert failures == []
    assert service.process.wait(20) == 0
    assert time.monotonic() - left >= 5.5
    assert not list((service.folder / "state" / "agents").iterdir())


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_a_drain_can_be_cut_short(
    nacos: NacosServer, make_service: MakeService, signals: list[signal.Signals]
) -> None:
    service = make_service(nacos, SERVE_DRAIN_SECONDS="300")
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    assert service.process
    for number in signals:
        service.process.send_signal(number)
        wait_until(lambda: not listed(nacos, service), 10, service.log)
        time.sleep(1)
    assert service.process.wait(15) == 0


def test_offline_holds_over_a_restart_and_online_puts_it_back(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos)
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    offline = service.manage("nacos", "offline")
    assert offline.returncode == 0, offline.stderr
    assert listed(nacos, service) == []
    assert service.clusters_in_force() == {3}, "it only left the registry"
    service.stop()
    service.start()
    service.wait_until_it_answers()
    wait_until(lambda: service.status.get("registration", {}).get("state") == "offline", 10)
    assert listed(nacos, service) == []
    online = service.manage("nacos", "online")
    assert online.returncode == 0, online.stderr
    assert len(listed(nacos, service)) == 1


def test_make_takes_it_out_and_puts_it_back(nacos: NacosServer, make_service: MakeService) -> None:
    service = make_service(nacos)
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    assert "registered, seen" in service.shell("make status").stdout
    assert service.shell("make doctor").returncode == 0
    assert service.shell("make offline").returncode == 0
    assert listed(nacos, service) == []
    assert service.shell("make online").returncode == 0
    assert len(listed(nacos, service)) == 1
    service.stop()
    for action, then in (("offline", "will not register"), ("online", "will register")):
        run = service.shell(f"make {action}")
        assert run.returncode
        assert "no agent runs for" in run.stderr
        assert f"it {then} when it is started" in run.stderr


def test_offline_for_this_launch_ends_with_it(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos)
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    assert service.manage("nacos", "offline", "--this-launch").returncode == 0
    assert listed(nacos, service) == []
    service.stop()
    service.start()
    wait_until_listed(nacos, service, 20)


def test_offline_fails_while_the_registry_lists_the_instance(
    nacos: NacosServer, make_service: MakeService, tmp_path: Path
) -> None:
    service = make_service(nacos)
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    same = replace(
        conf.load(),
        server_addr=(f"127.0.0.1:{nacos.port}",),
        username=nacos.username,
        password=nacos.password,
        service_name=service.environment["NACOS_SERVICE_NAME"],
        service_port=service.port,
    )
    # Another connection has registered the same address.
    with closing(NacosClient(same, tmp_path / "sdk", listed(nacos, service)[0]["ip"])) as other:
        other.register()
        offline = service.manage("nacos", "offline")
        assert offline.returncode == 1
        assert "the registry has not confirmed it within 10 s" in offline.stderr
        assert len(listed(nacos, service)) == 1
    wait_until(lambda: not listed(nacos, service), 20)
    assert service.manage("nacos", "offline").returncode == 0


def test_callers_have_their_time_after_a_pre_stop_hook_too(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos, SERVE_DRAIN_SECONDS="8")
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    assert service.process
    with steady_calls(service) as failures:
        assert service.manage("nacos", "offline", "--this-launch").returncode == 0
        offline = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        time.sleep(max(0.0, offline + 5 - time.monotonic()))
    assert failures == []
    assert service.process.wait(20) == 0


def test_what_an_operator_changed_is_reported_and_left(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos, NACOS_BEAT_INTERVAL_SECONDS="0.5")
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    name = service.environment["NACOS_SERVICE_NAME"]
    ip = listed(nacos, service)[0]["ip"]

    def reported() -> str:
        return "; ".join(service.status["registration"].get("differences") or [])

    nacos.update_instance(name, ip, service.port, weight=7.0, metadata={"owner": "ops"})
    wait_until(lambda: "weight: 7.0 instead of 1.0" in reported(), 10, service.log)
    assert "owner: 'ops' added" in reported()
    nacos.update_instance(name, ip, service.port, enabled=False, weight=7.0)
    wait_until(lambda: "enabled: False" in reported(), 10, service.log)
    time.sleep(2)  # some more heartbeats
    (instance,) = listed(nacos, service)
    assert (instance["enabled"], instance["weight"]) == (False, 7.0)
    assert service.status["registration"]["state"] == "registered"
    assert "by operator   enabled: False" in service.manage("nacos", "status").stdout
    nacos.update_instance(name, ip, service.port, enabled=True, weight=1.0)


def test_an_instance_that_somebody_deregisters_is_listed(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos)
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    name, ip = service.environment["NACOS_SERVICE_NAME"], listed(nacos, service)[0]["ip"]
    nacos.deregister_instance(name, ip, service.port)
    time.sleep(1)
    wait_until_listed(nacos, service)


def test_silence_is_a_reason_to_leave_and_load_is_not(
    nacos: NacosServer, make_service: MakeService
) -> None:
    service = make_service(nacos, WORKERS="1", THREADS="4", KMEANS_QUEUE_SIZE="1")
    service.start()
    service.wait_until_it_answers()
    wait_until_listed(nacos, service)
    assert service.process

    # More large requests than there are threads, for longer than silence is borne.
    points = [[float(i * 7919 % 10007), float(i * 104729 % 10009)] for i in range(100_000)]
    answers: list[int] = []
    over = time.monotonic() + 14

    def call() -> None:
        while time.monotonic() < over:
            try:
                service.labels(points, 60)
            except urllib.error.HTTPError as error:
                answers.append(error.code)
                time.sleep(0.2)
            else:
                answers.append(200)

    callers = [threading.Thread(target=call) for _ in range(6)]
    for caller in callers:
        caller.start()
    while time.monotonic() < over:
        assert len(listed(nacos, service)) == 1
        time.sleep(0.1)
    for caller in callers:
        caller.join()
    assert set(answers) == {200, 503}

    gunicorn = workers_of(service)[1:]
    for pid in gunicorn:
        os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: not listed(nacos, service), 30, service.log)
        assert "own address: no answer in time" in service.log()
    finally:
        for pid in gunicorn:
            os.kill(pid, signal.SIGCONT)
    wait_until_listed(nacos, service)
