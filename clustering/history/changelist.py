"""The list of the request history in the admin, on a Selection instead of a queryset."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.http import HttpRequest

from clustering.history import reading
from clustering.history.filters import HistoryFilter
from clustering.history.reading import Position, Selection

# How many rows of a selection are counted for the list's foot.
COUNTED_ROWS: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class HistoryChangeList(ChangeList):
    """Begins a page behind a row instead of at a number, and counts up to a limit.

    Django's own counts all rows twice and takes any lookup and order from the address.
    """

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        """Make the selection of all filters and the search; return what nothing fetches."""
        self.filter_specs, self.has_filters, unknown, _, self.has_active_filters = self.get_filters(
            request
        )
        if unknown:
            raise IncorrectLookupParameters(f"there is no filter by {', '.join(unknown)}")
        filters = [spec for spec in self.filter_specs if isinstance(spec, HistoryFilter)]
        self.clear_all_filters_qs = self.get_query_string(remove=self.get_filters_params())
        searched = self.query.strip()
        self.selection = Selection(ids=reading.find(searched) if searched else None)
        try:
            self.behind = _parse(request.GET.get(PAGE_VAR))
            for spec in filters:
                self.selection = spec.narrow(self.selection)
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(str(error)) from error
        return self.root_queryset

    def get_results(self, request: HttpRequest) -> None:
        """Fetch one page."""
        columns = {field.name for field in self.opts.fields}
        fields = ["created_at", *(str(name) for name in self.list_display if name in columns)]
        page = self.selection.page(fields, self.list_per_page, self.behind)
        self.result_list = page.rows
        self.older = page.end and self.get_query_string({PAGE_VAR: _written(page.end)})
        self.newest = self.behind and self.get_query_string()
        # Older rows may match that this page has not come to.
        self.examined_until = page.end[0] if page.end and self.selection.others else None
        counted = self.selection.ids or self.selection.others
        self.result_count = len(page.rows) if counted else self.selection.count(COUNTED_ROWS)
        self.counted_rows = COUNTED_ROWS
        self.found_rows = reading.FOUND_ROWS
        self.show_full_result_count = self.show_admin_actions = False
        self.full_result_count = self.result_count  # so the search shows neither
        self.multi_page = self.can_show_all = False


def _written(position: Position) -> str:
    created_at, pk = position
    return f"{(created_at - _EPOCH) // _MICROSECOND}-{pk}"


def _parse(written: str | None) -> Position | None:
    if written is None:
        return None
    microseconds, pk = written.split("-")
    return _EPOCH + int(microseconds) * _MICROSECOND, int(pk)
