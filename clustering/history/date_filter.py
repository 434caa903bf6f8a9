"""The date filter of the request history, from years down to minutes."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from clustering.history import reading
from clustering.history.filters import Choices, HistoryFilter
from clustering.history.reading import Selection


class DateFilter(HistoryFilter):
    """Selects a year, month, day, hour or minute; the value is the start of an ISO 8601 time.

    Two such values with a slash between them select from the first period to the last.
    """

    title = _("date")
    parameter_name = "date"
    # For each level: the format in the URL, the format on the page, and the longest period.
    _LEVELS: ClassVar = (
        ("%Y", "Y", timedelta(days=366)),
        ("%Y-%m", "YEAR_MONTH_FORMAT", timedelta(days=31)),
        ("%Y-%m-%d", "MONTH_DAY_FORMAT", timedelta(days=1)),
        ("%Y-%m-%dT%H", "TIME_FORMAT", timedelta(hours=1)),
        ("%Y-%m-%dT%H:%M", "TIME_FORMAT", timedelta(minutes=1)),
    )

    def has_output(self) -> bool:
        """Return True: the filter is always shown."""
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Return nothing: `choices` finds those of the current level."""
        return []

    def narrow_to(self, selection: Selection, value: str) -> Selection:
        """Return the part of the selection within the period."""
        first, _slash, last = value.partition("/")
        _level, since = self._parse(first)
        level, latest = self._parse(last or first)
        if not all(1970 <= time.year < 3000 for time in (since, latest)):
            raise ValueError(f"{value!r} is not between 1970 and 3000")
        return replace(selection, since=since, until=self._end(level, latest))

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Yield the periods that contain the value, then the periods with rows within it."""
        value = self.value()
        yield self._choice(changelist, None, _("Any date"), selected=value is None)
        level, since, until = -1, None, None
        if value is not None and "/" in value:
            display = value.replace("T", " ").replace("/", " – ")
            yield self._choice(changelist, value, display, selected=True)
        elif value is not None:
            level, since = self._parse(value)
            until = self._end(level, since)
            for above in range(level + 1):
                yield self._period_choice(changelist, above, since, selected=above == level)
        periods = list(self._periods(level + 1, since, until))
        while value is None and len(periods) == 1 and level < 1:
            # There is only one year, or one month: show its months, or its days.
            level += 1
            since, until = periods[0], self._end(level, periods[0])
            periods = list(self._periods(level + 1, since, until))
        for period in periods:
            yield self._period_choice(changelist, level + 1, period, selected=False)

    def _parse(self, value: str) -> tuple[int, datetime]:
        for level, (url_format, _page_format, _longest) in enumerate(self._LEVELS):
            with suppress(ValueError):
                time = datetime.strptime(value, url_format)  # noqa: DTZ007 (in the next line)
                return level, time.replace(tzinfo=timezone.get_current_timezone())
        raise ValueError(f"{value!r} is not a date")

    def _start(self, level: int, time: datetime) -> datetime:
        """Return the start of the period that contains `time`."""
        return self._parse(time.strftime(self._LEVELS[level][0]))[1]

    def _end(self, level: int, start: datetime) -> datetime:
        return self._start(level, start + self._LEVELS[level][2])

    def _periods(
        self, level: int, since: datetime | None, until: datetime | None
    ) -> Iterator[datetime]:
        """Yield the start of each period with rows, with one index lookup each."""
        while level < len(self._LEVELS) and (time := reading.earliest(since, until)):
            period = self._start(level, timezone.localtime(time))
            yield period
            since = self._end(level, period)

    def _period_choice(
        self, changelist: ChangeList, level: int, start: datetime, *, selected: bool
    ) -> dict[str, Any]:
        url_format, page_format, _longest = self._LEVELS[level]
        display = formats.date_format(start, page_format)
        return self._choice(changelist, start.strftime(url_format), display, selected=selected)

    def _choice(
        self, changelist: ChangeList, value: str | None, display: Any, *, selected: bool
    ) -> dict[str, Any]:
        query_string = changelist.get_query_string({self.parameter_name: value})
        return {"selected": selected, "query_string": query_string, "display": display}
