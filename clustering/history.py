"""Records requests in the database, off the request path."""

import atexit
import logging
import queue
import threading
import time
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection

from clustering.models import RequestRecord

logger = logging.getLogger(__name__)

_BATCH: Final = 200
_FLUSH_SECONDS: Final = 3.0
_DROP_LOG_SECONDS: Final = 10.0


class HistoryWriter:
    """One thread that writes queued records in batches; a full queue drops, never waits.

    `record` may be called from any thread. `flush` returns when all that was queued before is
    written or given up, or after its time limit. A batch the database refuses is dropped with a
    count in the log: history must never hold up or fail a request.
    """

    def __init__(self) -> None:
        self._queue: queue.Queue[RequestRecord] = queue.Queue(settings.HISTORY_QUEUE_SIZE)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._dropped = 0
        self._silent_until = 0.0

    def record(self, record: RequestRecord) -> None:
        """Queue a record; when the queue is full, count it as dropped."""
        # The thread starts with the first record: a process that forks workers has none by then.
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._run, name="history-writer", daemon=True
                    )
                    self._thread.start()
                    atexit.register(self.flush)
        try:
            self._queue.put_nowait(record)
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
        while True:
            batch = [self._queue.get()]
            # Whatever came with it goes into the same transaction.
            while len(batch) < _BATCH:
                try:
                    batch.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            try:
                RequestRecord.objects.bulk_create(batch)
            except DatabaseError as error:
                self._drop(len(batch), f"the database refused them: {error}")
                connection.close()
            except Exception:
                logger.exception("request history: unexpected error, %d lost", len(batch))
                connection.close()
            finally:
                for _ in batch:
                    self._queue.task_done()

    def _drop(self, count: int, why: str) -> None:
        self._dropped += count
        if time.monotonic() > self._silent_until:
            self._silent_until = time.monotonic() + _DROP_LOG_SECONDS
            logger.warning("request history: %d records dropped so far; %s", self._dropped, why)


writer = HistoryWriter()
