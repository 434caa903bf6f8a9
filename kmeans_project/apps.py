"""The project itself, as far as Django has to know it."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.core import checks


class ProjectConfig(AppConfig):
    """Has no models; registers the checks of what is the project's and no app's."""

    name = "kmeans_project"

    def ready(self) -> None:
        """Register the checks."""
        from kmeans_project import tracing

        checks.register(tracing.check, "serving")


class AdminConfig(admin.AdminConfig):
    """Django's admin, with pages of this project."""

    default_site = "kmeans_project.admin_site.AdminSite"
