"""The app that clusters points."""

from django.apps import AppConfig


class ClusteringConfig(AppConfig):
    """k-means over REST, and the history of requests."""

    name = "clustering"
    verbose_name = "k-means"
