"""Admin: the request history."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from clustering.models import RequestRecord


@admin.register(RequestRecord)
class RequestRecordAdmin(admin.ModelAdmin):
    """Read-only: it is a record."""

    list_display = [
        "created_at",
        "client",
        "points",
        "dimensions",
        "clusters",
        "config_version",
        "duration_ms",
        "status",
        "outcome",
    ]
    list_filter = ["status", "clusters"]
    search_fields = ["client", "outcome", "config_version"]
    date_hierarchy = "created_at"

    def _never(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_change_permission = has_delete_permission = _never
