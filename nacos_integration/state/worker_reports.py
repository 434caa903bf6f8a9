"""The worker processes of this instance, and the config that each runs.

Each writes a small file in the agent's folder and touches it regularly. So a worker that hangs is
noticed without a request to it.
"""

import contextlib
import logging
import os
import time
from collections.abc import Callable
from typing import Any, Final

from django.utils.module_loading import import_string

from nacos_integration import conf, live_config
from nacos_integration.state import checked, files

logger = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
SILENT_SECONDS = 10.0
# By then gunicorn has replaced a worker that hangs.
GONE_SECONDS = 60.0
_FIELDS: Final[dict[str, Callable[[object], Any]]] = {
    "pid": checked.whole,
    "launch_id": checked.text,
    "version": checked.text,
    "value": checked.text,
    "since": checked.moment,
}


class WorkerReport:
    """One process's own report; `keep` is cheap enough to be called several times a second."""

    def __init__(self) -> None:
        settings = conf.load()
        self._launch_id = settings.launch_id
        self._handler: type[live_config.ConfigHandler] = import_string(settings.config_handler)
        self._path = settings.agent_dir / f"worker-{os.getpid()}.json"
        self._written: object = None
        self._touched_at = 0.0

    def keep(self) -> None:
        """Load the config, as a request would, and update the report if that is due."""
        try:
            applied = live_config.current(self._handler)
            now = time.time()
            if applied is not self._written:
                files.write_json(self._path, self._content(applied, now), durable=False)
                self._written = applied
            elif now - self._touched_at > BEAT_SECONDS:
                os.utime(self._path)
            else:
                return
            self._touched_at = now
        except Exception as error:  # noqa: BLE001 (a full disk must not end a worker)
            logger.debug("no report of this worker: %s", error)
            self._written = None

    def remove(self) -> None:
        """Remove the report, and the folder if it was the last file."""
        with contextlib.suppress(OSError):
            self._path.unlink()
            read()  # removes the reports of killed workers
            self._path.parent.rmdir()

    def _content(
        self, applied: live_config.AppliedConfig[live_config.ConfigHandler], now: float
    ) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "launch_id": self._launch_id,
            "version": applied.version,
            "value": str(applied.value),
            "since": now,
        }


def read() -> list[dict[str, Any]]:
    """Return the reports of this launch's workers; remove those of processes that have ended.

    Each has `pid`, `version` and `value` of its config, `since` when it runs that, and
    `silent_seconds`.
    """
    settings = conf.load()
    found = []
    for path in sorted(settings.agent_dir.glob("worker-*.json")):
        report = files.read_json(path)
        with contextlib.suppress(OSError):  # it has gone, or is a folder
            silent_seconds = max(0.0, time.time() - path.stat().st_mtime)
            worker = {name: check((report or {}).get(name)) for name, check in _FIELDS.items()}
            launch_id = worker.pop("launch_id")
            is_damaged = launch_id == settings.launch_id and None in worker.values()
            if is_damaged or not _is_alive(worker["pid"]) or silent_seconds > GONE_SECONDS:
                path.unlink()  # a living worker writes it again
            elif launch_id == settings.launch_id:
                found.append(worker | {"silent_seconds": round(silent_seconds, 1)})
    return found


def _is_alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
