"""Liveness and readiness, for load balancers, orchestrators and the agent's own probe."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from nacos_integration import conf, live_config


@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """Answer 200: the process takes requests."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the config in force is settled, else 503; neither asks Nacos nor a database.

    `launch_id` tells the agent that it reached its own instance.
    """
    ready = live_config.is_synced()
    body = {
        "status": "ok" if ready else "waiting for the config",
        "launch_id": conf.load().launch_id,
    }
    return JsonResponse(body, status=200 if ready else 503)
