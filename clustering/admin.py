"""Admin: the request history, and the API keys."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.admin import APIKeyModelAdmin
from rest_framework_api_key.models import AbstractAPIKey, APIKey

from clustering.models import ApiKey, RequestRecord


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


# The library's own model: its app cannot be left out, but nothing asks for its keys.
admin.site.unregister(APIKey)


@admin.register(ApiKey)
class ApiKeyAdmin(APIKeyModelAdmin):
    """Shows a new key once, in a message; a key is revoked before it can be deleted."""

    list_display = (  # type: ignore[assignment]
        "name",
        "prefix",
        "created",
        "expiry_date",
        "has_expired",
        "revoked",
        "requests_per_minute",
    )
    list_filter = ("revoked",)

    @admin.display(description=_("has expired"), boolean=True)
    def has_expired(self, key: ApiKey) -> bool:
        return bool(key.has_expired)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.revoked)

    def save_model(
        self, request: HttpRequest, obj: AbstractAPIKey, form: Any = None, change: bool = False
    ) -> None:
        if change:
            # Not all of the row: requests are being counted in it.
            obj.save(update_fields=form.changed_data)
            return
        # As the library does, but in the language of the page.
        key = ApiKey.objects.assign_key(obj)
        obj.save()
        text = _("The API key for %(name)s is: %(key)s. Store it now: it is not shown again.")
        messages.warning(request, text % {"name": obj.name, "key": key})
