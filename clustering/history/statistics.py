"""Requests per minute and their latency in the last hour, counted in the request history."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from django.db.models import Count, Max

from clustering.history.latency import Bucket, percentile
from clustering.history.outcomes import translated
from clustering.models import RequestRecord

MINUTES: Final = 60
# Records are written shortly after their requests. Later ones are not counted.
LATE_SECONDS: Final = 10.0
KEEP_SECONDS: Final = 2.0
# For the minutes not counted yet; the remaining ones are counted by the next calls.
COUNT_SECONDS: Final = 0.5

# An HTTP status, and the code of the problem document.
Answer = tuple[int, str]


@dataclass(frozen=True)
class Minute:
    """The requests of one minute; the latency is None if there are none, or not counted yet.

    `answers` has their number by HTTP status and problem code, `newest` the id of the newest record
    of each, and `buckets` their number by duration.
    """

    starts_at: datetime
    is_counted: bool = True
    answers: Counter[Answer] = field(default_factory=Counter)
    newest: dict[Answer, int] = field(default_factory=dict)
    buckets: Counter[int] = field(default_factory=Counter)
    max_ms: float | None = None

    @property
    def requests(self) -> int:
        """The number of requests."""
        return self.answers.total()

    @property
    def rejected(self) -> int:
        """The number of requests that got an error."""
        return sum(count for answer, count in self.answers.items() if answer[0] >= 400)

    @property
    def median_ms(self) -> float | None:
        """The median duration."""
        return self._percentile(0.5)

    @property
    def p95_ms(self) -> float | None:
        """The 95th percentile of the duration."""
        return self._percentile(0.95)

    def _percentile(self, share: float) -> float | None:
        return None if self.max_ms is None else percentile(self.buckets, share, self.max_ms)


@dataclass(frozen=True)
class Rejections:
    """The number of answers with one problem in the hour, and the outcome of the newest.

    `problem` is "" for old records, which have no problem code.
    """

    status: int
    problem: str
    count: int
    outcome: str

    @property
    def message(self) -> str:
        """The outcome in the active language."""
        return translated(self.outcome)


@dataclass(frozen=True)
class Hour:
    """Sixty minutes, up to the current one, and their total."""

    minutes: list[Minute]
    total: Minute
    rejections: list[Rejections]
    counted_at: float


_counted: dict[int, Minute] = {}
_cached_hour: Hour | None = None
_lock = threading.Lock()


def last_hour(now: float | None = None) -> Hour:
    """Return the hour up to `now`, in seconds since the epoch, counted at most KEEP_SECONDS ago.

    Each process counts a minute that is over only once, so a call reads the records of one or
    two minutes. Raises DatabaseError.
    """
    global _cached_hour
    now = time.time() if now is None else now
    with _lock:
        if _cached_hour is None or not 0 <= now - _cached_hour.counted_at < KEEP_SECONDS:
            _cached_hour = _count_hour(now)
        return _cached_hour


def _count_hour(now: float) -> Hour:
    current = int(now // 60)
    for minute in [minute for minute in _counted if minute <= current - MINUTES]:
        del _counted[minute]
    deadline = time.monotonic() + COUNT_SECONDS
    minutes = []
    # From the newest to the oldest; uncounted minutes after `busy` are known to be empty.
    busy = current
    for minute in range(current, current - MINUTES, -1):
        counted = _counted.get(minute)
        if counted is None:
            if time.monotonic() > deadline:
                counted = Minute(_start(minute), is_counted=False)
            else:
                counted = _count(minute) if minute <= busy else Minute(_start(minute))
                if minute <= busy and not counted.requests:
                    busy = _last_before(minute)
                if now >= 60 * (minute + 1) + LATE_SECONDS:
                    _counted[minute] = counted
        minutes.append(counted)
    minutes.reverse()
    total = _sum(minutes)
    return Hour(minutes, total, _rejections(total), now)


def _count(minute: int) -> Minute:
    """Count one minute, given as minutes since the epoch."""
    rows = (
        RequestRecord.objects.order_by()
        .filter(created_at__gte=_start(minute), created_at__lt=_start(minute + 1))
        .values("status", "problem", bucket=Bucket("duration_ms"))
        .annotate(requests=Count("pk"), slowest=Max("duration_ms"), newest=Max("pk"))
    )
    answers: Counter[Answer] = Counter()
    buckets: Counter[int] = Counter()
    newest: dict[Answer, int] = {}
    slowest = None
    for row in rows:
        answer = row["status"], row["problem"] or ""
        answers[answer] += row["requests"]
        buckets[row["bucket"]] += row["requests"]
        newest[answer] = max(row["newest"], newest.get(answer, 0))
        slowest = max(row["slowest"], slowest or 0.0)
    return Minute(_start(minute), True, answers, newest, buckets, slowest)


def _last_before(minute: int) -> int:
    """Return the latest minute before this one with a record, 0 if there is none."""
    records = RequestRecord.objects.filter(created_at__lt=_start(minute)).order_by("-created_at")
    last = records.values_list("created_at", flat=True).first()
    return int(last.timestamp() // 60) if last else 0


def _sum(minutes: list[Minute]) -> Minute:
    newest: dict[Answer, int] = {}
    for minute in minutes:
        newest |= minute.newest
    return Minute(
        minutes[0].starts_at,
        all(minute.is_counted for minute in minutes),
        sum((minute.answers for minute in minutes), Counter()),
        newest,
        sum((minute.buckets for minute in minutes), Counter()),
        max((minute.max_ms for minute in minutes if minute.max_ms is not None), default=None),
    )


def _rejections(total: Minute) -> list[Rejections]:
    wanted = {answer: pk for answer, pk in total.newest.items() if answer[0] >= 400}
    outcomes = dict(
        RequestRecord.objects.filter(pk__in=wanted.values()).values_list("pk", "outcome")
    )
    return [
        Rejections(*answer, count, outcomes.get(wanted[answer], ""))
        for answer, count in sorted(total.answers.items(), key=lambda item: (-item[1], item[0]))
        if answer in wanted
    ]


def _start(minute: int) -> datetime:
    return datetime.fromtimestamp(60 * minute, UTC)
