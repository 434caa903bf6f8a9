"""A server whose HTTP API is not under /nacos."""

from collections.abc import Iterator

import pytest

from tests.integration.conftest import MakeService, started
from tests.support.servers import SERVERS, server_jar
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer


@pytest.fixture(scope="module", params=SERVERS)
def rooted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NacosServer]:
    """Each server, at the root of its port."""
    yield from started(server_jar(request.param), tmp_path_factory.mktemp("rooted"), "/")


def test_the_context_path_is_a_setting(rooted: NacosServer, make_service: MakeService) -> None:
    service = make_service(rooted, NACOS_CONTEXT_PATH="/")
    rooted.publish_config(service.environment["NACOS_DATA_ID"], "clusters: 4")
    service.start()
    service.wait_until_it_answers()
    wait_until(lambda: rooted.instances(service.environment["NACOS_SERVICE_NAME"]), 20, service.log)
    service.wait_until_clusters(4)
    report = service.manage("nacos", "doctor")
    assert report.returncode == 0, report.stdout
    assert f"127.0.0.1:{rooted.port} answers" in report.stdout


def test_a_wrong_context_path_is_named_and_not_the_password(
    rooted: NacosServer, make_service: MakeService
) -> None:
    service = make_service(rooted)
    report = service.manage("nacos", "doctor")
    assert report.returncode == 1
    assert f"FAIL  127.0.0.1:{rooted.port} answers 404: no Nacos at /nacos" in report.stdout
    service.start()
    service.wait_until_it_answers()
    wait_until(lambda: "answers 404 to /nacos/v1/auth/users/login" in service.log(), 20)
    for said in (report.stdout, service.log()):
        assert "(NACOS_CONTEXT_PATH)" in said
        assert "NACOS_PASSWORD" not in said
