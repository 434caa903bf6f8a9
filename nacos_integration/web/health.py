"""Health checks for orchestrators, load balancers and the agent's own probe, as JSON."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from nacos_integration import conf, live_config
from nacos_integration.state import status
from nacos_integration.state.states import SETTLED
from nacos_integration.web import instances


@csrf_exempt
@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the process accepts requests; nothing else is checked."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
def startupz(request: HttpRequest) -> JsonResponse:
    """Answer 200 once the config has been compared with its source, else 503."""
    started = live_config.is_synced()
    checks = {"config": _checks(_own_agent())["config"]}
    return _answer("ok" if started else "waiting for the config", started, checks=checks)


@csrf_exempt
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 once the config has been compared with its source and no stop has begun, else 503.

    Nacos and the database are reported as the agent last found them. They count only if
    `ready_requires` names them, so that an outage does not take all instances out of traffic.
    `serves` is the answer without them. It and `launch_id` show the agent that its own instance
    answers, and may be registered.
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
def health(request: HttpRequest) -> JsonResponse:
    """Answer as `readyz` does, in the form of Spring Boot's health endpoint."""
    status_code = readyz(request).status_code
    state = "UP" if status_code == 200 else "OUT_OF_SERVICE"
    return JsonResponse({"status": state}, status=status_code)


@csrf_exempt
@require_safe
def statusz(request: HttpRequest) -> JsonResponse:
    """Answer with all workers of this instance and the config that each runs."""
    return JsonResponse(instances.describe())


def _own_agent() -> dict[str, Any]:
    """Return the status of this launch's agent, empty if the file is of an earlier launch."""
    agent = status.read()
    return agent if agent.get("launch_id") == conf.load().launch_id else {}


def _checks(agent: dict[str, Any]) -> dict[str, Any]:
    """Return what the agent knows: for each check `ok`, and its age in seconds."""
    config, registration = agent.get("config", {}), agent.get("registration", {})
    database = agent.get("database", {})
    # This process may find out before the agent does.
    handler = import_string(conf.load().config_handler)
    file_error = config.get("file_error") or live_config.file_error(handler)
    return {
        "config": {
            "ok": live_config.is_synced() and not file_error,
            "source_error": config.get("source_error"),
            "file_error": file_error,
            "age_seconds": _age(config.get("synced_at")),
        },
        "nacos": {
            "ok": registration.get("state") in SETTLED and not config.get("source_error"),
            "state": registration.get("state"),
            "age_seconds": _age(registration.get("verified_at")),
        },
        "database": {
            "ok": bool(database.get("reachable")),
            "age_seconds": _age(database.get("checked_at")),
        },
    }


def _age(moment: float | None) -> float | None:
    seconds = status.seconds_since(moment)
    return None if seconds is None else round(seconds, 1)


def _answer(state: str, is_ok: bool, **more: Any) -> JsonResponse:
    return JsonResponse({"status": state, **more}, status=200 if is_ok else 503)
