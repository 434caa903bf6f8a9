"""Real Nacos servers, started once for all tests, and instances that use them."""

import itertools
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.servers import SERVERS, free_ports, server_jar
from tests.support.service import Service
from tools.nacos_server import NacosServer

USER = "kmeans"
PASSWORD = f"hush-{secrets.token_hex(8)}"
# Every token of Nacos begins like this: it is a JSON Web Token.
SECRETS = (PASSWORD, "eyJhbGciOi", "hush-")
_numbers = itertools.count(1)


def started(jar: Path, home: Path, context_path: str = "/nacos") -> Iterator[NacosServer]:
    """Start a server with a user for the service, and stop it."""
    server = NacosServer(jar, home, *free_ports(), context_path=context_path)
    server.start()
    # A user like a service should have, with a password that can be searched for.
    server.create_user(USER, PASSWORD)
    # The default namespace of Nacos 2 is `public` in the registry, and "" in the config centre.
    for namespace in ("public", "", "blue"):
        server.grant(USER, f"ROLE_{namespace.upper()}", f"{namespace}:*:*", "rw")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def nacos2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NacosServer]:
    yield from started(server_jar("nacos2"), tmp_path_factory.mktemp("nacos2"))


@pytest.fixture(scope="session")
def nacos3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NacosServer]:
    yield from started(server_jar("nacos3"), tmp_path_factory.mktemp("nacos3"))


@pytest.fixture(params=SERVERS)
def nacos(request: pytest.FixtureRequest) -> NacosServer:
    """Each of the servers in turn."""
    server: NacosServer = request.getfixturevalue(request.param)
    return server


def _assert_no_secrets(service: Service) -> None:
    """Whatever an instance wrote holds neither the password nor a token."""
    for path in service.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for secret in SECRETS:
                assert secret.encode() not in content, f"{secret} in {path.name}"


MakeService = Callable[..., Service]


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[MakeService]:
    """Return a function that makes an instance of a service, and with a data id, of its own."""
    made: list[Service] = []
    number = next(_numbers)

    def make(nacos: NacosServer, **environment: str) -> Service:
        folder = tmp_path / f"instance-{len(made)}"
        folder.mkdir()
        defaults = {
            "NACOS_SERVER_ADDR": f"127.0.0.1:{nacos.port}",
            "NACOS_USERNAME": USER,
            "NACOS_PASSWORD": PASSWORD,
            "NACOS_SERVICE_NAME": f"skl-kmeans-{number}",
            "NACOS_DATA_ID": f"skl-kmeans-{number}",
        }
        service = Service(folder, defaults | environment)
        # With Nacos configured the file must not count.
        service.config_file.write_text("clusters: 4\n")
        made.append(service)
        return service

    yield make
    for service in made:
        service.close()
        _assert_no_secrets(service)
