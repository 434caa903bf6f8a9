"""App configurations of the project itself and of its admin."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin
from django.core import cache, checks, signals
from django.db import reset_queries
from django.utils.translation import gettext_lazy as _


class ProjectConfig(AppConfig):
    """Registers checks, templates, static files and translations of the project, and its logins."""

    name = "kmeans_project"
    verbose_name = _("Logins")

    def ready(self) -> None:
        """Register the checks, and disconnect signal handlers that no request needs."""
        from kmeans_project import tracing

        checks.register(tracing.check, "serving")
        checks.register(_check_logins, "serving")
        checks.register(_check_variables, "serving", "nacos")
        signals.request_finished.disconnect(cache.close_caches)  # the only cache is in memory
        if not settings.DEBUG:
            signals.request_started.disconnect(reset_queries)  # queries are logged in DEBUG only


def _check_logins(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Report limits of logins that would lock everybody out."""
    from serving.checks import find_not_positive
    from serving.conf import Setting

    names = ("LOGIN_FAILURES_MAX", "LOGIN_COOL_OFF_SECONDS")
    return list(find_not_positive(*(Setting[int](name) for name in names)))


def _check_variables(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Report variables that no setting reads."""
    return [
        checks.Warning(
            f"{name} is not a setting",
            hint=f"Did you mean {known}?" if known else "docs/operating.md lists all.",
            id="kmeans_project.W001",
        )
        for name, known in settings.UNKNOWN_VARIABLES.items()
    ]


class AdminConfig(admin.AdminConfig):
    """Django's admin, with pages of this project."""

    default_site = "kmeans_project.pages.admin_site.AdminSite"
