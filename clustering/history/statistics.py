"""Requests per minute and their latency over the last hour, from the request history."""

import math
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from django.db.models import Count, Func, IntegerField, Max

from clustering.models import RequestRecord

MINUTES: Final = 60
# Records of a minute are written a moment after it; what comes later still is not counted.
LATE_SECONDS: Final = 10.0
KEEP_SECONDS: Final = 2.0
# For minutes not counted yet, at a look: the others follow at the next ones.
COUNT_SECONDS: Final = 0.5
# Upper limits in ms, each a quarter above the one before, from 0.5 ms to 55 s. A percentile is told
# as the middle of its bucket, so it is at most 12 % off.
_LIMITS: Final[list[float]] = [0.5 * 1.25**step for step in range(53)]


# An HTTP status, and the code of the problem document.
Answer = tuple[int, str]


class _Bucket(Func):
    """The number of the bucket of a duration.

    Not a logarithm, which SQLite has only as a call of Python for each row; and not Django's Case,
    which takes longer to be made into SQL than the database to count a minute.
    """

    template = (
        "CASE "
        + " ".join(f"WHEN %(expressions)s <= {limit!r} THEN {n}" for n, limit in enumerate(_LIMITS))
        + f" ELSE {len(_LIMITS)} END"
    )
    output_field = IntegerField()


@dataclass(frozen=True)
class Minute:
    """The requests of one minute; without any, or not counted yet, there is no latency.

    `answers` has their number by HTTP status and code of the problem, `newest` the id of the last
    record of each, and `buckets` their number by duration.
    """

    starts_at: datetime
    is_counted: bool = True
    answers: Counter[Answer] = field(default_factory=Counter)
    newest: dict[Answer, int] = field(default_factory=dict)
    buckets: Counter[int] = field(default_factory=Counter)
    max_ms: float | None = None

    @property
    def requests(self) -> int:
        """All of them."""
        return self.answers.total()

    @property
    def rejected(self) -> int:
        """Those that got another answer than labels."""
        return sum(count for answer, count in self.answers.items() if answer[0] >= 400)

    @property
    def median_ms(self) -> float | None:
        """Half were answered within this."""
        return self._percentile(0.5)

    @property
    def p95_ms(self) -> float | None:
        """95 of 100 were answered within this."""
        return self._percentile(0.95)

    def _percentile(self, share: float) -> float | None:
        if self.max_ms is None:
            return None
        wanted = share * self.buckets.total()
        seen = 0
        for step in sorted(self.buckets):
            seen += self.buckets[step]
            if seen >= wanted:
                break
        # The first bucket begins at 0, the last never ends, and none goes beyond the slowest.
        middle = _LIMITS[min(step, len(_LIMITS) - 1)] / math.sqrt(1.25)
        return min(round(middle, 2), self.max_ms)


@dataclass(frozen=True)
class Rejections:
    """How often a problem was answered in the hour, and what the last such record says.

    The code is "" for records of a time when it was not recorded.
    """

    status: int
    problem: str
    count: int
    outcome: str


@dataclass(frozen=True)
class Hour:
    """Sixty minutes, the last of them the present one, and all of them together."""

    minutes: list[Minute]
    total: Minute
    rejections: list[Rejections]
    asked_at: float


_counted: dict[int, Minute] = {}
_kept: Hour | None = None
_lock = threading.Lock()


def last_hour(now: float | None = None) -> Hour:
    """Return the hour that ends now (seconds since the epoch), counted within the last seconds.

    A minute that is over is counted once by each process, so a look costs the records of one or
    two minutes. Raises DatabaseError.
    """
    global _kept
    now = time.time() if now is None else now
    with _lock:
        if _kept is None or not 0 <= now - _kept.asked_at < KEEP_SECONDS:
            _kept = _look(now)
        return _kept


def _look(now: float) -> Hour:
    present = int(now // 60)
    for minute in [minute for minute in _counted if minute <= present - MINUTES]:
        del _counted[minute]
    deadline = time.monotonic() + COUNT_SECONDS
    minutes = []
    # In the minutes between this one and the last empty one there was nothing either.
    busy = present
    for minute in range(present, present - MINUTES, -1):
        counted = _counted.get(minute)
        if counted is None:
            if time.monotonic() > deadline:
                counted = Minute(_moment(minute), is_counted=False)
            else:
                counted = _count(minute) if minute <= busy else Minute(_moment(minute))
                if minute <= busy and not counted.requests:
                    busy = _last_before(minute)
                if now >= 60 * (minute + 1) + LATE_SECONDS:
                    _counted[minute] = counted
        minutes.append(counted)
    minutes.reverse()
    total = _sum(minutes)
    return Hour(minutes, total, _rejections(total), now)


def _count(minute: int) -> Minute:
    """Ask the database for one minute: seconds since the epoch / 60."""
    rows = (
        RequestRecord.objects.order_by()
        .filter(created_at__gte=_moment(minute), created_at__lt=_moment(minute + 1))
        .values("status", "problem", bucket=_Bucket("duration_ms"))
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
    return Minute(_moment(minute), True, answers, newest, buckets, slowest)


def _last_before(minute: int) -> int:
    """Return the last minute before this one that has a record, 0 if there is none."""
    records = RequestRecord.objects.filter(created_at__lt=_moment(minute)).order_by("-created_at")
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


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(60 * minute, UTC)
