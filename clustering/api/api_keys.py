"""Which API keys are good, and how often: the database says so, and is remembered a while."""

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Case, F, Q, When
from django.utils import timezone

from clustering.models import ApiKey

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# The help text of `ApiKey.revoked` and docs/calling.md state this number.
FRESH_SECONDS: Final = 10.0
# How long a key goes on when the database cannot be asked.
KEPT_SECONDS: Final = 3600.0
PAUSE_SECONDS: Final = 5.0
MAX_REMEMBERED: Final = 10_000
# As the library makes them; anything else is not worth a question.
_FORM = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}")


class DatabaseAwayError(Exception):
    """The database did not answer, just now or a moment ago."""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What the database said of a key."""

    pk: str
    requests_per_minute: int | None
    expiry_date: datetime | None
    asked_at: float

    @property
    def age(self) -> float:
        return time.monotonic() - self.asked_at

    @property
    def has_expired(self) -> bool:
        return self.expiry_date is not None and self.expiry_date < timezone.now()


class Keyring:
    """Knows the keys that the database has confirmed, by a digest; safe to use from any thread.

    A key is asked about anew after FRESH_SECONDS. When the database is away, known keys go on for
    KEPT_SECONDS since it last confirmed them, and their requests are not counted. Unknown keys are
    not remembered, so guessing costs no memory.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, KnownKey] = {}
        self._lock = threading.Lock()
        self._is_away = False
        self._is_trying = False
        self._next_try = 0.0

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: str) -> KnownKey | None:
        """Return the key if it is good now, None if it is not.

        Raises DatabaseAwayError when only the database could tell.
        """
        if not _FORM.fullmatch(key):
            return None
        digest = hashlib.sha256(key.encode()).digest()
        known = self._known.get(digest)
        if known is None or known.age > FRESH_SECONDS:
            try:
                known = self._ask(lambda: _look_up(key))
            except DatabaseAwayError:
                if known is None or known.age > KEPT_SECONDS:
                    raise
            else:
                self._remember(digest, known)
        return None if known is None or known.has_expired else known

    def count(self, known: KnownKey) -> bool:
        """Count a request; return whether the key's limit allows it."""
        limit = known.requests_per_minute
        if limit is None:
            return True
        try:
            return self._ask(lambda: _count(known.pk, limit))
        except DatabaseAwayError:
            return True

    def _remember(self, digest: bytes, known: KnownKey | None) -> None:
        with self._lock:
            self._known.pop(digest, None)
            if known:
                # In the order of confirmation, so the first is the stalest.
                self._known[digest] = known
                if len(self._known) > MAX_REMEMBERED:
                    del self._known[next(iter(self._known))]

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """Return the database's answer.

        While it is away, one thread asks every PAUSE_SECONDS, and no other has to wait for it: a
        database that hangs must not take the threads that answer health.
        """
        with self._lock:
            if self._is_away:
                if self._is_trying or time.monotonic() < self._next_try:
                    raise DatabaseAwayError
                self._is_trying = True
        try:
            answer = question()
        except DatabaseError as error:
            self._found_away(error)
            raise DatabaseAwayError from error
        finally:
            # Not kept while this thread waits for a fit: there are many threads, and a database
            # takes only so many connections.
            connection.close()
            with self._lock:
                self._is_trying = False
        self._found_there()
        return answer

    def _found_away(self, error: DatabaseError) -> None:
        with self._lock:
            was_away, self._is_away = self._is_away, True
            self._next_try = time.monotonic() + PAUSE_SECONDS
        if not was_away:
            logger.warning(
                "API keys: the database does not answer (%s); known keys go on, uncounted", error
            )

    def _found_there(self) -> None:
        with self._lock:
            was_away, self._is_away = self._is_away, False
        if was_away:
            logger.info("API keys: the database answers again")


def seconds_to_next_minute() -> float:
    return 60 - time.time() % 60


def _look_up(key: str) -> KnownKey | None:
    asked_at = time.monotonic()
    try:
        row = ApiKey.objects.get_from_key(key)
    except ApiKey.DoesNotExist:
        return None
    assert isinstance(row, ApiKey)
    return KnownKey(row.pk, row.requests_per_minute, row.expiry_date, asked_at)


def _count(pk: str, limit: int) -> bool:
    """Count a request of the minute at hand in the row, unless the limit is reached.

    One statement, so that it is exact across threads, processes, and instances whose clocks agree
    to a minute. Minutes are the clock's: up to twice the limit may come within 60 s across the end
    of one.
    """
    minute = int(time.time() // 60)
    # A minute just ahead was begun by an instance whose clock is ahead of ours: it is the one to
    # count in. One far ahead is from a clock that was wrong, and must not lock the key.
    is_over = Q(minute__lt=minute) | Q(minute__gt=minute + 1)
    counted = ApiKey.objects.filter(is_over | Q(count__lt=limit), pk=pk).update(
        count=Case(When(is_over, then=1), default=F("count") + 1),
        minute=Case(When(is_over, then=minute), default=F("minute")),
    )
    return counted == 1


keyring = Keyring()
