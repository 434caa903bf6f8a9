"""The admin's list of the request history, which uses a Selection instead of a queryset."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.http import HttpRequest

from clustering.history import reading
from clustering.history.filters import HistoryFilter
from clustering.history.reading import Position, Selection

# Counted for the footer of the list.
MAX_COUNTED_ROWS: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class HistoryChangeList(ChangeList):
    """Starts each page after a row instead of at a page number, and counts up to a limit.

    Django's own list counts all rows twice, and accepts any lookup and order from the URL.
    """

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        """Set `selection` from all filters and the search; return a queryset that is not used."""
        self.filter_specs, self.has_filters, unknown, _, self.has_active_filters = self.get_filters(
            request
        )
        if unknown:
            raise IncorrectLookupParameters(f"there is no filter by {', '.join(unknown)}")
        filters = [spec for spec in self.filter_specs if isinstance(spec, HistoryFilter)]
        self.clear_all_filters_qs = self.get_query_string(remove=self.get_filters_params())
        prefix = self.query.strip()
        self.selection = Selection(ids=reading.find(prefix) if prefix else None)
        try:
            self.after = _parse_position(request.GET.get(PAGE_VAR))
            for spec in filters:
                self.selection = spec.narrow(self.selection)
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(str(error)) from error
        return self.root_queryset

    def get_results(self, request: HttpRequest) -> None:
        """Fetch one page."""
        columns = {field.name for field in self.opts.fields}
        fields = [
            "created_at",
            "outcome",
            *(str(name) for name in self.list_display if name in columns),
        ]
        page = self.selection.page(fields, self.list_per_page, self.after)
        self.result_list = page.rows
        self.older = page.end and self.get_query_string({PAGE_VAR: _format_position(page.end)})
        self.newest = self.after and self.get_query_string()
        # Rows older than this were not examined, and may match.
        self.examined_until = page.end[0] if page.end and self.selection.unindexed else None
        counts_page = self.selection.ids or self.selection.unindexed
        self.result_count = (
            len(page.rows) if counts_page else self.selection.count(MAX_COUNTED_ROWS)
        )
        self.max_counted_rows = MAX_COUNTED_ROWS
        self.max_found_rows = reading.MAX_FOUND_ROWS
        self.show_full_result_count = self.show_admin_actions = False
        self.full_result_count = self.result_count  # Django's search box shows neither
        self.multi_page = self.can_show_all = False


def _format_position(position: Position) -> str:
    created_at, pk = position
    return f"{(created_at - _EPOCH) // _MICROSECOND}-{pk}"


def _parse_position(text: str | None) -> Position | None:
    if text is None:
        return None
    microseconds, pk = text.split("-")
    return _EPOCH + int(microseconds) * _MICROSECOND, int(pk)
