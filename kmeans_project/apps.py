"""The project itself, as far as Django has to know it."""

from django.apps import AppConfig
from django.core import checks


class ProjectConfig(AppConfig):
    """Has no models; registers the checks of what is the project's and no app's."""

    name = "kmeans_project"

    def ready(self) -> None:
        """Register the checks."""
        from kmeans_project import tracing

        checks.register(tracing.check, "serving")
