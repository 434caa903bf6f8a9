"""Measures how long it takes until all workers of this instance run a new config."""

import threading
import time
from collections.abc import Callable

from nacos_integration.models import ConfigChange
from nacos_integration.state import worker_reports

# A worker that has not loaded the config by then hangs.
LIMIT_SECONDS = 60.0


class Rollout:
    """Follows the latest change that was applied.

    `begin` and `check` are called from different threads. `record` takes the row once more, with
    `workers` and `in_force_after_seconds`, and must not block.
    """

    def __init__(self, record: Callable[[ConfigChange], None]) -> None:
        self._record = record
        self._lock = threading.Lock()
        self._row: ConfigChange | None = None

    def begin(self, row: ConfigChange) -> None:
        """Follow this change, if it was applied and there are workers."""
        if row.outcome == ConfigChange.Outcome.APPLIED and row.before != row.after:
            with self._lock:
                self._row = row if worker_reports.read() else None

    def check(self) -> None:
        """Record the change if all workers run it; cheap enough for several calls a second."""
        with self._lock:
            row = self._row
            if row is None:
                return
            applied_at = row.created_at.timestamp()
            workers = worker_reports.read()
            if workers and all(row.md5.startswith(worker["version"]) for worker in workers):
                seconds = max(worker["since"] for worker in workers) - applied_at
                row.workers = len(workers)
                row.in_force_after_seconds = round(max(0.0, seconds), 2)
                self._record(row)
            elif time.time() - applied_at < LIMIT_SECONDS:
                return
            self._row = None
