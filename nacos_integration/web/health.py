"""Health, for orchestrators, load balancers and the agent's own probe: JSON with ages."""

import time
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from nacos_integration import conf, live_config
from nacos_integration.state import status
from nacos_integration.web import instances

# Registration states in which the instance is where it should be.
_SETTLED = ("registered", "offline", "disabled")


@csrf_exempt
@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """Answer 200: the process takes requests. Nothing else is asked."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
def startupz(request: HttpRequest) -> JsonResponse:
    """Answer 200 from when the config in force is settled, else 503."""
    started = live_config.is_synced()
    checks = {"config": _checks(_own_agent())["config"]}
    return _answer("ok" if started else "waiting for the config", started, checks=checks)


@csrf_exempt
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the config in force is settled and no stop is under way, else 503.

    Nacos and the database are reported as the agent last found them, with the age of that, and
    count only if `ready_requires` names them: by default the outage of neither takes the instances
    out of traffic. `serves` is the answer without them, and with `launch_id` tells the agent
    that it reached its own instance, ready to be registered.
    """
    configuration = conf.load()
    agent = _own_agent()
    checks = _checks(agent)
    missing = [name for name in configuration.ready_requires if not checks[name]["ok"]]
    serves = False
    if not live_config.is_synced():
        state = "waiting for the config"
    elif agent.get("draining_since"):
        state = "draining"
    else:
        serves = True
        state = f"waiting for: {', '.join(missing)}" if missing else "ok"
    return _answer(
        state,
        serves and not missing,
        serves=serves,
        launch_id=configuration.launch_id,
        checks=checks,
    )


@csrf_exempt
@require_safe
def statusz(request: HttpRequest) -> JsonResponse:
    """Answer with this instance's workers and the config each runs, whichever of them is asked."""
    return JsonResponse(instances.describe())


def _own_agent() -> dict[str, Any]:
    """Return what this launch's agent says; what an earlier one left behind does not count."""
    agent = status.read()
    return agent if agent.get("launch_id") == conf.load().launch_id else {}


def _checks(agent: dict[str, Any]) -> dict[str, Any]:
    """Return what the agent knows: `ok` with the seconds since it was last seen to be so."""
    config, registration = agent.get("config", {}), agent.get("registration", {})
    database = agent.get("database", {})
    return {
        "config": {
            "ok": live_config.is_synced(),
            "source_error": config.get("source_error"),
            "age_seconds": _age(config.get("synced_at")),
        },
        "nacos": {
            "ok": registration.get("state") in _SETTLED and not config.get("source_error"),
            "state": registration.get("state"),
            "age_seconds": _age(registration.get("verified_at")),
        },
        "database": {
            "ok": bool(database.get("reachable")),
            "age_seconds": _age(database.get("checked_at")),
        },
    }


def _age(moment: float | None) -> float | None:
    return None if moment is None else round(max(0.0, time.time() - moment), 1)


def _answer(state: str, is_well: bool, **more: Any) -> JsonResponse:
    return JsonResponse({"status": state, **more}, status=200 if is_well else 503)
