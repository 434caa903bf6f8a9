"""Why an instance that cannot be reached at its own address is not registered."""

import logging
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from nacos_integration import conf
from nacos_integration.agent import probe, registration
from nacos_integration.agent.own_address import OwnAddress
from nacos_integration.agent.registration import Registration
from nacos_integration.sdk.client import NacosClient
from nacos_integration.state.status import Status
from tests.nacos_integration.test_probe import answering
from tests.support.service import free_port


@contextmanager
def silent() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def closed() -> Iterator[int]:
    yield free_port()


@pytest.mark.parametrize(
    ("listening", "reason"),
    [
        (answering(200, b"<html>"), "served by another program"),
        (silent(), "no answer in time"),
        (closed(), 'connection refused (NACOS["bind_host"] (HOST) is 127.0.0.1)'),
        (answering(503, b'{"launch_id": "ours", "serves": false}'), ""),
    ],
    ids=["another program", "silence", "nobody", "not ready"],
)
def test_an_address_that_does_not_work_is_logged_once(
    listening: AbstractContextManager[int],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(probe, "TIMEOUT_SECONDS", 0.2)
    for answer in registration.LASTING_SECONDS:
        monkeypatch.setitem(registration.LASTING_SECONDS, answer, 0.0)
    with listening as port:
        settings = replace(
            conf.load(),
            server_addr=("127.0.0.1:9",),
            service_ip="127.0.0.1",
            service_port=port,
            bind_host="127.0.0.1",
            bind_port=port,
            state_dir=tmp_path,
            launch_id="ours",
        )
        own = OwnAddress(settings)
        client = NacosClient(settings, tmp_path / "sdk", own.ip)
        status = Status(settings, own.instance)
        agent = Registration(settings, client, status, own, on_lost=lambda: None)
        with caplog.at_level(logging.ERROR):
            for _ in range(3):
                agent.beat()
        client.close()
    expected = f"registry: not registering: nobody can reach this instance: 127.0.0.1:{port}: "
    assert caplog.messages == ([expected + reason] if reason else [])
