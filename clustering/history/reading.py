"""Reads the request history in pages, newest first, with a bounded cost for any number of rows.

A page starts after the last row of the page before, so deep pages cost no more. Conditions that no
index serves are checked in a bounded number of rows per page. Nothing counts or scans the table.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from clustering.models import RequestRecord

Rows = QuerySet[RequestRecord]
# (created_at, id) of a row. Rows are sorted by it, in descending order.
Position = tuple[datetime, int]

# Examined for one page, if some condition has no index.
MAX_EXAMINED_ROWS: Final = 20_000
# Returned by a search for request ids.
MAX_FOUND_ROWS: Final = 500
_SAMPLE_ROWS: Final = 500


@dataclass(frozen=True)
class Page:
    """Rows, newest first, and the position after which the next page starts, None for no more.

    A page may have few rows and still a next page, if it has examined MAX_EXAMINED_ROWS.
    """

    rows: list[RequestRecord]
    end: Position | None


@dataclass(frozen=True)
class Selection:
    """The rows to read; None means any, and `until` is exclusive.

    Indexes serve everything except the condition `unindexed`.
    """

    since: datetime | None = None
    until: datetime | None = None
    statuses: tuple[int, ...] | None = None
    ids: tuple[int, ...] | None = None
    unindexed: Q = field(default_factory=Q)

    def page(self, fields: Sequence[str], size: int, after: Position | None = None) -> Page:
        """Return the first `size` rows, or the first after a position.

        Only `fields` are fetched; they must include `created_at`. SQLite reads a whole long row
        for a field that is stored after its points.
        """
        queries = [rows.only(*fields) for rows in self._queries(after)]
        floor = None
        if self.unindexed:
            if self.ids is None:
                floor = _floor(queries)
            queries = [rows.filter(self.unindexed) for rows in queries]
        if floor:
            queries = [rows.filter(created_at__gte=floor) for rows in queries]
        if self.ids is None:
            queries = [rows[: size + 1] for rows in queries]
        merged = heapq.merge(*queries, key=_position, reverse=True)
        found = list(islice(merged, size + 1))
        if len(found) > size:
            return Page(found[:size], _position(found[size - 1]))
        return Page(found, (floor, 0) if floor else None)

    def count(self, limit: int) -> int:
        """Return the number of rows without the condition `unindexed`, at most `limit`."""
        return min(limit, sum(rows[:limit].count() for rows in self._queries(None)))

    def _queries(self, after: Position | None) -> list[Rows]:
        """Return queries that each read one index in order, whatever the planner estimates.

        Each status has its own query, because one index range cannot sort several by time.
        """
        rows = RequestRecord.objects.order_by("-created_at", "-pk")
        if self.since:
            rows = rows.filter(created_at__gte=self.since)
        if self.until:
            rows = rows.filter(created_at__lt=self.until)
        if after:
            created_at, pk = after
            # "Earlier, or as early with a smaller id" would not be one range of an index.
            rows = rows.filter(~Q(created_at=created_at, pk__gte=pk), created_at__lte=created_at)
        if self.ids is not None:
            # No LIMIT: with one, PostgreSQL may search all rows for the ids.
            rows = rows.filter(pk__in=self.ids)
            return [rows if self.statuses is None else rows.filter(status__in=self.statuses)]
        if self.statuses is None:
            return [rows]
        return [rows.filter(status=status) for status in self.statuses]


def _position(row: RequestRecord) -> Position:
    return row.created_at, row.pk


def _floor(queries: list[Rows]) -> datetime | None:
    """Return the earliest time that one page may examine, None for no limit."""
    times: list[datetime] = []
    for rows in queries:
        last = MAX_EXAMINED_ROWS // len(queries)
        times += rows.values_list("created_at", flat=True)[last : last + 1]
    return max(times, default=None)


def find(prefix: str) -> tuple[int, ...]:
    """Return the ids of up to MAX_FOUND_ROWS rows whose request id starts with `prefix`."""
    rows = RequestRecord.objects.all()
    if connection.vendor == "postgresql":
        rows = rows.filter(request_id__startswith=prefix)
    else:
        # SQLite's LIKE uses no index. `~` sorts after every character of a request id.
        rows = rows.filter(request_id__gte=prefix, request_id__lt=prefix + "~")
    with transaction.atomic():
        if connection.vendor == "postgresql":
            # With a LIMIT, PostgreSQL may choose to scan the table.
            connection.cursor().execute("SET LOCAL enable_seqscan = off")
        return tuple(rows.order_by().values_list("pk", flat=True)[:MAX_FOUND_ROWS])


def statuses() -> Iterator[int]:
    """Yield each status that any row has, ascending, with one index lookup each."""
    status = _first(RequestRecord.objects.order_by("status"), "status")
    while status is not None:
        yield status
        greater = RequestRecord.objects.filter(status__gt=status)
        status = _first(greater.order_by("status"), "status")


def earliest(since: datetime | None = None, until: datetime | None = None) -> datetime | None:
    """Return when the first row in a range of time was created."""
    rows = RequestRecord.objects.order_by("created_at")
    if since:
        rows = rows.filter(created_at__gte=since)
    if until:
        rows = rows.filter(created_at__lt=until)
    time: datetime | None = _first(rows, "created_at")
    return time


def sample(field: str) -> list[Any]:
    """Return the field's values in the newest rows, and in as many spread over all rows."""
    ids = id_range()
    chosen = {*ids[-_SAMPLE_ROWS:], *ids[:: max(1, len(ids) // _SAMPLE_ROWS)]}
    rows = RequestRecord.objects.filter(pk__in=chosen)
    return list(rows.order_by().values_list(field, flat=True))


def id_range() -> range:
    """Return the range from the oldest row's id to the newest row's."""
    pks = RequestRecord.objects.values_list("pk", flat=True)
    # Two queries: for both ends in one, SQLite reads all rows.
    oldest, newest = pks.order_by("pk").first(), pks.order_by("-pk").first()
    return range(0) if oldest is None or newest is None else range(oldest, newest + 1)


def _first(rows: Rows, field: str) -> Any:
    return rows.values_list(field, flat=True).first()
