"""Checks API keys and their rate limits in the database, and caches the keys that it confirms."""

import contextlib
import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Case, F, Q, When
from django.utils import timezone

from clustering.models import ApiKey

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# The help text of `ApiKey.revoked` and docs/calling.md state this number.
FRESH_SECONDS: Final = 10.0
# How long a confirmed key is accepted while the database is unreachable.
KEPT_SECONDS: Final = 3600.0
# Between two attempts to reach the database.
PAUSE_SECONDS: Final = 5.0
MAX_CACHED: Final = 10_000
# As the library makes them. Anything else is rejected without a query.
_FORM = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}")


class DatabaseUnreachableError(Exception):
    """The database does not answer, or did not within the last PAUSE_SECONDS."""


@dataclass(slots=True)
class KnownKey:
    """A key that the database has confirmed, at the `time.monotonic()` `confirmed_at`.

    `last_used` is what the database has of it, as far as this process knows.
    """

    pk: str
    requests_per_minute: int | None
    expiry_date: datetime | None
    confirmed_at: float
    last_used: datetime | None

    @property
    def age(self) -> float:
        return time.monotonic() - self.confirmed_at

    @property
    def has_expired(self) -> bool:
        return self.expiry_date is not None and self.expiry_date < timezone.now()


class Keyring:
    """A cache of the keys that the database has confirmed, by digest; safe to use from any thread.

    A key is looked up again after FRESH_SECONDS. While the database is unreachable, known keys are
    accepted for KEPT_SECONDS after their last confirmation, and requests are not counted. Unknown
    keys are not cached, so guessing costs no memory.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, KnownKey] = {}
        self._lock = threading.Lock()
        self._is_unreachable = False
        self._is_trying = False
        self._next_try = 0.0

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: str) -> KnownKey | None:
        """Return the key if it is valid, None otherwise.

        Raises DatabaseUnreachableError if only the database could decide.
        """
        if not _FORM.fullmatch(key):
            return None
        digest = hashlib.sha256(key.encode()).digest()
        known = self._known.get(digest)
        if known is None or known.age > FRESH_SECONDS:
            try:
                known = self._query(lambda: _look_up(key))
            except DatabaseUnreachableError:
                if known is None or known.age > KEPT_SECONDS:
                    raise
            else:
                self._cache(digest, known)
        return None if known is None or known.has_expired else known

    def count(self, known: KnownKey) -> bool:
        """Count a request; return whether the key's limit allows it.

        Without a limit, only the first request of a minute writes to the database.
        """
        limit = known.requests_per_minute
        this_minute = _start_of_minute()
        try:
            if limit is not None:
                return self._query(lambda: _count(known.pk, limit))
        except DatabaseUnreachableError:
            return True
        if known.last_used is None or known.last_used < this_minute:
            known.last_used = this_minute
            # A database that cannot be written to may still confirm keys.
            with contextlib.suppress(DatabaseError):
                _record_use(known.pk, this_minute)
        return True

    def _cache(self, digest: bytes, known: KnownKey | None) -> None:
        with self._lock:
            self._known.pop(digest, None)
            if known:
                # In the order of confirmation, so the first is the oldest.
                self._known[digest] = known
                if len(self._known) > MAX_CACHED:
                    del self._known[next(iter(self._known))]

    def _query(self, query: Callable[[], Result]) -> Result:
        """Return the result of the query; raise DatabaseUnreachableError.

        While the database is unreachable, one thread tries again every PAUSE_SECONDS, and the
        others do not wait. Otherwise a database that hangs would block the threads that answer
        health checks.
        """
        with self._lock:
            if self._is_unreachable:
                if self._is_trying or time.monotonic() < self._next_try:
                    raise DatabaseUnreachableError
                self._is_trying = True
        try:
            result = query()
        except DatabaseError as error:
            self._failed(error)
            raise DatabaseUnreachableError from error
        finally:
            # Not kept while this thread waits for a fit: there may be more threads than connections
            # that the database accepts.
            connection.close()
            with self._lock:
                self._is_trying = False
        self._succeeded()
        return result

    def _failed(self, error: DatabaseError) -> None:
        with self._lock:
            was_unreachable, self._is_unreachable = self._is_unreachable, True
            self._next_try = time.monotonic() + PAUSE_SECONDS
        if not was_unreachable:
            logger.warning(
                "API keys: the database does not answer, accepting known keys without limits: %s",
                error,
            )

    def _succeeded(self) -> None:
        with self._lock:
            was_unreachable, self._is_unreachable = self._is_unreachable, False
        if was_unreachable:
            logger.info("API keys: the database answers again")


def seconds_to_next_minute() -> float:
    """Return when a key that has reached its limit is accepted again."""
    return 60 - time.time() % 60


def _look_up(key: str) -> KnownKey | None:
    # Before the query, so that a slow one does not make the key look fresher than it is.
    confirmed_at = time.monotonic()
    try:
        row = ApiKey.objects.get_from_key(key)
    except ApiKey.DoesNotExist:
        return None
    assert isinstance(row, ApiKey)
    return KnownKey(row.pk, row.requests_per_minute, row.expiry_date, confirmed_at, row.last_used)


def _count(pk: str, limit: int) -> bool:
    """Count a request of the current minute in the row, and return whether the limit allows it.

    One statement, so the limit is exact across threads, processes, and instances whose clocks agree
    to a minute. Minutes are those of the clock, so within 60 s across the end of a minute, up to
    twice the limit may be accepted.
    """
    minute = int(time.time() // 60)
    # The next minute was begun by an instance whose clock is ahead of ours, so we count in it. A
    # minute further ahead is from a wrong clock, and must not lock the key.
    is_over = Q(minute__lt=minute) | Q(minute__gt=minute + 1)
    counted = ApiKey.objects.filter(is_over | Q(count__lt=limit), pk=pk).update(
        count=Case(When(is_over, then=1), default=F("count") + 1),
        minute=Case(When(is_over, then=minute), default=F("minute")),
        last_used=_start_of_minute(),
    )
    return counted == 1


def _record_use(pk: str, minute: datetime) -> None:
    ApiKey.objects.filter(pk=pk).update(last_used=minute)


def _start_of_minute() -> datetime:
    return datetime.fromtimestamp(time.time() // 60 * 60, UTC)


keyring = Keyring()
