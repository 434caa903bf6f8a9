"""Fixtures for the tests of API keys."""

import pytest
from pytest_django.fixtures import Settings

from clustering.api import api_keys
from tests.support.api_keys import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which requests are counted."""
    made = Clock()
    monkeypatch.setattr(api_keys, "time", made)
    return made


@pytest.fixture
def keyring(settings: Settings, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> api_keys.Keyring:
    """Require keys; none is cached yet."""
    settings.API_KEYS_REQUIRED = True
    monkeypatch.setattr(api_keys, "keyring", api_keys.Keyring())
    return api_keys.keyring
