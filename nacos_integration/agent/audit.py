"""Writes the history of the live config to the database."""

import collections
import logging
import threading
from collections.abc import Callable

from django.apps import apps
from django.db import DataError, connection

from nacos_integration.models import ConfigChange

logger = logging.getLogger(__name__)

PENDING_MAX = 1000
RETRY_SECONDS = 5.0
CHECK_SECONDS = 10.0
# In the database, of all instances together.
KEPT_ROWS = 10_000
MEASURED_LATER = ("workers", "in_force_after_seconds")


class AuditLog:
    """One thread that writes rows in order; they wait while the database is unreachable.

    `record` may be called from any thread and never blocks. If more than PENDING_MAX rows wait, the
    oldest is dropped. A row that the database refuses is dropped too. `report` is called at least
    every CHECK_SECONDS with whether the database is reachable.
    """

    def __init__(self, report: Callable[[bool], None]) -> None:
        self._report = report
        self._pending: collections.deque[ConfigChange] = collections.deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="config-audit", daemon=True)
        self._thread.start()

    def record(self, row: ConfigChange) -> None:
        """Queue a row; one that is queued again gets its values of MEASURED_LATER."""
        for name in ("reason", "before", "after"):
            # PostgreSQL rejects NUL in texts.
            setattr(row, name, getattr(row, name).replace("\0", "\N{REPLACEMENT CHARACTER}"))
        with self._changed:
            self._pending.append(row)
            if len(self._pending) > PENDING_MAX:
                lost = self._pending.popleft()
                logger.error("config history: database unreachable too long, dropped: %s", lost)
            self._changed.notify()

    def close(self, timeout: float) -> None:
        """Write the waiting rows, and end the thread, within `timeout` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        if self._pending:
            logger.error("config history: %d rows not written before the stop", len(self._pending))

    def _run(self) -> None:
        # ready() starts the agent, and the models of later apps are not loaded then.
        apps.ready_event.wait()
        failure = ""
        wait_seconds = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing, wait_seconds)
                row = self._pending[0] if self._pending else None
                if row is None and self._closing:
                    return
            wait_seconds = CHECK_SECONDS
            try:
                _write(row) if row else ConfigChange.objects.exists()
            except DataError as error:
                logger.error("config history: dropped, the database refuses %s: %s", row, error)
            except Exception as error:  # noqa: BLE001
                # Not migrated, unreachable or read-only: this may pass, and no request waits.
                if str(error) != failure:
                    failure = str(error)
                    logger.warning("config history: waiting for the database: %s", failure)
                connection.close()
                self._report(False)
                with self._changed:
                    if self._changed.wait_for(lambda: self._closing, RETRY_SECONDS):
                        return
                continue
            failure = ""
            self._report(True)
            with self._changed:
                if self._pending and self._pending[0] is row:
                    self._pending.popleft()
                idle = not self._pending
            if idle:
                connection.close()


def _write(row: ConfigChange) -> None:
    if row._state.adding:
        row.pk = None  # set by an earlier attempt that failed late
        row.save(force_insert=True)
    else:
        measured = {name: getattr(row, name) for name in MEASURED_LATER}
        ConfigChange.objects.filter(pk=row.pk).update(**measured)
    ConfigChange.objects.filter(pk__lte=row.pk - KEPT_ROWS).delete()
