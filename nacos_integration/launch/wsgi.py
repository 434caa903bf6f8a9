"""For a project's wsgi.py."""

from typing import Any

from django.core import wsgi

from nacos_integration.launch import process


def get_wsgi_application() -> Any:
    """Return Django's WSGI application, and mark this process as one that serves."""
    process.serves_wsgi = True
    return wsgi.get_wsgi_application()
