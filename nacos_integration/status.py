"""What the agent knows of itself, in `status.json` for commands, admin and workers to read."""

import os
import threading
import time
from typing import Any

from nacos_integration import conf, state


class Status:
    """The agent's side: written on every change, from any of its threads.

    Times are seconds since the epoch, so that readers compute ages when asked.
    """

    def __init__(self, settings: conf.Conf) -> None:
        self._path = settings.agent_dir / "status.json"
        self._lock = threading.Lock()
        self._content: dict[str, Any] = {
            "launch_id": settings.launch_id,
            "instance": settings.instance,
            "pid": os.getpid(),
            "started_at": time.time(),
            "config": {"source": settings.source_name, "key": settings.config_key},
            "registration": {"state": "disabled"},
        }
        self.update("config", synced_at=None)

    def update(self, section: str, **values: Any) -> None:
        """Set values in `config` or `registration`, and write."""
        with self._lock:
            self._content[section] |= values
            state.write_json(self._path, self._content)


def read() -> dict[str, Any]:
    """Return what the agent of this instance last wrote; empty when there was none."""
    return state.read_json(conf.load().agent_dir / "status.json") or {}
