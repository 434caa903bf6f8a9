"""The short faults: nobody loses a request, and all is well again; `make faults` has the times."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.faults import FAULTS
from tests.support.scene import Fault, Scene, start_server
from tests.support.servers import SERVERS, server_jar
from tools.nacos_server import NacosServer


@pytest.fixture(scope="module", params=SERVERS)
def nacos(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NacosServer]:
    """Each server in turn, not those of the other tests: tokens live for seconds here."""
    jar = server_jar(request.param)
    server = start_server(jar, tmp_path_factory.mktemp("nacos"))
    yield server
    server.stop()


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=fault.name) for fault in FAULTS if fault.in_pytest]
)
def test_fault(nacos: NacosServer, fault: Fault, tmp_path: Path) -> None:
    scene = Scene(fault, nacos, tmp_path, is_short=True)
    try:
        outcome = scene.run()
    finally:
        scene.close()
    assert not outcome.wrong, (outcome, scene.service.log())
