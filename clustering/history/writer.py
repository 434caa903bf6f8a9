"""Records requests in the database, off the request path."""

import atexit
import logging
import queue
import threading
import time
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import numpy as np
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from clustering import metrics
from clustering.models import RequestRecord

logger = logging.getLogger(__name__)

# The values of a RequestRecord by the names of its fields, all but the id.
Row = dict[str, Any]

_BATCH: Final = 500
# Between the first record of a batch and its transaction: fewer of these, each for more records,
# leave more of the processor to requests.
_GATHER_SECONDS: Final = 0.1
_FLUSH_SECONDS: Final = 3.0
_DROP_LOG_SECONDS: Final = 10.0
_PRUNE_EVERY_SECONDS: Final = 60.0
# Rows deleted in one transaction, so that other writers get their turn in between.
_PRUNE_ROWS: Final = 1000


def keeps(points: NDArray[np.float64]) -> bool:
    """Return whether points of this size are kept with their request."""
    return bool(points.size <= settings.HISTORY_PAYLOAD_MAX_NUMBERS)


class HistoryWriter:
    """One thread that writes queued records in batches; a full queue drops, never waits.

    `record` may be called from any thread. `flush` returns when all that was queued before is
    written or given up, or after its time limit. A batch the database refuses is dropped, with a
    count in the log and the metrics: history must never hold up or fail a request. The thread also
    keeps the history within its limits.
    """

    def __init__(self) -> None:
        # In C and without a lock of Python's, for which requests would have to wait. What flushes
        # waits in it for its turn, too.
        self._queue: queue.SimpleQueue[Row | threading.Event] = queue.SimpleQueue()
        self._batch: list[Row] = []
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

    def record(self, row: Row) -> None:
        """Queue a row; when the queue is full, count it as dropped."""
        if not settings.HISTORY_ENABLED:
            return
        if self._thread is None:
            self.start()
        if self._queue.qsize() < settings.HISTORY_QUEUE_SIZE:
            self._queue.put(row)
            metrics.HISTORY_QUEUED.inc()
        else:
            self._drop(1, "the queue is full")

    def flush(self, timeout: float = _FLUSH_SECONDS) -> None:
        """Wait until all queued records are dealt with, at most `timeout` seconds."""
        if self._thread is None:
            return
        is_written = threading.Event()
        self._queue.put(is_written)
        if not is_written.wait(timeout):
            left = self._queue.qsize() - 1 + len(self._batch)
            logger.error("request history: about %d records not written before the stop", left)

    def _run(self) -> None:
        prune_at = time.monotonic()
        while True:
            flushes = self._gather(max(0.0, prune_at - time.monotonic()))
            if self._batch:
                self._write(self._batch)
                self._batch = []
            for is_written in flushes:
                is_written.set()
            if time.monotonic() >= prune_at:
                prune_at = time.monotonic() + _PRUNE_EVERY_SECONDS
                try:
                    prune()
                except Exception as error:  # noqa: BLE001 (the thread must go on)
                    logger.warning("request history: not pruned: %s", error)
                    connection.close()

    def _gather(self, timeout: float) -> list[threading.Event]:
        """Make a batch of what waits, after waiting for the first; return whom to tell of it."""
        flushes = []
        try:
            item = self._queue.get(timeout=timeout)
            # Whatever comes with it goes into the same transaction.
            if not isinstance(item, threading.Event):
                time.sleep(_GATHER_SECONDS)
            while True:
                if isinstance(item, threading.Event):
                    flushes.append(item)
                else:
                    self._batch.append(item)
                if len(self._batch) == _BATCH:
                    break
                item = self._queue.get_nowait()
        except queue.Empty:
            pass
        return flushes

    def _write(self, batch: list[Row]) -> None:
        try:
            try:
                _insert(batch)
            except (OperationalError, InterfaceError):
                # The connection may be one to a server that has been restarted since.
                connection.close()
                _insert(batch)
        except Exception as error:  # noqa: BLE001 (the thread must go on)
            self._drop(len(batch), f"{type(error).__name__}: {error}")
            connection.close()
        else:
            metrics.HISTORY_WRITTEN.inc(len(batch))

    def _drop(self, count: int, why: str) -> None:
        self._dropped += count
        metrics.HISTORY_DROPPED.inc(count)
        if time.monotonic() > self._silent_until:
            self._silent_until = time.monotonic() + _DROP_LOG_SECONDS
            logger.warning("request history: %d records dropped so far; %s", self._dropped, why)


def id_range() -> range:
    """Return the ids from the oldest to the newest row's."""
    pks = RequestRecord.objects.values_list("pk", flat=True)
    # Not by one query for both ends, for which SQLite would look at all rows.
    oldest, newest = pks.order_by("pk").first(), pks.order_by("-pk").first()
    return range(0) if oldest is None or newest is None else range(oldest, newest + 1)


def _insert(rows: list[Row]) -> None:
    """Insert rows in one transaction; raise DatabaseError.

    Not by bulk_create, which takes as long for each value as the database does for all of a row.
    """
    fields = [field for field in RequestRecord._meta.concrete_fields if not field.primary_key]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {quote(RequestRecord._meta.db_table)} ({columns}) VALUES ({places})",  # noqa: S608 (names of the model)
            [[_adapted(row[field.name]) for field in fields] for row in rows],
        )


def _adapted(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return msgspec.json.encode(value).decode() if isinstance(value, list) else value


def prune() -> int:
    """Delete the oldest records beyond the limits of age and count; return how many.

    Raises DatabaseError. Several processes may do so at once. Rows have ascending ids, so the
    oldest are found without counting the table.
    """
    deleted = 0
    while True:
        ends = id_range()
        if not ends:
            return deleted
        batch = RequestRecord.objects.filter(pk__lt=ends.start + _PRUNE_ROWS)
        over_count = batch.filter(pk__lt=ends.stop - settings.HISTORY_MAX_ROWS)
        over_age = batch.filter(
            created_at__lt=timezone.now() - timedelta(days=settings.HISTORY_MAX_AGE_DAYS)
        )
        count = (over_count | over_age).delete()[0]
        deleted += count
        if not count:
            return deleted


writer = HistoryWriter()
