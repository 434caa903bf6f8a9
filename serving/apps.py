"""The app that carries requests from the socket to Django."""

from django.apps import AppConfig


class ServingConfig(AppConfig):
    """Has no models; an app for its translations and checks."""

    name = "serving"

    def ready(self) -> None:
        """Register the checks."""
        from serving import checks  # noqa: F401 (importing registers them)
