"""A damaged status file costs what it says itself, and nothing else."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from nacos_integration import conf
from nacos_integration.state import offline, status
from tests.conftest import Configure

VALUES: list[Any] = [
    None,
    True,
    -1,
    1e300,
    float("nan"),
    10**400,
    "",
    "\ud800",
    [],
    [7],
    {},
    {"a": 1},
]
Damage = Callable[[str], object]


@pytest.fixture
def damage(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Damage]:
    """Return a function that writes the status of an agent that writes no more."""
    content = (conf.load().agent_dir / "status.json").read_text()
    elsewhere = replace(conf.load(), state_dir=tmp_path)
    monkeypatch.setattr(conf, "load", lambda: elsewhere)
    path = elsewhere.agent_dir / "status.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with (path.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path.write_text
    monkeypatch.undo()  # before `configure` waits for the agent


def damaged() -> Iterator[str]:
    """Yield the file with each of its values, and each section, replaced by something else."""
    content: dict[str, Any] = json.loads((conf.load().agent_dir / "status.json").read_text())
    for value in VALUES:
        for name in content:
            yield json.dumps(content | {name: value})
        for section in ("config", "registration", "database"):
            names = content[section] | dict.fromkeys(status._SECTIONS[section])
            yield json.dumps(content | {section: dict.fromkeys(names, value)})


@pytest.mark.django_db(transaction=True)
def test_wrong_types_cost_their_own_lines_only(damage: Damage, admin_client: Client) -> None:
    for text in damaged():
        damage(text)
        metrics = admin_client.get("/metrics")
        assert metrics.status_code == 200
        assert b"skl_kmeans_requests_total" in metrics.content
        for address in ("/livez", "/readyz", "/startupz", "/statusz", "/admin/overview/panels/"):
            assert admin_client.get(address).status_code == 200, (address, text)
        for arguments in (["status"], ["status", "--json"]):
            call_command("nacos", *arguments, stdout=StringIO())


def test_the_command_says_what_is_in_force_and_what_an_operator_wants(
    configure: Configure,
) -> None:
    def shown() -> list[str]:
        out = StringIO()
        call_command("nacos", "status", stdout=out)
        return out.getvalue().splitlines()

    configure("clusters: 5\ntol: 0.1\n")
    assert "in force      Parameters(clusters=5, tol=0.1)" in shown()
    wish = "offline       as an operator wants, until `nacos online`"
    assert wish not in shown()
    offline.take_out()  # no registry confirms it
    try:
        assert wish in shown()
    finally:
        offline.put_back()


def test_a_damaged_value_has_no_line(damage: Damage, client: Client) -> None:
    content = json.loads((conf.load().agent_dir / "status.json").read_text())
    content["config"] |= {"applied_count": "many", "md5": 7, "in_force": None}
    damage(json.dumps(content))
    lines = client.get("/metrics").content.decode().splitlines()
    values = [line for line in lines if not line.startswith("#")]
    assert 'nacos_config_changes_total{outcome="rejected"}' in str(values)
    assert 'nacos_config_changes_total{outcome="applied"}' not in str(values)
    assert "nacos_config_info" not in str(values)
    assert "nacos_agent_status_age_seconds" in str(values)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", "[" * 100_000, "\0" * 4096])
def test_no_object_is_no_status(damage: Damage, client: Client, text: str) -> None:
    damage(text)
    assert status.read() == {}
    assert client.get("/readyz").status_code == 200
    metrics = client.get("/metrics")
    assert metrics.status_code == 200
    assert b"nacos_registered" not in metrics.content


def test_a_folder_in_its_place_is_no_status(damage: Damage, client: Client) -> None:
    path = conf.load().agent_dir / "status.json"
    path.unlink()
    path.mkdir()
    assert client.get("/metrics").status_code == 200
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("value", VALUES)
def test_a_damaged_report_of_a_worker_is_removed(
    configure: Configure, client: Client, value: Any
) -> None:
    path = conf.load().agent_dir / "worker-1.json"
    good = {
        "pid": os.getpid(), "launch_id": conf.load().launch_id,
        "version": "v", "value": "v", "since": 1.0,
    }  # fmt: skip
    for name in good:
        path.write_text(json.dumps(good | {name: value}))
        assert client.get("/statusz").status_code == 200
    path.unlink(missing_ok=True)
