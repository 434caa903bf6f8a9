"""Addresses of static files under the path prefix of the request."""

from django.contrib.staticfiles import storage
from django.urls import get_script_prefix


class StaticFilesStorage(storage.StaticFilesStorage):
    """Adds the prefix to each address; Django adds that of the first request to STATIC_URL."""

    def url(self, name: str | None) -> str:
        """Return the address of a file."""
        return get_script_prefix().rstrip("/") + super().url(name)
