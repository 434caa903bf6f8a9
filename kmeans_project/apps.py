"""App configurations of the project itself and of its admin."""

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin
from django.core import cache, checks, signals
from django.db import reset_queries


class ProjectConfig(AppConfig):
    """Registers checks, templates, static files and translations of the project."""

    name = "kmeans_project"

    def ready(self) -> None:
        """Register the checks, and disconnect signal handlers that no request needs."""
        from kmeans_project import tracing

        checks.register(tracing.check, "serving")
        signals.request_finished.disconnect(cache.close_caches)  # the only cache is in memory
        if not settings.DEBUG:
            signals.request_started.disconnect(reset_queries)  # queries are logged in DEBUG only


class AdminConfig(admin.AdminConfig):
    """Django's admin, with pages of this project."""

    default_site = "kmeans_project.pages.admin_site.AdminSite"
