"""The admin page of failed logins."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from kmeans_project.models import LoginFailure


@admin.register(LoginFailure)
class LoginFailureAdmin(admin.ModelAdmin):
    """Read-only: the login writes it."""

    list_display = ["created_at", "username", "address"]
    search_fields = ["username", "address"]
    date_hierarchy = "created_at"

    def _never(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_change_permission = has_delete_permission = _never
