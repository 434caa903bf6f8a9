"""What the environment may say."""

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from kmeans_project.settings import _Environment
from tests.support.service import Service


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> _Environment:
    texts = {
        "PASSWORD": r"$ecret\$5$",
        "YES": "Yes",
        "TYPO": "ture",
        "NOTHING": "",
        "SECONDS": "1e3",
        "UNIT": "30s",
        "ENDLESS": "inf",
        "PORT": "http",
    }
    for name, text in texts.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(
        _Environment, "ENVIRON", {n: v.replace("$", r"\$") for n, v in os.environ.items()}
    )
    return _Environment()


def test_values_are_taken_at_their_word(env: _Environment) -> None:
    assert env.str("PASSWORD") == r"$ecret\$5$"
    assert env.bool("YES") is True
    assert env.bool("NOTHING") is False
    assert env.float("SECONDS") == 1000


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("bool", "TYPO", "ture"),
        ("float", "UNIT", "30s"),
        ("float", "ENDLESS", "inf"),
        ("int", "PORT", "http"),
    ],
)
def test_what_is_no_such_value_is_named(env: _Environment, kind: str, name: str, text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{name}: .*{text}"):
        getattr(env, kind)(name)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"API_KEYS_REQUIRED": "ture"}, "wrong setting: API_KEYS_REQUIRED: 'ture' is neither"),
        ({"NACOS_BEAT_INTERVAL_SECONDS": "0"}, "(NACOS_BEAT_INTERVAL_SECONDS): 0"),
    ],
)
def test_a_start_with_a_wrong_setting_ends_with_what_is_wrong(
    setting: dict[str, str], said: str, tmp_path: Path
) -> None:
    ended = Service(tmp_path, setting).manage("serve")
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
