"""The list filters of the request history; none reads all distinct values from the database."""

from collections import Counter
from dataclasses import replace
from typing import Any, ClassVar

from django.contrib.admin import SimpleListFilter
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clustering.history import reading
from clustering.history.reading import Selection
from serving import status_titles

Choices = list[tuple[str, Any]]
_MAX_CHOICES = 10


class HistoryFilter(SimpleListFilter):
    """Narrows a Selection instead of a queryset."""

    def narrow(self, selection: Selection) -> Selection:
        """Return the part of the selection that passes the filter; raise ValueError."""
        value = self.value()
        if value is None:
            return selection
        if not value.isprintable():  # PostgreSQL rejects NUL
            raise ValueError("not printable")
        return self.narrow_to(selection, value)

    def narrow_to(self, selection: Selection, value: str) -> Selection:
        """Return the part of the selection with this value."""
        return replace(selection, unindexed=selection.unindexed & self.condition(value))

    def condition(self, value: str) -> Q:
        """Return the condition for the value, for a filter that no index serves."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Return the queryset unchanged."""
        return queryset


class StatusFilter(HistoryFilter):
    """One status, or a class of statuses."""

    title = _("HTTP status")
    parameter_name = "status"
    _CLASSES: ClassVar[Choices] = [
        ("2xx", _("answered (2xx)")),
        ("4xx", _("refused (4xx)")),
        ("5xx", _("failed (5xx)")),
    ]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Return the classes, and each status that some row has."""
        self._statuses = tuple(reading.statuses())
        return self._CLASSES + [(str(status), _title(status)) for status in self._statuses]

    def narrow_to(self, selection: Selection, value: str) -> Selection:
        """Return the part of the selection with this status, or with a status of this class."""
        if value in dict(self._CLASSES):
            statuses = tuple(status for status in self._statuses if status // 100 == int(value[0]))
        else:
            statuses = (int(value),)
        return replace(selection, statuses=statuses)


class _SampledFilter(HistoryFilter):
    """Offers the most common values of a sample of rows; the URL accepts any other value."""

    field: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Return the most common values, and the selected one."""
        most_common = Counter(reading.sample(self.field)).most_common(_MAX_CHOICES)
        values = {value for value, _count in most_common if value not in (None, "")}
        choices: Choices = [(str(value), str(value)) for value in sorted(values)]
        selected = self.value()
        if selected is not None and (selected, selected) not in choices:
            choices.append((selected, selected))
        return choices

    def condition(self, value: str) -> Q:
        """Return the condition that the field has the value."""
        return Q((self.field, value))


class ProblemFilter(_SampledFilter):
    """The code of the problem document."""

    title = _("problem")
    parameter_name = field = "problem"


class ClustersFilter(_SampledFilter):
    """The number of clusters."""

    title = _("clusters")
    parameter_name = field = "clusters"

    def condition(self, value: str) -> Q:
        """Return the condition that k-means used this many clusters."""
        return Q(clusters=int(value))


class ConfigVersionFilter(_SampledFilter):
    """The config that the request was answered with."""

    title = _("config version")
    parameter_name = field = "config_version"


class ClientFilter(_SampledFilter):
    """The address of the caller."""

    title = _("caller")
    parameter_name = field = "client"


class ModelFilter(_SampledFilter):
    """The model that was called."""

    title = _("model")
    parameter_name = field = "model"


class DurationFilter(HistoryFilter):
    """Requests that took at least some milliseconds."""

    title = _("duration")
    parameter_name = "at_least_ms"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        """Return some durations; the URL accepts any other."""
        return [
            ("10", _("at least 10 ms")),
            ("100", _("at least 100 ms")),
            ("1000", _("at least 1 s")),
            ("10000", _("at least 10 s")),
        ]

    def condition(self, value: str) -> Q:
        """Return the condition that the request took at least this many milliseconds."""
        return Q(duration_ms__gte=float(value))


def _title(status: int) -> str:
    try:
        return f"{status} {gettext(status_titles.in_english(status))}"
    except ValueError:
        return str(status)
