"""Health: what it says, with ages, and what it makes depend on whom."""

import time
from dataclasses import replace

import pytest
from django.test import Client

from nacos_integration import conf
from nacos_integration.state import status
from nacos_integration.state.status import Status

pytestmark = pytest.mark.usefixtures("configure")


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Status:
    """The status of an agent whose Nacos and database are not there."""
    made = Status(conf.load(), "10.0.0.5:9999")
    now = time.time()
    made.update("config", synced_at=now - 5, source_error="nacos:8848 does not answer")
    made.update("registration", state="retrying", verified_at=now - 70)
    made.update("database", reachable=False, checked_at=now - 3)
    content = status.read()
    monkeypatch.setattr(status, "read", lambda: content)
    return made


def test_live_says_nothing_of_others(client: Client, agent: Status) -> None:
    assert client.get("/livez").json() == {"status": "ok"}


def test_started_stays_started(client: Client, agent: Status) -> None:
    body = client.get("/startupz").json()
    assert body["status"] == "ok"
    assert 4 < body["checks"]["config"]["age_seconds"] < 20


def test_outages_are_reported_with_ages_and_do_not_count(client: Client, agent: Status) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    body = response.json()
    assert (body["status"], body["serves"]) == ("ok", True)
    checks = body["checks"]
    assert checks["nacos"]["ok"] is False
    assert checks["nacos"]["state"] == "retrying"
    assert 69 < checks["nacos"]["age_seconds"] < 90
    assert checks["database"]["ok"] is False
    assert 2 < checks["database"]["age_seconds"] < 20
    assert checks["config"]["ok"] is True
    assert checks["config"]["source_error"] == "nacos:8848 does not answer"


@pytest.mark.parametrize("path", ["/health", "/actuator/health"])
def test_springs_tools_get_the_same_verdict(
    client: Client, agent: Status, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()) == (200, {"status": "UP"})
    assert response.headers["Content-Type"] == "application/json"
    draining = status.read() | {"draining_since": time.time(), "launch_id": conf.load().launch_id}
    monkeypatch.setattr(status, "read", lambda: draining)
    response = client.get(path)
    assert (response.status_code, response.json()) == (503, {"status": "OUT_OF_SERVICE"})
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("name", ["nacos", "database"])
def test_they_count_if_a_setting_says_so(
    client: Client, agent: Status, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    required = replace(conf.load(), ready_requires=(name,))
    monkeypatch.setattr(conf, "load", lambda: required)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == f"waiting for: {name}"
    # Else the agent would wait for a registration before it registers.
    assert response.json()["serves"] is True
