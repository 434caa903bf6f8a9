"""An operator's wish to stay out of the registry, as an earlier release wrote it."""

from dataclasses import replace
from pathlib import Path

import pytest

from nacos_integration import conf
from nacos_integration.agent.supervisor import Agent
from nacos_integration.state import status
from tests.support.waiting import wait_until


def test_the_agent_works_if_a_wish_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = replace(conf.load(), state_dir=tmp_path, config_file=str(tmp_path / "config.yaml"))
    monkeypatch.setattr(conf, "load", lambda: own)
    wish = own.agent_dir.with_name(f"10.0.0.5-{own.service_port}") / "offline.json"
    wish.parent.mkdir(parents=True)
    wish.write_text('{"since": 1.0, "launch_id": null}')
    own.offline_path.mkdir(parents=True)
    agent = Agent(own)
    agent.start()
    try:
        wait_until(status.read)
        assert f"{wish} is ignored, it cannot be moved" in caplog.text
    finally:
        agent.stop()
    assert not status.is_agent_running()
