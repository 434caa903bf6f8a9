"""How long the pages of the request history take with many rows, on a database made for it.

`python -m benchmarks.history sqlite` or `postgres`; prints Markdown.
"""

import argparse
import contextlib
import os
import random
import resource
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from statistics import median
from typing import Any

from tools.postgres_server import PostgresServer

_LIST = "/admin/clustering/requestrecord/"
_BATCH = 5000
_DAYS = 30
_COLUMNS = (
    "created_at", "request_id", "client", "points", "dimensions", "clusters", "config_version",
    "duration_ms", "status", "problem", "outcome", "payload", "labels",
)  # fmt: skip
_POINTS = "[[1, 2], [2, 3], [3, 5], [4, 6], [8, 8], [10, 11], [12, 12], [12, 15], [10, 12]]"
_LABELS = "[1, 1, 1, 1, 2, 0, 0, 0, 0]"


def main() -> None:
    """Make the database, fill it, and time each page."""
    parser = argparse.ArgumentParser(prog="benchmarks.history", description=__doc__)
    parser.add_argument("database", choices=("sqlite", "postgres"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack:
        if chosen.database == "postgres":
            os.environ["TEST_DATABASE_URL"] = stack.enter_context(PostgresServer()).url
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        import django

        django.setup()
        _measure(chosen.rows)


def _measure(n_rows: int) -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    started = time.perf_counter()
    fill(n_rows)
    print(f"{n_rows} rows written in {time.perf_counter() - started:.0f} s\n")
    if connection.vendor == "postgresql":
        # As its autovacuum does in time.
        connection.cursor().execute("VACUUM ANALYZE clustering_requestrecord")
    get = _reader()
    print("| page | median of 5 (ms) | rows | queries |\n|---|---|---|---|")
    for name, address in pages():
        seconds, rows, queries = [], 0, 0
        for _ in range(5):
            started = time.perf_counter()
            rows, queries = get(address)
            seconds.append(time.perf_counter() - started)
        print(f"| {name} | {1000 * median(seconds):.0f} | {rows} | {queries} |")
    _export()


def fill(n_rows: int) -> None:
    """Write so many rows, spread over 30 days, into Django's database."""
    from django.db import connection, transaction
    from django.utils import timezone

    chance = random.Random(9)
    first = timezone.now() - timedelta(days=_DAYS)
    insert = (
        f"INSERT INTO clustering_requestrecord ({', '.join(_COLUMNS)}) "
        f"VALUES ({', '.join(['%s'] * len(_COLUMNS))})"
    )
    for start in range(0, n_rows, _BATCH):
        rows = [
            (
                connection.ops.adapt_datetimefield_value(
                    first + timedelta(days=_DAYS) * i / n_rows
                ),
                *_values(chance, i / n_rows),
            )
            for i in range(start, min(n_rows, start + _BATCH))
        ]
        # The models' own way takes ten times as long.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(insert, rows)


def _values(chance: random.Random, time_of_all: float) -> tuple[Any, ...]:
    """Return a row but for its time, which is 0 for the oldest and 1 for the newest."""
    status = chance.choices((200, 400, 422, 503), (90, 4, 3, 3))[0]
    if time_of_all < 0.1 and chance.random() < 0.001:
        status = 500
    is_ok = status == 200
    return (
        f"{chance.getrandbits(128):032x}",
        f"10.0.0.{chance.randrange(50)}",
        9,
        2,
        (7 if time_of_all < 0.1 else 3) if is_ok else None,
        f"{int(time_of_all * 8):012x}" if is_ok else "",
        round(chance.lognormvariate(1, 1), 3),
        status,
        None if is_ok else {503: "overloaded", 422: "too-few-points"}.get(status, "invalid-points"),
        "ok" if is_ok else "points: an error as it would be told to the caller",
        _POINTS,
        _LABELS if is_ok else None,
    )


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the address of each page."""
    from clustering.history.reading import Selection
    from clustering.models import RequestRecord

    def behind(row: Any) -> str:
        return f"?p={int(row.created_at.timestamp() * 1_000_000)}-{row.pk}"

    rows = RequestRecord.objects.order_by("created_at")
    oldest = rows[150]
    second = Selection().page(["created_at"], 100).rows[-1]
    day = f"{oldest.created_at + timedelta(days=1):%Y-%m-%d}"
    yield "first page", ""
    yield "second page", behind(second)
    yield "last page", behind(oldest)
    yield "status 200", "?status=200"
    yield "refused (4xx)", "?status=4xx"
    yield "status 500, only in the oldest tenth", "?status=500"
    yield "3 clusters", "?clusters=3"
    yield "7 clusters, only in the oldest tenth", "?clusters=7"
    yield "slow and refused (4xx)", "?at_least_ms=20&status=4xx"
    yield "overloaded", "?problem=overloaded"
    yield "one caller", "?client=10.0.0.7"
    yield "a config version, not the newest", "?config_version=000000000001"
    yield "a request id", f"?q={oldest.request_id}"
    yield "the beginning of some", "?q=abc"
    yield "the beginning of many", "?q=a"
    yield "the beginning of none", "?q=zzzz"
    yield "an old month", f"?date={day[:7]}"
    yield "an old day", f"?date={day}"
    yield "an hour of it", f"?date={day}T12"
    yield "a minute of it", f"?date={day}T12:30"
    yield "that day, 7 clusters, slow", f"?date={day}&clusters=7&at_least_ms=20"
    yield "one request", f"{oldest.pk}/change/"
    yield "one request, clustered once more", f"{oldest.pk}/change/?clusters=4"


def _reader() -> Callable[[str], tuple[int, int]]:
    """Return a function that gets a page, and tells its rows and the queries it took."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client()
    client.force_login(get_user_model().objects.create_superuser("admin"))

    def get(address: str) -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            response = client.get(_LIST + address, headers={"host": "localhost"})
        assert response.status_code == 200, (address, response)
        changelist = getattr(response, "context_data", {}).get("cl")
        return len(changelist.result_list) if changelist else 1, len(queries)

    return get


def _export() -> None:
    from clustering.history import export
    from clustering.history.reading import Selection

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    stream = iter(export.Export(Selection()))
    next(stream)
    next(stream)
    first = time.perf_counter() - started
    n_bytes = sum(len(piece) for piece in stream)
    seconds = time.perf_counter() - started
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        f"\nAll as CSV: first rows after {1000 * first:.0f} ms, {n_bytes / 1e6:.0f} MB in "
        f"{seconds:.0f} s; the largest memory of the process grew by {more / 1024:.1f} MiB"
    )


if __name__ == "__main__":
    main()
