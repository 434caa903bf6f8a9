"""The request history as CSV, however long, row by row."""

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
    "duration_ms", "status", "problem", "outcome",
)  # fmt: skip
# Of one piece, and of one query: no transaction lasts. One that did would keep SQLite's log of
# writes from being taken into the database, and it would grow.
_ROWS: Final = 1000
EXPORTS_AT_ONCE: Final = 2
_free = threading.BoundedSemaphore(EXPORTS_AT_ONCE)


class TooManyExportsError(Exception):
    """As many exports are under way as a process makes at once."""


class Export:
    """The lines of a selection, newest first, in pieces of up to some hundred kB.

    Each holds a thread for as long as its reader takes, so a process makes EXPORTS_AT_ONCE at most:
    one more raises TooManyExportsError. To be closed, also where nothing of it was read.
    """

    def __init__(self, selection: Selection) -> None:
        if not _free.acquire(blocking=False):
            raise TooManyExportsError
        self._selection = selection
        self._is_open = True

    def __iter__(self) -> Iterator[str]:
        yield _lines([COLUMNS])
        page = self._selection.page(COLUMNS, _ROWS)
        yield _lines(map(_cells, page.rows))
        while page.end:
            page = self._selection.page(COLUMNS, _ROWS, page.end)
            yield _lines(map(_cells, page.rows))

    def close(self) -> None:
        """Let another one begin."""
        if self._is_open:
            self._is_open = False
            _free.release()


def _cells(row: RequestRecord) -> list[Any]:
    texts = {name: _harmless(value) for name, value in vars(row).items() if isinstance(value, str)}
    values = vars(row) | texts | {"created_at": row.created_at.astimezone(UTC).isoformat()}
    return [values[name] for name in COLUMNS]


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula (OWASP, CSV Injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def _lines(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
