"""Fixtures for tests of the whole service without Nacos."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """An instance, not started yet, with a folder of its own."""
    made = Service(tmp_path)
    yield made
    made.close()
