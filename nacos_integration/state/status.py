"""What the agent knows, in `status.json`, for commands, the admin and workers to read.

The service's other instances, as the registry lists them, are in `registry.json` beside it.
"""

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from nacos_integration import address, conf
from nacos_integration.state import checked, files
from nacos_integration.state.states import RegistrationState

logger = logging.getLogger(__name__)

# They are kept when another process of the launch takes over.
COUNTERS = (
    ("config", "applied_count"),
    ("config", "rejected_count"),
    ("registration", "reregistered_count"),
)
# What readers use, and how each value is checked.
_FIELDS: Final[dict[str, Callable[[Any], Any]]] = {
    "launch_id": checked.text,
    "instance": checked.text,
    "pid": checked.whole,
    "started_at": checked.moment,
    "written_at": checked.moment,
    "draining_since": checked.moment,
}
_SECTIONS: Final[dict[str, dict[str, Callable[[Any], Any]]]] = {
    "config": {
        "source": checked.text,
        "key": checked.text,
        "in_force": checked.text,
        "md5": checked.text,
        "applied_at": checked.moment,
        "synced_at": checked.moment,
        "applied_count": checked.whole,
        "rejected_count": checked.whole,
        "rejected": checked.rejection,
        "missing": checked.text,
        "source_error": checked.text,
        "write_error": checked.text,
        "file_error": checked.text,
    },
    "registration": {
        "state": checked.text,
        "error": checked.text,
        "verified_at": checked.moment,
        "confirmed_at": checked.moment,
        "differences": checked.texts,
        "listed": checked.instance,
        "registrations": checked.whole,
        "reregistered_count": checked.whole,
    },
    "database": {"reachable": checked.flag, "checked_at": checked.moment},
}


class Status:
    """The agent's side: written on every change, from any of its threads.

    Times are seconds since the epoch, so that readers can compute ages.
    """

    def __init__(self, settings: conf.Conf, instance: str) -> None:
        self._path = settings.agent_dir / "status.json"
        self._instances_path = settings.agent_dir / "registry.json"
        self._instances: list[dict[str, Any]] | None = None
        self._lock = threading.Lock()
        registers = settings.uses_nacos and settings.register_enabled
        state = RegistrationState.STARTING if registers else RegistrationState.DISABLED
        self._content: dict[str, Any] = {
            "launch_id": settings.launch_id,
            "instance": instance,
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

    @property
    def instance(self) -> str:
        """What identifies this instance: `ip:port`."""
        return str(self._content["instance"])

    def set_instance(self, instance: str) -> None:
        """Write another address of this instance."""
        with self._lock:
            self._content["instance"] = instance
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
        before = _read(self._path)
        is_of_this_launch = before.get("launch_id") == self._content["launch_id"]
        for section, name in COUNTERS:
            self._content[section][name] = (is_of_this_launch and before[section][name]) or 0

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
    """Return what the agent of this instance last wrote; empty where there was none.

    Else all of `_FIELDS` and `_SECTIONS` is there, None where it is missing or damaged.
    """
    return _read(conf.load().agent_dir / "status.json")


def instance_address() -> str:
    """Return what identifies this instance, `ip:port`, as its agent wrote last."""
    settings = conf.load()
    host = settings.service_ip or settings.bind_host
    return read().get("instance") or address.with_port(host, settings.service_port)


def _read(path: Path) -> dict[str, Any]:
    content = files.read_json(path)
    if not content:
        return {}
    status: dict[str, Any] = {name: check(content.get(name)) for name, check in _FIELDS.items()}
    for section, fields in _SECTIONS.items():
        values = content.get(section)
        given = values if isinstance(values, dict) else {}
        status[section] = {name: check(given.get(name)) for name, check in fields.items()}
    return status


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
    content = files.read_json(conf.load().agent_dir / "registry.json") or {}
    listed = content.get("instances")
    return (
        [entry for entry in listed if checked.instance(entry)] if isinstance(listed, list) else []
    )
