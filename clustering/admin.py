"""The admin pages of the request history and of the API keys."""

from datetime import datetime
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters, ShowFacets
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException
from rest_framework_api_key.admin import APIKeyModelAdmin
from rest_framework_api_key.models import AbstractAPIKey, APIKey

from clustering.config.parameters import Parameters
from clustering.history import export, outcomes
from clustering.history.changelist import HistoryChangeList
from clustering.history.date_filter import DateFilter
from clustering.history.filters import (
    ClientFilter,
    ClustersFilter,
    ConfigVersionFilter,
    DurationFilter,
    ModelFilter,
    ProblemFilter,
    StatusFilter,
)
from clustering.models import ApiKey, RequestRecord
from nacos_integration import current
from serving import problems
from serving.contract import served_models

# Of a message in the list; it takes two lines.
OUTCOME_SHOWN: Final = 60
# Of the expiry of an API key.
YEAR_MIN: Final = 2000
YEAR_MAX: Final = 9000


@admin.register(RequestRecord)
class RequestRecordAdmin(admin.ModelAdmin):
    """The request history, read-only."""

    list_display = [
        "when",
        "clusters",
        "points",
        "dimensions",
        "status",
        "duration_ms",
        "client",
        "short_outcome",
    ]
    list_filter = [
        DateFilter,
        StatusFilter,
        ProblemFilter,
        DurationFilter,
        ClustersFilter,
        ConfigVersionFilter,
        ClientFilter,
    ]
    # Shows the search box; clustering.history.reading does the search.
    search_fields = ["request_id"]
    search_help_text = _("The request id, or its beginning.")
    # Only the order of time has an index.
    sortable_by = []
    # Facet counts would read all rows.
    show_facets = ShowFacets.NEVER
    readonly_fields = ["when"]
    fieldsets = [
        (None, {"fields": [("when", "client"), "request_id", "model"]}),
        (_("Answer"), {"fields": [("status", "duration_ms"), "problem", "outcome"]}),
        (
            _("k-means"),
            {"fields": [("points", "dimensions"), ("clusters", "config_version"), "parameters"]},
        ),
        (_("Points and labels"), {"fields": ["payload", "labels"], "classes": ["collapse"]}),
    ]

    @admin.display(description=_("when"))
    def when(self, row: RequestRecord) -> str:
        """Return when the request was answered, to the millisecond."""
        time = timezone.localtime(row.created_at)
        return f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03}"

    @admin.display(description=_("outcome"))
    def short_outcome(self, row: RequestRecord) -> str:
        """Return the beginning of the outcome, with all of it as the title."""
        outcome = outcomes.translated(row.outcome)
        shown = Truncator(outcome).chars(OUTCOME_SHOWN)
        return format_html('<span title="{}">{}</span>', outcome, shown)

    def get_object(self, *args: Any, **kwargs: Any) -> RequestRecord | None:
        """Return the row for a page, with its outcome in the language of that."""
        row: RequestRecord | None = super().get_object(*args, **kwargs)
        if row:
            row.outcome = outcomes.translated(row.outcome)
        return row

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return the filters; the model is one of them if there are several."""
        filters = super().get_list_filter(request)
        return [*filters, ModelFilter] if len(served_models()) > 1 else filters

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[HistoryChangeList]:
        """Return a list that does not scan the table."""
        return HistoryChangeList

    def get_urls(self) -> list[URLPattern]:
        """Return the pages and the downloads."""
        name = "clustering_requestrecord"
        own = [
            path("export/", self.admin_site.admin_view(self.export), name=f"{name}_export"),
            path(
                "<path:object_id>/points.json",
                self.admin_site.admin_view(self.points),
                name=f"{name}_points",
            ),
            path(
                "<path:object_id>/comparison.json",
                self.admin_site.admin_view(self.comparison),
                name=f"{name}_comparison",
            ),
            path(
                "<path:object_id>/points.csv",
                self.admin_site.admin_view(self.points_csv),
                name=f"{name}_points_csv",
            ),
        ]
        return own + super().get_urls()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list."""
        context = {"title": _("Request history")} | (extra_context or {})
        return super().changelist_view(request, context)

    def export(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """Return all rows that the query string selects, as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        history = reverse("admin:clustering_requestrecord_changelist")
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(history)
        assert isinstance(changelist, HistoryChangeList)
        try:
            download = export.Export(changelist.selection)
        except export.TooManyExportsError:
            message = _("Other exports are running. Try again when one of them has finished.")
            self.message_user(request, message, messages.WARNING)
            return HttpResponseRedirect(history + changelist.get_query_string())
        name = f"request-history-{timezone.now():%Y%m%d-%H%M%S}.csv"
        return StreamingHttpResponse(
            download,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def points(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the body of the request, to send it again."""
        row = self._row_with_points(request, object_id)
        name = f"request-{row.pk}.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return JsonResponse({"points": row.payload}, headers=headers)

    def comparison(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return what different numbers of clusters make of the points, as the API's advice."""
        from clustering.history import replay  # as late as in _replay_context

        row = self._row_with_points(request, object_id)
        try:
            parameters = replay.parameters_of(row, current(Parameters).value.clusters)
            advice = replay.compare(row.payload, parameters, request.META)
        except APIException as problem:
            return problems.answer(problem, request.META)
        return JsonResponse(advice)

    def points_csv(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return the points of the request, with their clusters, for a spreadsheet."""
        row = self._row_with_points(request, object_id)
        return HttpResponse(
            export.points_of(row),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="request-{row.pk}.csv"'},
        )

    def _row_with_points(self, request: HttpRequest, object_id: str) -> RequestRecord:
        row: RequestRecord | None = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None or row.payload is None:
            raise Http404
        return row

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show a request with its points, clustered again if `clusters` is in the query string."""
        row = kwargs["obj"]
        context["title"] = _("Request")
        if row.payload is not None:
            context |= _replay_context(request, row)
        elif row.points is not None:
            context["numbers"] = row.points * row.dimensions
            context["numbers_kept"] = settings.HISTORY_PAYLOAD_MAX_NUMBERS
        return super().render_change_form(request, context, *args, **kwargs)

    def _never(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_change_permission = has_delete_permission = _never


def _replay_context(request: HttpRequest, row: RequestRecord) -> dict[str, Any]:
    """Return the context for the page of a request whose points were kept."""
    # Imported here, because scikit-learn is slow to import, and commands and the agent load this
    # module without needing it.
    from clustering.history import replay

    original = replay.original(row)
    in_force = current(Parameters).value.clusters
    form = replay.ReplayForm(
        request.GET if "clusters" in request.GET else None,
        initial={"clusters": row.clusters or in_force},
    )
    context: dict[str, Any] = {"original_partition": original, "replay_form": form}
    if form.is_bound and form.is_valid():
        try:
            parameters = replay.parameters_of(row, form.cleaned_data["clusters"])
            again = replay.fit(row.payload, parameters, request.META)
        except APIException as problem:
            form.add_error("clusters", str(problem.detail))
        else:
            context["replayed"] = again
            context["agreement"] = original and original.agreement(again)
    return context


# The library's own model, which this service does not use; its app must be installed.
admin.site.unregister(APIKey)


class ApiKeyForm(forms.ModelForm):
    """Refuses a time of expiry that other time zones cannot show."""

    def clean_expiry_date(self) -> datetime | None:
        expiry_date: datetime | None = self.cleaned_data["expiry_date"]
        if expiry_date and not YEAR_MIN <= expiry_date.year <= YEAR_MAX:
            raise forms.ValidationError(
                _("The year must be from %(least)s to %(most)s."),
                params={"least": YEAR_MIN, "most": YEAR_MAX},
            )
        return expiry_date


@admin.register(ApiKey)
class ApiKeyAdmin(APIKeyModelAdmin):
    """Shows a new key once, in a message; only a revoked key can be deleted."""

    form = ApiKeyForm
    list_display = (  # type: ignore[assignment]
        "name",
        "prefix",
        "state",
        "last_used",
        "created",
        "expiry_date",
        "requests_per_minute",
    )
    list_filter = ("revoked",)

    @admin.display(description=_("state"))
    def state(self, key: ApiKey) -> Any:
        """Return a word: whether requests with the key are accepted."""
        if key.revoked:
            return _("revoked")
        return _("expired") if key.has_expired else _("active")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = super().get_readonly_fields(request, obj)
        return (*fields, "last_used") if obj else fields

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"api_keys_required": settings.API_KEYS_REQUIRED}
        return super().changelist_view(request, context | (extra_context or {}))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.revoked)

    def save_model(
        self, request: HttpRequest, obj: AbstractAPIKey, form: Any = None, change: bool = False
    ) -> None:
        if change:
            # Only these fields, because requests are counted in the row meanwhile.
            obj.save(update_fields=form.changed_data)
            return
        # The library has the same message, but only in English.
        key = ApiKey.objects.assign_key(obj)
        obj.save()
        text = _("The API key for %(name)s is: %(key)s. Store it now: it is not shown again.")
        messages.warning(request, text % {"name": obj.name, "key": key})
