"""Liveness and readiness, for load balancers, orchestrators and the agent's own probe."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from nacos_integration import conf, live_config, status


@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """Answer 200: the process takes requests."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the config in force is settled and no stop is under way, else 503.

    Neither Nacos nor the database is asked: the outage of one must not take all instances out of
    traffic. `launch_id` tells the agent that it reached its own instance.
    """
    launch_id = conf.load().launch_id
    agent = status.read()
    if not live_config.is_synced():
        state = "waiting for the config"
    elif agent.get("launch_id") == launch_id and agent.get("draining_since"):
        state = "draining"
    else:
        state = "ok"
    body = {"status": state, "launch_id": launch_id}
    return JsonResponse(body, status=200 if state == "ok" else 503)
