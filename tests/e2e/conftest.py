"""Fixtures for tests of the whole service without Nacos."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import Browser
from tests.support.service import Service, running


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """An instance, not started yet, with a folder of its own."""
    made = Service(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An instance of one worker that answers, for all tests of a module."""
    with running(tmp_path_factory.mktemp("live"), {"WORKERS": "1"}) as made:
        yield made


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for all tests of a module."""
    made = Browser(tmp_path_factory.mktemp("browser"))
    yield made
    made.quit()


@pytest.fixture(autouse=True)
def _leave_the_page(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave no page behind that goes on asking a service, nor what the console had of it."""
    yield
    if "browser" in request.fixturenames:
        browser: Browser = request.getfixturevalue("browser")
        browser.get("about:blank")
        browser.get_log("browser")
