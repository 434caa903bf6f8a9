"""The app between the socket and Django."""

from django.apps import AppConfig


class ServingConfig(AppConfig):
    """An app for its translations and checks; it has no models."""

    name = "serving"

    def ready(self) -> None:
        """Register the checks."""
        from serving import checks  # noqa: F401 (importing registers them)
