"""The page to try the endpoint in a browser."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from django.views.generic import TemplateView

from clustering.config.parameters import Parameters
from nacos_integration import current


class PlaygroundView(TemplateView):
    """The page, which needs no login and no database.

    A project's template extends clustering/playground.html with its own links.
    """

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return context | {
            "config": current(Parameters),
            "api_keys_required": settings.API_KEYS_REQUIRED,
            "max_clusters": settings.KMEANS_MAX_CLUSTERS,
        }


@require_safe
def current_config(request: HttpRequest) -> JsonResponse:
    """Return the config that the page shows; the page polls this URL."""
    config = current(Parameters)
    return JsonResponse({"clusters": config.value.clusters, "version": config.version})
