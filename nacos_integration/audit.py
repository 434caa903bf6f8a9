"""Writes the history of the live config to the database, when that is there."""

import collections
import logging
import threading

from django.db import connection

from nacos_integration.models import ConfigChange

logger = logging.getLogger(__name__)

PENDING_MAX = 1000
RETRY_SECONDS = 5.0
# In the database, of all instances together: newer ones push out the oldest.
KEPT_ROWS = 10_000


class AuditLog:
    """One thread that writes rows in order; they wait while the database is away.

    `record` may be called from any thread and never blocks. Past PENDING_MAX waiting rows the
    oldest is given up, with a message.
    """

    def __init__(self) -> None:
        self._pending: collections.deque[ConfigChange] = collections.deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="config-audit", daemon=True)
        self._thread.start()

    def record(self, row: ConfigChange) -> None:
        """Queue a row."""
        with self._changed:
            self._pending.append(row)
            if len(self._pending) > PENDING_MAX:
                lost = self._pending.popleft()
                logger.error("config history: database away too long, given up: %s", lost)
            self._changed.notify()

    def close(self, timeout: float) -> None:
        """Write what waits, and end the thread, within `timeout` seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        if self._pending:
            logger.error("config history: %d rows not written before the stop", len(self._pending))

    def _run(self) -> None:
        failure = ""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing)
                if not self._pending:
                    return
                row = self._pending[0]
            try:
                # A row may be tried again after a failure that came late.
                row.pk = None
                row.save(force_insert=True)
                ConfigChange.objects.filter(pk__lte=row.pk - KEPT_ROWS).delete()
            except Exception as error:  # noqa: BLE001
                # Not migrated, away, read-only: whatever it is, it may pass, and nothing waits.
                if str(error) != failure:
                    failure = str(error)
                    logger.warning("config history: waiting for the database: %s", failure)
                connection.close()
                with self._changed:
                    if self._changed.wait_for(lambda: self._closing, RETRY_SECONDS):
                        return
                continue
            failure = ""
            with self._changed:
                if self._pending and self._pending[0] is row:
                    self._pending.popleft()
                idle = not self._pending
            if idle:
                connection.close()
