"""The config's connection is made again as soon as the registration's shows that it is needed."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from nacos_integration import conf
from nacos_integration.errors import NacosError
from nacos_integration.sdk import client as sdk_client
from nacos_integration.sdk.client import NacosClient
from tests.support.proxy import Proxy
from tools.nacos_server import NacosServer


@dataclass
class Case:
    """A client whose connections are half-open: nothing passes, and no end does."""

    client: NacosClient
    pushes: list[None]


@pytest.fixture
def case(nacos: NacosServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    # Sooner than the SDK notices by itself.
    monkeypatch.setattr(sdk_client, "CALL_SECONDS", 2.0)
    data_id = tmp_path.name.replace("[", "-").replace("]", "")
    nacos.publish_config(data_id, "clusters: 4")
    with closing(Proxy(nacos.port)) as proxy:
        settings = replace(
            conf.load(),
            server_addr=(f"127.0.0.1:{proxy.port}",),
            data_id=data_id,
            username=nacos.username,
            password=nacos.password,
        )
        with closing(NacosClient(settings, tmp_path / "sdk", "127.0.0.1")) as client:
            made = Case(client, [])
            client.subscribe_config(lambda: made.pushes.append(None))
            assert client.get_config() == "clusters: 4"
            client.list_instances()
            proxy.swallow()
            proxy.restore()
            made.pushes.clear()
            yield made


def test_when_the_registry_has_lost_the_instance(case: Case) -> None:
    case.client.distrust_config()
    assert case.pushes
    assert case.client.get_config() == "clusters: 4"


def test_when_the_registration_needed_a_new_connection(case: Case) -> None:
    with pytest.raises(NacosError, match=r"no answer within 2\.0 s"):
        case.client.list_instances()
    assert not case.pushes
    case.client.list_instances()
    assert case.pushes
    assert case.client.get_config() == "clusters: 4"
