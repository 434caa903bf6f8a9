"""Admin: the config in force, and the history of what was applied or rejected."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from nacos_integration import reasons
from nacos_integration.models import ConfigChange
from nacos_integration.web.panels import applied_config


@admin.register(ConfigChange)
class ConfigChangeAdmin(admin.ModelAdmin):
    """Read-only: the agent writes it; the config is changed in Nacos or in its file."""

    list_display = [
        "created_at",
        "outcome",
        "short_after",
        "publisher",
        "rollout",
        "translated_reason",
        "instance",
    ]
    list_filter = ["outcome", "source", "instance"]
    date_hierarchy = "created_at"
    change_list_template = "admin/nacos_integration/configchange/change_list.html"

    @admin.display(description=_("text"))
    def short_after(self, row: ConfigChange) -> str:
        """The text in one short line."""
        text = " ".join(row.after.split())
        return text if len(text) <= 60 else text[:59] + "…"

    @admin.display(description=_("reason"))
    def translated_reason(self, row: ConfigChange) -> str:
        """Return the reason in the reader's language."""
        return row.reason and reasons.translated(row.after, row.reason, row.key)

    @admin.display(description=_("published by"))
    def publisher(self, row: ConfigChange) -> Any:
        """Return the user, or that it was published elsewhere."""
        return _("published elsewhere") if row.published_by == "" else row.published_by

    @admin.display(description=_("in all workers"))
    def rollout(self, row: ConfigChange) -> Any:
        """Return after how many seconds all workers had it."""
        seconds = row.in_force_after_seconds
        return None if seconds is None else _("after %(seconds)s s") % {"seconds": f"{seconds:g}"}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"title": _("Live config"), **applied_config()}
        return super().changelist_view(request, context | (extra_context or {}))

    def _never(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_change_permission = has_delete_permission = _never
