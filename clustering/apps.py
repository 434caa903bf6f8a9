"""The Django app for k-means."""

from django.apps import AppConfig


class ClusteringConfig(AppConfig):
    """k-means over REST, with a request history."""

    name = "clustering"
    verbose_name = "k-means"

    def ready(self) -> None:
        """Register the system checks."""
        from clustering import checks  # noqa: F401 (the import registers them)
