"""The list filters of the request history; none asks the database for all different values."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clustering.history import reading
from clustering.history.reading import Selection
from serving import status_titles

Choices = list[tuple[str, Any]]
_COMMONEST = 10


class HistoryFilter(SimpleListFilter):
    """Narrows a Selection instead of a queryset."""

    def narrow(self, selection: Selection) -> Selection:
        """Return what is selected with this filter too; raise ValueError for a wrong value."""
        value = self.value()
        if value is None:
            return selection
        if not value.isprintable():  # PostgreSQL takes no NUL
            raise ValueError("not printable")
        return self.chosen(selection, value)

    def chosen(self, selection: Selection, value: str) -> Selection:
        """Return what is selected with this filter's `value`."""
        return replace(selection, others=selection.others & self.condition(value))

    def condition(self, value: str) -> Q:
        """Return which rows have the `value`, for a filter that no index serves."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Return the queryset as it is."""
        return queryset


class DateFilter(HistoryFilter):
    """Drills down from years to minutes; the value is the beginning of an ISO 8601 time."""

    title = _("date")
    parameter_name = "date"
    # How each level is written, how it is shown, and what goes into it at most.
    _LEVELS: ClassVar = (
        ("%Y", "Y", timedelta(days=366)),
        ("%Y-%m", "YEAR_MONTH_FORMAT", timedelta(days=31)),
        ("%Y-%m-%d", "MONTH_DAY_FORMAT", timedelta(days=1)),
        ("%Y-%m-%dT%H", "TIME_FORMAT", timedelta(hours=1)),
        ("%Y-%m-%dT%H:%M", "TIME_FORMAT", timedelta(minutes=1)),
    )

    def has_output(self) -> bool:
        """Return that it is always shown."""
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Return none: `choices` looks for those of the level."""
        return []

    def chosen(self, selection: Selection, value: str) -> Selection:
        """Return what is selected within the year, month, day, hour or minute."""
        level, since = self._parse(value)
        if not 1970 <= since.year < 3000:
            raise ValueError(f"{value!r} is beyond the years of a history")
        return replace(selection, since=since, until=self._next(level, since))

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Yield the levels that the value is in, and the times with rows of the next one."""
        value = self.value()
        yield self._choice(changelist, None, _("Any date"), selected=value is None)
        level, since, until = -1, None, None
        if value is not None:
            level, since = self._parse(value)
            until = self._next(level, since)
            for above in range(level + 1):
                yield self._of(changelist, above, since, selected=above == level)
        below = list(self._periods(level + 1, since, until))
        while value is None and len(below) == 1 and level < 1:
            # Nothing to choose from: the months of the only year, the days of the only month.
            level += 1
            since, until = below[0], self._next(level, below[0])
            below = list(self._periods(level + 1, since, until))
        for period in below:
            yield self._of(changelist, level + 1, period, selected=False)

    def _parse(self, value: str) -> tuple[int, datetime]:
        for level, (written, _format, _length) in enumerate(self._LEVELS):
            with suppress(ValueError):
                time = datetime.strptime(value, written)  # noqa: DTZ007 (in the next line)
                return level, time.replace(tzinfo=timezone.get_current_timezone())
        raise ValueError(f"{value!r} is no date")

    def _next(self, level: int, since: datetime) -> datetime:
        return self._start(level, since + self._LEVELS[level][2])

    def _start(self, level: int, time: datetime) -> datetime:
        """Return when the year, month… of a time began."""
        return self._parse(time.strftime(self._LEVELS[level][0]))[1]

    def _periods(
        self, level: int, since: datetime | None, until: datetime | None
    ) -> Iterator[datetime]:
        """Yield when each year, month… with rows began, by one look into an index for each."""
        while level < len(self._LEVELS) and (time := reading.earliest(since, until)):
            period = self._start(level, timezone.localtime(time))
            yield period
            since = self._next(level, period)

    def _of(
        self, changelist: ChangeList, level: int, time: datetime, *, selected: bool
    ) -> dict[str, Any]:
        written, shown, _length = self._LEVELS[level]
        display = formats.date_format(time, shown)
        return self._choice(changelist, time.strftime(written), display, selected=selected)

    def _choice(
        self, changelist: ChangeList, value: str | None, display: Any, *, selected: bool
    ) -> dict[str, Any]:
        query_string = changelist.get_query_string({self.parameter_name: value})
        return {"selected": selected, "query_string": query_string, "display": display}


class StatusFilter(HistoryFilter):
    """One status, or all of a class of them."""

    title = _("HTTP status")
    parameter_name = "status"
    _CLASSES: ClassVar[Choices] = [
        ("2xx", _("answered (2xx)")),
        ("4xx", _("refused (4xx)")),
        ("5xx", _("failed (5xx)")),
    ]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Return the classes, and each status that any row has."""
        self._found = tuple(reading.statuses())
        return self._CLASSES + [(str(status), _named(status)) for status in self._found]

    def chosen(self, selection: Selection, value: str) -> Selection:
        """Return what is selected with this status, or with the statuses of this class."""
        if value in dict(self._CLASSES):
            statuses = tuple(status for status in self._found if status // 100 == int(value[0]))
        else:
            statuses = (int(value),)
        return replace(selection, statuses=statuses)


class _SampledFilter(HistoryFilter):
    """Offers the commonest values of a sample of rows; others can be written into the address."""

    field: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Return the commonest values, and the one that is chosen."""
        commonest = Counter(reading.sample(self.field)).most_common(_COMMONEST)
        values = {value for value, _count in commonest if value not in (None, "")}
        found = [(str(value), str(value)) for value in sorted(values)]
        chosen = self.value()
        if chosen is not None and (chosen, chosen) not in found:
            found.append((chosen, chosen))
        return [*found]

    def condition(self, value: str) -> Q:
        """Return that the field has the value."""
        return Q((self.field, value))


class ProblemFilter(_SampledFilter):
    """The code of the problem document."""

    title = _("problem")
    parameter_name = field = "problem"


class ClustersFilter(_SampledFilter):
    """k of k-means."""

    title = _("clusters")
    parameter_name = field = "clusters"

    def condition(self, value: str) -> Q:
        """Return that so many clusters were used."""
        return Q(clusters=int(value))


class ConfigVersionFilter(_SampledFilter):
    """The config that was in force."""

    title = _("config version")
    parameter_name = field = "config_version"


class ClientFilter(_SampledFilter):
    """The caller's address."""

    title = _("caller")
    parameter_name = field = "client"


class DurationFilter(HistoryFilter):
    """Slow requests."""

    title = _("duration")
    parameter_name = "at_least_ms"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Return some durations; any other can be written into the address."""
        return [
            ("10", _("at least 10 ms")),
            ("100", _("at least 100 ms")),
            ("1000", _("at least 1 s")),
            ("10000", _("at least 10 s")),
        ]

    def condition(self, value: str) -> Q:
        """Return that the request took so many milliseconds."""
        return Q(duration_ms__gte=float(value))


def _named(status: int) -> str:
    try:
        return f"{status} {gettext(status_titles.in_english(status))}"
    except ValueError:
        return str(status)
