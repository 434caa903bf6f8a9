"""Pages of the request history, newest first: each costs the same however many rows there are.

A page begins behind the last row of the one before, so none is deep. What no index finds is looked
for in a bounded number of rows, and further back by the next page. Nothing counts or scans a table.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from clustering.history.writer import id_range
from clustering.models import RequestRecord

Rows = QuerySet[RequestRecord]
# (created_at, id) of a row; rows are in the descending order of it.
Position = tuple[datetime, int]

# For one page, where no index finds what is asked for.
EXAMINED_ROWS: Final = 20_000
# Of those whose request id begins as asked for.
FOUND_ROWS: Final = 500
_SAMPLE_ROWS: Final = 500


@dataclass(frozen=True)
class Page:
    """Rows, newest first, and what the next page begins behind; None when there is no more.

    A page that is not full may yet have a next one: it has examined as many rows as one page may.
    """

    rows: list[RequestRecord]
    end: Position | None


@dataclass(frozen=True)
class Selection:
    """Which rows: of a time, with one of some statuses, or with these ids, and with `others`.

    All but `others` is found by indexes. None means any; `until` itself is not included.
    """

    since: datetime | None = None
    until: datetime | None = None
    statuses: tuple[int, ...] | None = None
    ids: tuple[int, ...] | None = None
    others: Q = field(default_factory=Q)

    def page(self, fields: Sequence[str], size: int, behind: Position | None = None) -> Page:
        """Return the first `size` rows, of those `behind` a position if given.

        Only these fields are fetched, `created_at` among them: SQLite reads all of a long row for
        one that lies behind its points.
        """
        streams = [rows.only(*fields) for rows in self._streams(behind)]
        floor = None
        if self.others:
            if self.ids is None:
                floor = _floor(streams)
            streams = [rows.filter(self.others) for rows in streams]
        if floor:
            streams = [rows.filter(created_at__gte=floor) for rows in streams]
        if self.ids is None:
            streams = [rows[: size + 1] for rows in streams]
        merged = heapq.merge(*streams, key=_position, reverse=True)
        found = list(islice(merged, size + 1))
        if len(found) > size:
            return Page(found[:size], _position(found[size - 1]))
        return Page(found, (floor, 0) if floor else None)

    def count(self, limit: int) -> int:
        """Return how many rows indexes find, or `limit` where there are as many or more."""
        return min(limit, sum(rows[:limit].count() for rows in self._streams(None)))

    def _streams(self, behind: Position | None) -> list[Rows]:
        """Return the rows, each query's in their order by one index, whatever the planner thinks.

        One query for each status, since an index has those of several one after the other.
        """
        rows = RequestRecord.objects.order_by("-created_at", "-pk")
        if self.since:
            rows = rows.filter(created_at__gte=self.since)
        if self.until:
            rows = rows.filter(created_at__lt=self.until)
        if behind:
            created_at, pk = behind
            # Not `earlier, or as early and with a smaller id`, of which no index makes one range.
            rows = rows.filter(~Q(created_at=created_at, pk__gte=pk), created_at__lte=created_at)
        if self.ids is not None:
            # Without a LIMIT, for which PostgreSQL may prefer to look for the ids in all rows.
            rows = rows.filter(pk__in=self.ids)
            return [rows if self.statuses is None else rows.filter(status__in=self.statuses)]
        if self.statuses is None:
            return [rows]
        return [rows.filter(status=status) for status in self.statuses]


def _position(row: RequestRecord) -> Position:
    return row.created_at, row.pk


def _floor(streams: list[Rows]) -> datetime | None:
    """Return the time down to which one page may examine rows; None: to the end."""
    times: list[datetime] = []
    for rows in streams:
        last = EXAMINED_ROWS // len(streams)
        times += rows.values_list("created_at", flat=True)[last : last + 1]
    return max(times, default=None)


def find(prefix: str) -> tuple[int, ...]:
    """Return the ids of rows whose request id begins with `prefix`: of FOUND_ROWS at most."""
    rows = RequestRecord.objects.all()
    if connection.vendor == "postgresql":
        rows = rows.filter(request_id__startswith=prefix)
    else:
        # SQLite's LIKE takes no index. No request id has characters behind `z`.
        rows = rows.filter(request_id__gte=prefix, request_id__lt=prefix + "~")
    with transaction.atomic():
        if connection.vendor == "postgresql":
            # With a LIMIT, PostgreSQL may think that the first rows of the table will do.
            connection.cursor().execute("SET LOCAL enable_seqscan = off")
        return tuple(rows.order_by().values_list("pk", flat=True)[:FOUND_ROWS])


def statuses() -> Iterator[int]:
    """Yield each status that any row has, ascending, by one look into an index for each."""
    status = _first(RequestRecord.objects.order_by("status"), "status")
    while status is not None:
        yield status
        later = RequestRecord.objects.filter(status__gt=status)
        status = _first(later.order_by("status"), "status")


def earliest(since: datetime | None = None, until: datetime | None = None) -> datetime | None:
    """Return when the first row of a time was created."""
    rows = RequestRecord.objects.order_by("created_at")
    if since:
        rows = rows.filter(created_at__gte=since)
    if until:
        rows = rows.filter(created_at__lt=until)
    time: datetime | None = _first(rows, "created_at")
    return time


def sample(field: str) -> list[Any]:
    """Return the field's values in the newest rows, and in as many spread over all."""
    ids = id_range()
    chosen = {*ids[-_SAMPLE_ROWS:], *ids[:: max(1, len(ids) // _SAMPLE_ROWS)]}
    rows = RequestRecord.objects.filter(pk__in=chosen)
    return list(rows.order_by().values_list(field, flat=True))


def _first(rows: Rows, field: str) -> Any:
    return rows.values_list(field, flat=True).first()
