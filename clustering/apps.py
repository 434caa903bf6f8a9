"""The app that clusters points."""

from django.apps import AppConfig


class ClusteringConfig(AppConfig):
    """k-means over REST, and the history of requests."""

    name = "clustering"
    verbose_name = "k-means"

    def ready(self) -> None:
        """Register the checks."""
        from clustering import checks  # noqa: F401 (importing registers them)
