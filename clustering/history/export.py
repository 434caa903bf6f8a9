"""The request history as CSV, streamed, so that memory is bounded for any number of rows."""

import csv
import io
import threading
from collections.abc import Iterator
from datetime import UTC
from typing import Any, Final

from clustering.history.reading import Selection
from clustering.models import RequestRecord

# Names of the model's fields; `created_at` is ISO 8601 in UTC.
COLUMNS: Final = (
    "created_at", "request_id", "client", "points", "dimensions", "clusters", "config_version",
    "duration_ms", "status", "problem", "outcome", "model",
)  # fmt: skip
# Of one chunk, and of one query. A query for all rows would be a long transaction, and SQLite
# cannot checkpoint its write-ahead log meanwhile.
_CHUNK_ROWS: Final = 1000
MAX_EXPORTS: Final = 2
_slots = threading.BoundedSemaphore(MAX_EXPORTS)


class TooManyExportsError(Exception):
    """MAX_EXPORTS exports are running in this process."""


class Export:
    """The lines of a selection, newest first, in chunks of up to some hundred kB.

    An export keeps reading from the database, so a process runs at most MAX_EXPORTS. One more
    raises TooManyExportsError. An export must be closed, even if nothing was read.
    """

    def __init__(self, selection: Selection) -> None:
        if not _slots.acquire(blocking=False):
            raise TooManyExportsError
        self._selection = selection
        self._is_open = True

    def __iter__(self) -> Iterator[str]:
        yield _lines([COLUMNS])
        page = self._selection.page(COLUMNS, _CHUNK_ROWS)
        yield _lines(map(_cells, page.rows))
        while page.end:
            page = self._selection.page(COLUMNS, _CHUNK_ROWS, page.end)
            yield _lines(map(_cells, page.rows))

    def close(self) -> None:
        """Let another export start."""
        if self._is_open:
            self._is_open = False
            _slots.release()


def points_of(row: RequestRecord) -> str:
    """Return the points of a request as CSV, with their clusters if it was answered.

    The points must have been kept.
    """
    points: Any = row.payload
    header = [f"x{number}" for number in range(1, len(points[0]) + 1)]
    if row.labels is None:
        return _lines([header, *points])
    labelled = ([*point, label] for point, label in zip(points, row.labels, strict=True))
    return _lines([[*header, "cluster"], *labelled])


def _cells(row: RequestRecord) -> list[Any]:
    values = vars(row) | {"created_at": row.created_at.astimezone(UTC).isoformat()}
    return [_escape_formula(values[name]) for name in COLUMNS]


def _escape_formula(value: Any) -> Any:
    """Return a text so that no spreadsheet runs it as a formula (OWASP, CSV Injection)."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return f"'{value}"
    return value


def _lines(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
