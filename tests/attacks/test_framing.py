"""No request is ever seen as two, directly and behind real proxies."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.attacks.framing import CASES, Case
from tests.support import proxies
from tests.support.servers import require
from tests.support.service import Service, running
from tests.support.waiting import wait_until

ANSWER_SECONDS = 20
SETTLE_SECONDS = 0.05
Way = Callable[[int, Path], AbstractContextManager[int]]


@contextlib.contextmanager
def directly(port: int, folder: Path) -> Iterator[int]:
    yield port


WAYS: dict[str, Way] = {"directly": directly, "nginx": proxies.nginx, "haproxy": proxies.haproxy}


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Path]]:
    """A service, and the file to which it writes the target of each request that it sees."""
    folder = tmp_path_factory.mktemp("framing")
    seen = folder / "seen"
    arguments = f"--access-logfile={seen} --access-logformat=%(U)s"
    environment = {"GUNICORN_CMD_ARGS": arguments, "HTTP_READ_TIMEOUT_SECONDS": "1", "WORKERS": "1"}
    with running(folder, environment) as service:
        yield service, seen


@pytest.fixture(scope="module", params=["directly", "nginx", "haproxy"])
def way(
    request: pytest.FixtureRequest,
    logged: tuple[Service, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, int]]:
    """How the cases get to the service, and the port to send them to."""
    through: Way = WAYS[request.param]
    if through is not directly:
        require(request.param, f"install {request.param} to run the framing cases behind it")
    with through(logged[0].port, tmp_path_factory.mktemp("proxy")) as port:
        yield request.param, port


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_request_is_not_seen_as_two(
    case: Case, way: tuple[str, int], logged: tuple[Service, Path]
) -> None:
    name, port = way
    _, seen = logged
    before = seen.read_text()
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(case.sent)
            # Later, because a service may answer nothing more once this has arrived.
            time.sleep(SETTLE_SECONDS)
            received += connection.recv(65536)
            time.sleep(SETTLE_SECONDS)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
    # Over the connection that a proxy may have kept, which is in step.
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    asked.request("GET", "/livez")
    assert json.load(asked.getresponse()) == {"status": "ok"}
    asked.close()

    def targets() -> list[str]:
        return seen.read_text().removeprefix(before).split()

    # A line is written behind the answer.
    wait_until(lambda: "/livez" in targets())
    time.sleep(SETTLE_SECONDS)
    assert targets().count("/smuggled") <= (name in case.split_by), received
