"""One contract for every source of the config text."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from nacos_integration import conf, md5_of
from nacos_integration.agent.sources import ConfigSource, FileSource, NacosSource
from nacos_integration.errors import ConflictError
from nacos_integration.sdk.client import NacosClient
from tests.support.servers import SERVERS
from tests.support.waiting import wait_until
from tools.nacos_server import NacosServer


@dataclass
class Case:
    """A source, and how somebody else changes what it holds."""

    source: ConfigSource
    write: Callable[[str], object]
    delete: Callable[[], object]


@pytest.fixture(params=["file", *SERVERS])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "file":
        path = tmp_path / "config.yaml"
        yield Case(FileSource(path), path.write_text, path.unlink)
        return
    nacos: NacosServer = request.getfixturevalue(request.param)
    data_id = tmp_path.name.replace("[", "-").replace("]", "")
    client = NacosClient(
        replace(
            conf.load(),
            server_addr=(f"127.0.0.1:{nacos.port}",),
            data_id=data_id,
            username=nacos.username,
            password=nacos.password,
        ),
        tmp_path,
        "127.0.0.1",
    )
    yield Case(
        NacosSource(client),
        lambda text: nacos.publish_config(data_id, text),
        lambda: nacos.delete_config(data_id),
    )
    client.close()
    files = [h for h in logging.getLogger("config").handlers if isinstance(h, logging.FileHandler)]
    assert files == [], "log files of the SDK left open"
    assert not [thread for thread in threading.enumerate() if thread.name == "nacos-client"]


def wait_until_reads(case: Case, text: str | None) -> None:
    wait_until(lambda: case.source.read() == text)


def test_what_is_written_is_what_is_read(case: Case) -> None:
    assert case.source.read() is None
    for text in (
        "clusters: 3\n",
        "clusters: 4",
        "# 中文, ünïcode\nclusters: 5\n",
        "not: yaml: at all",
    ):
        case.write(text)
        wait_until_reads(case, text)
    case.delete()
    wait_until_reads(case, None)


def test_only_the_text_that_was_seen_is_replaced(case: Case) -> None:
    def publish(text: str, replaces: str) -> None:
        case.source.publish(text, replaces_md5=md5_of(replaces), user="ada", text_type="yaml")

    publish("clusters: 3\n", "")
    assert case.source.read() == "clusters: 3\n"
    with pytest.raises(ConflictError):
        publish("clusters: 4\n", "")
    publish("# 中文\nclusters: 4\n", "clusters: 3\n")
    case.write("clusters: 5\n")
    wait_until_reads(case, "clusters: 5\n")
    with pytest.raises(ConflictError):
        publish("clusters: 6\n", "# 中文\nclusters: 4\n")
    assert case.source.read() == "clusters: 5\n"


def test_wait_ends_soon_after_a_change(case: Case) -> None:
    case.write("clusters: 3\n")
    wait_until_reads(case, "clusters: 3\n")
    # A server knows of the listener a moment after it was added.
    time.sleep(1)
    case.source.wait(0.01)
    case.source.read()
    for text in ("clusters: 4\n", "clusters: 5\n"):
        threading.Timer(0.2, case.write, [text]).start()
        started = time.monotonic()
        case.source.wait(20)
        assert time.monotonic() - started < 10
        wait_until_reads(case, text)


def test_wait_without_a_change_takes_its_time(case: Case) -> None:
    case.write("clusters: 3\n")
    wait_until_reads(case, "clusters: 3\n")
    time.sleep(1)
    case.source.wait(0.01)
    case.source.read()
    started = time.monotonic()
    case.source.wait(0.5)
    assert time.monotonic() - started >= 0.4


def test_wake_ends_a_wait(case: Case) -> None:
    case.write("clusters: 3\n")
    wait_until_reads(case, "clusters: 3\n")
    threading.Timer(0.2, case.source.wake).start()
    started = time.monotonic()
    case.source.wait(20)
    assert time.monotonic() - started < 10
