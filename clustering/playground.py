"""The page that tries the endpoint out in a browser."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from django.views.generic import TemplateView

from clustering.config.parameters import Parameters
from nacos_integration import live_config


class PlaygroundView(TemplateView):
    """The page, for everybody who may call the endpoint: it needs no login and no database.

    A project's own template extends clustering/playground.html with what only the project knows.
    """

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        return context | {
            "config": live_config.current(Parameters),
            "api_keys_required": settings.API_KEYS_REQUIRED,
        }


@require_safe
def config_in_force(request: HttpRequest) -> JsonResponse:
    """Answer with what the page shows of the config, and asks for again and again."""
    config = live_config.current(Parameters)
    return JsonResponse({"clusters": config.value.clusters, "version": config.version})
