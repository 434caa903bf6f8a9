"""Writes the request history in a thread of its own, so that no request waits for it."""

import atexit
import logging
import queue
import threading
import time
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from numpy.typing import NDArray

from clustering import metrics
from clustering.history.pruning import prune
from clustering.models import RequestRecord

logger = logging.getLogger(__name__)

# The values of a RequestRecord by field name, without the id.
Row = dict[str, Any]

_BATCH_ROWS: Final = 500
# From the first row of a batch to its transaction. Fewer and larger transactions leave more CPU
# time to requests.
_BATCH_SECONDS: Final = 0.1
_FLUSH_SECONDS: Final = 3.0
_DROP_LOG_INTERVAL_SECONDS: Final = 10.0
_PRUNE_INTERVAL_SECONDS: Final = 60.0


def keeps(points: NDArray[np.float64]) -> bool:
    """Return whether the history keeps points of this size, with their labels."""
    return bool(points.size <= settings.HISTORY_PAYLOAD_MAX_NUMBERS)


class HistoryWriter:
    """One thread that writes queued rows in batches; if the queue is full, rows are dropped.

    `record` never waits, and may be called from any thread. `flush` returns when all rows queued
    before it are written or dropped, or after its timeout. A batch that the database rejects is
    dropped, and counted in the log and the metrics: history must never delay or fail a request.
    The thread also prunes the history.
    """

    def __init__(self) -> None:
        # Implemented in C, so requests wait for no Python lock. `flush` queues an event, which is
        # set when all rows before it are written.
        self._queue: queue.SimpleQueue[Row | threading.Event] = queue.SimpleQueue()
        self._batch: list[Row] = []
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._dropped = 0
        self._next_drop_log = 0.0

    def start(self) -> None:
        """Start the thread unless it runs; call it only after the process has forked."""
        with self._starting:
            if self._thread is None and settings.HISTORY_ENABLED:
                self._thread = threading.Thread(
                    target=self._run, name="history-writer", daemon=True
                )
                self._thread.start()
                atexit.register(self.flush)

    def record(self, row: Row) -> None:
        """Queue a row; drop and count it if the queue is full."""
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
        """Wait until all queued rows are written or dropped, at most `timeout` seconds."""
        if self._thread is None:
            return
        is_written = threading.Event()
        self._queue.put(is_written)
        if not is_written.wait(timeout):
            remaining = self._queue.qsize() - 1 + len(self._batch)
            logger.error("request history: about %d records not written before the stop", remaining)

    def _run(self) -> None:
        prune_at = time.monotonic()
        while True:
            flushed = self._fill_batch(max(0.0, prune_at - time.monotonic()))
            if self._batch:
                self._write(self._batch)
                self._batch = []
            for is_written in flushed:
                is_written.set()
            if time.monotonic() >= prune_at:
                prune_at = time.monotonic() + _PRUNE_INTERVAL_SECONDS
                try:
                    prune()
                except Exception as error:  # noqa: BLE001 (the thread must continue)
                    logger.warning("request history: pruning failed: %s", error)
                    connection.close()

    def _fill_batch(self, timeout: float) -> list[threading.Event]:
        """Wait for a first row, then take what is queued; return the events of `flush` calls."""
        flushed = []
        try:
            item = self._queue.get(timeout=timeout)
            if not isinstance(item, threading.Event):
                time.sleep(_BATCH_SECONDS)  # for more rows in the same transaction
            while True:
                if isinstance(item, threading.Event):
                    flushed.append(item)
                else:
                    self._batch.append(item)
                if len(self._batch) == _BATCH_ROWS:
                    break
                item = self._queue.get_nowait()
        except queue.Empty:
            pass
        return flushed

    def _write(self, batch: list[Row]) -> None:
        try:
            try:
                _insert(batch)
            except (OperationalError, InterfaceError):
                # The server may have restarted since the connection was made.
                connection.close()
                _insert(batch)
        except Exception as error:  # noqa: BLE001 (the thread must continue)
            self._drop(len(batch), f"{type(error).__name__}: {error}")
            connection.close()
        else:
            metrics.HISTORY_WRITTEN.inc(len(batch))

    def _drop(self, count: int, reason: str) -> None:
        self._dropped += count
        metrics.HISTORY_DROPPED.inc(count)
        if time.monotonic() > self._next_drop_log:
            self._next_drop_log = time.monotonic() + _DROP_LOG_INTERVAL_SECONDS
            logger.warning("request history: %d records dropped so far; %s", self._dropped, reason)


def _insert(rows: list[Row]) -> None:
    """Insert rows in one transaction; raise DatabaseError.

    bulk_create is not used: it takes as long for one value as the database for a whole row.
    """
    fields = [field for field in RequestRecord._meta.concrete_fields if not field.primary_key]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    values = ", ".join(["%s"] * len(fields))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {quote(RequestRecord._meta.db_table)} ({columns}) VALUES ({values})",  # noqa: S608 (names of the model)
            [[_adapt(row[field.name]) for field in fields] for row in rows],
        )


def _adapt(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return msgspec.json.encode(value).decode() if isinstance(value, list | dict) else value


history_writer = HistoryWriter()
