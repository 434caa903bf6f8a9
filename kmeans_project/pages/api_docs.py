"""The OpenAPI schema, and Swagger UI to browse it."""

import threading
from typing import Any

from django.http import HttpRequest
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request

from kmeans_project.middleware import CONTENT_SECURITY_POLICY


class SchemaView(SpectacularAPIView):
    """The OpenAPI schema, made for one request after the other.

    drf-spectacular loads its extensions for the first, in a way that fails where a second thread
    does so too.
    """

    _turn = threading.Lock()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        with self._turn:
            return super().dispatch(request, *args, **kwargs)


class ApiDocsView(SpectacularSwaggerSplitView):
    """Swagger UI; its script has an address of its own, since pages have no inline scripts."""

    template_name = "kmeans_project/api_docs.html"
    # Its template cannot render what DRF answers to OPTIONS.
    http_method_names = ["get", "head"]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        # The icons in its style sheet.
        final["Content-Security-Policy"] = f"{CONTENT_SECURITY_POLICY}; img-src 'self' data:"
        return final
