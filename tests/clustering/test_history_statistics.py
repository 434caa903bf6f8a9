"""The statistics of the last hour, and their charts."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clustering.history import charts, statistics
from clustering.models import RequestRecord

pytestmark = pytest.mark.django_db

# 12:34:30 UTC on some day.
NOW = datetime(2026, 3, 4, 12, 34, 30, tzinfo=UTC).timestamp()
MINUTE = NOW - 30


@pytest.fixture(autouse=True)
def _nothing_counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clear what other tests counted, and allow enough time to count everything."""
    monkeypatch.setattr(statistics, "COUNT_SECONDS", float("inf"))
    statistics._counted.clear()
    statistics._cached_hour = None
    yield
    statistics._counted.clear()
    statistics._cached_hour = None


def record(at: float, duration_ms: float = 5.0, status: int = 200, **more: Any) -> None:
    RequestRecord.objects.create(
        created_at=datetime.fromtimestamp(at, UTC),
        client="10.0.0.1",
        duration_ms=duration_ms,
        status=status,
        **{"outcome": "ok"} | more,
    )


def test_minutes_are_those_of_the_clock() -> None:
    for at in (
        MINUTE - 59 * 60 - 0.001,  # before the hour
        MINUTE - 59 * 60,
        MINUTE - 60,
        MINUTE - 0.001,
        MINUTE,
        NOW,
    ):
        record(at)
    hour = statistics.last_hour(NOW)
    assert [minute.requests for minute in hour.minutes] == [1, *[0] * 57, 2, 2]
    assert hour.minutes[-1].starts_at == datetime(2026, 3, 4, 12, 34, tzinfo=UTC)
    assert hour.total.requests == 5
    assert hour.total.is_counted


def test_an_hour_without_requests_has_no_latency() -> None:
    hour = statistics.last_hour(NOW)
    assert len(hour.minutes) == 60
    assert (hour.total.requests, hour.total.median_ms, hour.total.max_ms) == (0, None, None)
    assert hour.rejections == []
    for chart in charts.charts(hour):
        assert {(bar["back_height"], bar["front_height"]) for bar in chart["bars"]} == {(0, 0)}


@pytest.mark.parametrize("scale", [0.01, 1.0, 3.7, 1000.0])
def test_percentiles_are_close_to_the_true_ones(scale: float) -> None:
    for n in range(1, 101):
        record(MINUTE + n / 10, duration_ms=n * scale)
    minute = statistics.last_hour(NOW).minutes[-1]
    assert minute.max_ms == 100 * scale
    for found, true in ((minute.median_ms, 50 * scale), (minute.p95_ms, 95 * scale)):
        assert found is not None
        if 0.5 < true < 50_000:  # the limits of the first and the last bucket
            assert true / 1.13 < found < true * 1.13


def test_rejections_are_counted_by_problem_with_the_latest_outcome() -> None:
    record(MINUTE - 120, status=503, problem="overloaded", outcome="64 wait")
    record(MINUTE - 60, status=503, problem="overloaded", outcome="65 wait")
    record(MINUTE - 60, status=503, problem="unavailable", outcome="the database")
    record(MINUTE - 60, status=400, outcome="points: missing")
    record(MINUTE - 60)
    hour = statistics.last_hour(NOW)
    assert hour.rejections == [
        statistics.Rejections(503, "overloaded", 2, "65 wait"),
        statistics.Rejections(400, "", 1, "points: missing"),
        statistics.Rejections(503, "unavailable", 1, "the database"),
    ]
    assert (hour.total.requests, hour.total.rejected) == (5, 4)


def test_a_minute_that_is_over_is_counted_once() -> None:
    record(MINUTE - 60)
    statistics.last_hour(NOW)
    for at in (MINUTE - 60, MINUTE + 1):
        record(at)
    with CaptureQueriesContext(connection) as queries:
        hour = statistics.last_hour(NOW + statistics.KEEP_SECONDS)
    assert [minute.requests for minute in hour.minutes[-2:]] == [1, 1]
    # One for the current minute, and none for the outcomes of rejections.
    (query,) = queries.captured_queries
    assert query["sql"].count('"created_at"') == 2, "more than the range of a minute is read"
    # Records of the previous minute may be written late.
    later = statistics.last_hour(MINUTE + 60 + statistics.LATE_SECONDS / 2)
    record(MINUTE + 59)
    later = statistics.last_hour(MINUTE + 60 + statistics.LATE_SECONDS)
    assert later.minutes[-2].requests == 2


def test_a_quiet_hour_needs_few_queries() -> None:
    for at in (MINUTE - 7200, MINUTE - 30 * 60, MINUTE - 20 * 60):
        record(at)
    with CaptureQueriesContext(connection) as queries:
        hour = statistics.last_hour(NOW)
    assert [place for place, minute in enumerate(hour.minutes) if minute.requests] == [29, 39]
    # Two minutes with requests; three gaps, each with one count and one search before it.
    assert len(queries.captured_queries) == 2 + 3 * 2


def test_calls_within_two_seconds_share_one_result() -> None:
    first = statistics.last_hour(NOW)
    with CaptureQueriesContext(connection) as queries:
        assert statistics.last_hour(NOW + 1) is first
    assert not queries.captured_queries


def test_minutes_are_counted_later_if_time_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    record(MINUTE - 60)
    monkeypatch.setattr(statistics, "COUNT_SECONDS", -1.0)
    hour = statistics.last_hour(NOW)
    assert not hour.total.is_counted
    assert not any(minute.is_counted for minute in hour.minutes)
    monkeypatch.setattr(statistics, "COUNT_SECONDS", float("inf"))
    assert statistics.last_hour(NOW + 2).total.requests == 1


def test_the_height_of_bars_is_their_share() -> None:
    for _ in range(3):
        record(MINUTE - 60)
    record(MINUTE, status=503)
    requests, latency = charts.charts(statistics.last_hour(NOW))
    assert requests["top"] == 3
    previous, current = requests["bars"][-2:]
    assert (previous["back_height"], previous["front_height"]) == (100, 100)
    assert (current["back_height"], current["front_height"]) == (33, 0)
    assert "1 requests, 1 rejected" in current["title"]
    assert [bar["label"] for bar in latency["bars"] if bar["label"]] == [
        "11:45", "12:00", "12:15", "12:30",
    ]  # fmt: skip
