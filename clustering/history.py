"""Records requests in the database, off the request path."""

import atexit
import logging
import queue
import threading
import time
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Max, Min
from django.utils import timezone

from clustering import metrics
from clustering.models import RequestRecord

logger = logging.getLogger(__name__)

_BATCH: Final = 200
# Between the first record of a batch and its transaction: fewer of these, each for more records,
# leave more of the processor to requests.
_GATHER_SECONDS: Final = 0.1
_FLUSH_SECONDS: Final = 3.0
_DROP_LOG_SECONDS: Final = 10.0
_PRUNE_EVERY_SECONDS: Final = 60.0
# Rows deleted in one transaction, so that other writers get their turn in between.
_PRUNE_ROWS: Final = 1000


class HistoryWriter:
    """One thread that writes queued records in batches; a full queue drops, never waits.

    `record` may be called from any thread. `flush` returns when all that was queued before is
    written or given up, or after its time limit. A batch the database refuses is dropped, with a
    count in the log and the metrics: history must never hold up or fail a request. The thread also
    keeps the history within its limits.
    """

    def __init__(self) -> None:
        self._queue: queue.Queue[RequestRecord] = queue.Queue(settings.HISTORY_QUEUE_SIZE)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._dropped = 0
        self._silent_until = 0.0

    def start(self) -> None:
        """Start the thread, unless it runs; not before a process forks workers."""
        with self._starting:
            if self._thread is None and settings.HISTORY_ENABLED:
                self._thread = threading.Thread(
                    target=self._run, name="history-writer", daemon=True
                )
                self._thread.start()
                atexit.register(self.flush)

    def record(self, record: RequestRecord) -> None:
        """Queue a record; when the queue is full, count it as dropped."""
        if not settings.HISTORY_ENABLED:
            return
        if self._thread is None:
            self.start()
        try:
            self._queue.put_nowait(record)
            metrics.HISTORY_QUEUED.inc()
        except queue.Full:
            self._drop(1, "the queue is full")

    def flush(self, timeout: float = _FLUSH_SECONDS) -> None:
        """Wait until all queued records are dealt with, at most `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self._queue.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)
        if left := self._queue.unfinished_tasks:
            logger.error("request history: %d records not written before the stop", left)

    def _run(self) -> None:
        prune_at = time.monotonic()
        while True:
            if batch := self._next_batch(max(0.0, prune_at - time.monotonic())):
                self._write(batch)
            if time.monotonic() >= prune_at:
                prune_at = time.monotonic() + _PRUNE_EVERY_SECONDS
                try:
                    prune()
                except Exception as error:  # noqa: BLE001 (the thread must go on)
                    logger.warning("request history: not pruned: %s", error)
                    connection.close()

    def _next_batch(self, timeout: float) -> list[RequestRecord]:
        """Return the records that wait, after waiting for the first of them."""
        batch: list[RequestRecord] = []
        try:
            batch.append(self._queue.get(timeout=timeout))
            time.sleep(_GATHER_SECONDS)
            # Whatever came with it goes into the same transaction.
            while len(batch) < _BATCH:
                batch.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return batch

    def _write(self, batch: list[RequestRecord]) -> None:
        try:
            try:
                RequestRecord.objects.bulk_create(batch)
            except (OperationalError, InterfaceError):
                # The connection may be one to a server that has been restarted since.
                connection.close()
                RequestRecord.objects.bulk_create(batch)
        except Exception as error:  # noqa: BLE001 (the thread must go on)
            self._drop(len(batch), f"{type(error).__name__}: {error}")
            connection.close()
        else:
            metrics.HISTORY_WRITTEN.inc(len(batch))
        finally:
            for _ in batch:
                self._queue.task_done()

    def _drop(self, count: int, why: str) -> None:
        self._dropped += count
        metrics.HISTORY_DROPPED.inc(count)
        if time.monotonic() > self._silent_until:
            self._silent_until = time.monotonic() + _DROP_LOG_SECONDS
            logger.warning("request history: %d records dropped so far; %s", self._dropped, why)


def prune() -> int:
    """Delete the oldest records beyond the limits of age and count; return how many.

    Raises DatabaseError. Several processes may do so at once. Rows have ascending ids, so the
    oldest are found without counting the table.
    """
    deleted = 0
    while True:
        ends = RequestRecord.objects.aggregate(oldest=Min("pk"), newest=Max("pk"))
        if ends["oldest"] is None:
            return deleted
        next_pk = ends["oldest"] + _PRUNE_ROWS
        batch = RequestRecord.objects.filter(pk__lt=next_pk)
        over_count = batch.filter(pk__lte=ends["newest"] - settings.HISTORY_MAX_ROWS)
        over_age = batch.filter(
            created_at__lt=timezone.now() - timedelta(days=settings.HISTORY_MAX_AGE_DAYS)
        )
        count = (over_count | over_age).delete()[0]
        deleted += count
        if not count:
            return deleted


writer = HistoryWriter()
