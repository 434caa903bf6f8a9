"""The Python caller of examples/ finds the service through Nacos, and loses no call."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.support.java import crash, start, two_services
from tests.support.service import ROOT, Service
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer

CONSUMER = ROOT / "examples" / "python-consumer" / "kmeans_client.py"
CALLS = 60
PER_SECOND = 15


def test_no_call_fails_when_an_instance_crashes(nacos: NacosServer, tmp_path: Path) -> None:
    with ExitStack() as stack:
        name = f"skl-kmeans-python-{nacos.generation}"
        services = two_services(stack, tmp_path, nacos, name)
        start(nacos, *services)
        call_while_one_crashes(services, tmp_path)


def call_while_one_crashes(services: list[Service], tmp_path: Path) -> None:
    output, errors = tmp_path / "output", tmp_path / "errors"

    def answers() -> list[list[int]]:
        return [json.loads(line) for line in output.read_text().splitlines()]

    with output.open("wb") as out, errors.open("wb") as err:
        consumer = subprocess.Popen(
            [sys.executable, CONSUMER, "--calls", str(CALLS), "--per-second", str(PER_SECOND)],
            env=services[0].environment,
            stdout=out,
            stderr=err,
        )
    try:
        wait_until(lambda: len(answers()) >= 20, 20, errors.read_text)
        crash(services[1])
        assert consumer.wait(30) == 0, errors.read_text()
    finally:
        consumer.kill()
        consumer.wait()
    assert len(answers()) == CALLS
    assert len({tuple(labels) for labels in answers()}) == 1
    for service in services:
        assert "200 ok: 6 points" in service.log(), "it is called by turns"
