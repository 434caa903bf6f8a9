"""The project itself, as far as Django has to know it."""

from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin
from django.core import cache, checks, signals
from django.db import reset_queries


class ProjectConfig(AppConfig):
    """Has no models; arranges what is the project's and no app's."""

    name = "kmeans_project"

    def ready(self) -> None:
        """Register the checks, and take out of every request what does nothing for any here."""
        from kmeans_project import tracing

        checks.register(tracing.check, "serving")
        signals.request_finished.disconnect(cache.close_caches)  # there is one, in memory
        if not settings.DEBUG:
            signals.request_started.disconnect(reset_queries)  # none are kept


class AdminConfig(admin.AdminConfig):
    """Django's admin, with pages of this project."""

    default_site = "kmeans_project.pages.admin_site.AdminSite"
