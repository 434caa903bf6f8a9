"""Fixtures for all tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django.fixtures import Settings

from clustering.config.parameters import Parameters
from clustering.history.writer import history_writer
from clustering.models import RequestRecord
from nacos_integration import conf, current, md5_of, wait_until_synced
from nacos_integration.agent.supervisor import Agent
from tests.support.waiting import wait_until

Configure = Callable[[str], None]
Recorded = Callable[[], list[RequestRecord]]


def pytest_report_header() -> str:
    return f"database: {settings.DATABASES['default']['ENGINE']}"


@pytest.fixture(scope="session")
def _agent() -> Iterator[Path]:
    """The real agent on a config file, as the service runs without Nacos."""
    path = Path(settings.KMEANS_CONFIG_FILE)
    path.write_text("clusters: 3\n")
    agent = Agent(conf.load())
    agent.start()
    wait_until_synced()
    yield path
    agent.stop()


@pytest.fixture
def configure(_agent: Path) -> Iterator[Configure]:
    """Return a function that writes a good config text and waits until it is in force."""

    def write(text: str) -> None:
        _agent.write_text(text)
        wait_until(lambda: current(Parameters).md5 == md5_of(text))

    write("clusters: 3\n")
    yield write
    write("clusters: 3\n")


@pytest.fixture(autouse=True)
def _no_history(settings: Settings) -> None:
    """Record no request: its row would be written in the time of another test."""
    settings.HISTORY_ENABLED = False


@pytest.fixture
def recorded(settings: Settings, transactional_db: None) -> Iterator[Recorded]:
    """Record requests; return a function that returns the rows when all are written."""

    def rows() -> list[RequestRecord]:
        history_writer.flush()
        return list(RequestRecord.objects.order_by("pk"))

    settings.HISTORY_ENABLED = True
    yield rows
    history_writer.flush()
