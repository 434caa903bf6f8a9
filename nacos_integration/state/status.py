"""What the agent knows, in `status.json`, for commands, the admin and workers to read.

The service's other instances, as the registry lists them, are in `registry.json` beside it.
"""

import contextlib
import fcntl
import logging
import os
import threading
import time
from typing import Any

from nacos_integration import conf
from nacos_integration.state import files
from nacos_integration.state.states import RegistrationState

logger = logging.getLogger(__name__)

# They are kept when another process of the launch takes over.
COUNTERS = (
    ("config", "applied_count"),
    ("config", "rejected_count"),
    ("registration", "reregistered_count"),
)


class Status:
    """The agent's side: written on every change, from any of its threads.

    Times are seconds since the epoch, so that readers can compute ages.
    """

    def __init__(self, settings: conf.Conf) -> None:
        self._path = settings.agent_dir / "status.json"
        self._instances_path = settings.agent_dir / "registry.json"
        self._instances: list[dict[str, Any]] | None = None
        self._lock = threading.Lock()
        registers = settings.uses_nacos and settings.register_enabled
        state = RegistrationState.STARTING if registers else RegistrationState.DISABLED
        self._content: dict[str, Any] = {
            "launch_id": settings.launch_id,
            "instance": settings.instance,
            "pid": os.getpid(),
            "started_at": time.time(),
            "config": {"source": settings.config_origin, "key": settings.config_key},
            # Not REGISTERED before it is true: a process that hands over waits for that.
            "registration": {"state": state},
            "database": {"reachable": None, "checked_at": None},
        }
        self._failure = ""
        self._restore_counters()
        self.update("config", synced_at=None)

    def update(self, section: str, **values: Any) -> None:
        """Set values in `config`, `registration` or `database`, and write."""
        with self._lock:
            self._content[section] |= values
            self._write()

    def count(self, section: str, name: str) -> None:
        """Add one to a counter, which starts at 0 with each launch."""
        with self._lock:
            self._content[section][name] += 1
            self._write()

    def set_draining(self) -> None:
        """Make the workers answer `/readyz` with 503 from now on."""
        with self._lock:
            self._content["draining_since"] = time.time()
            self._write()

    def set_instances(self, instances: list[dict[str, Any]]) -> None:
        """Write what the registry lists, in a file of its own, so that health reads a small one."""
        if instances == self._instances:
            return
        try:
            files.write_json(self._instances_path, {"instances": instances})
            self._instances = instances
        except OSError as error:
            logger.error("status: cannot replace %s: %s", self._instances_path, error)

    def remove(self) -> None:
        """Remove the files: no agent runs here any more."""
        self._path.unlink(missing_ok=True)
        self._instances_path.unlink(missing_ok=True)

    def _restore_counters(self) -> None:
        before = files.read_json(self._path) or {}
        if before.get("launch_id") != self._content["launch_id"]:
            before = {}
        for section, name in COUNTERS:
            self._content[section][name] = before.get(section, {}).get(name, 0)

    def _write(self) -> None:
        # A full disk must not end the agent, and its status is most needed then.
        self._content["written_at"] = time.time()
        try:
            files.write_json(self._path, self._content)
        except OSError as error:
            if str(error) != self._failure:
                logger.error("status: cannot replace %s: %s", self._path, error)
            self._failure = str(error)
            with contextlib.suppress(OSError):
                files.overwrite_json(self._path, self._content)
        else:
            self._failure = ""


def read() -> dict[str, Any]:
    """Return what the agent of this instance last wrote, empty if it never did."""
    return files.read_json(conf.load().agent_dir / "status.json") or {}


def seconds_since(moment: float | None) -> float | None:
    """Return the age of a time in `status.json`, None if there is no time."""
    return None if moment is None else max(0.0, time.time() - moment)


def is_agent_running() -> bool:
    """Return whether a process holds the lock of this instance's agent."""
    try:
        with (conf.load().agent_dir / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def read_instances() -> list[dict[str, Any]]:
    """Return the service's instances as the registry last listed them."""
    listed = files.read_json(conf.load().agent_dir / "registry.json") or {}
    instances: list[dict[str, Any]] = listed.get("instances", [])
    return instances
