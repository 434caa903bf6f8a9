"""What pages of the admin show of the config and the registry."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nacos_integration import conf, differences, live_config, reasons
from nacos_integration.state import status, worker_reports
from nacos_integration.state.states import ConfigOrigin, RegistrationState
from nacos_integration.web.instances import Instance, query_all

REGISTRATION_STATES: Final[dict[str, Any]] = {
    RegistrationState.STARTING: gettext_lazy("starting"),
    RegistrationState.REGISTERED: gettext_lazy("registered"),
    RegistrationState.RETRYING: gettext_lazy("retrying"),
    RegistrationState.NOT_SERVING: gettext_lazy("not serving"),
    RegistrationState.OFFLINE: gettext_lazy("offline"),
    RegistrationState.DEREGISTERED: gettext_lazy("deregistered"),
    RegistrationState.DISABLED: gettext_lazy("disabled"),
}
ORIGINS: Final[dict[str, Any]] = {
    ConfigOrigin.NACOS: "Nacos",
    ConfigOrigin.FILE: gettext_lazy("file"),
    ConfigOrigin.SNAPSHOT: gettext_lazy("last good config, because the source did not answer"),
    ConfigOrigin.DEFAULT: gettext_lazy("default, because there was no config yet"),
}


def applied_config() -> dict[str, Any]:
    """Return the context of `nacos_integration/applied_config.html`."""
    configuration = conf.load()
    agent = status.read()
    config, registration = agent.get("config", {}), agent.get("registration", {})
    in_force = live_config.read_applied(configuration.applied_path) or {}
    rejected = config.get("rejected") or {}
    verified_age = status.seconds_since(registration.get("verified_at"))
    applied = live_config.current(import_string(configuration.config_handler))
    return {
        "applied": applied,
        "applied_source": ORIGINS.get(applied.source, applied.source),
        "applied_at": moment(in_force.get("applied_at")),
        "applied_text": in_force.get("content"),
        "configuration": configuration,
        "agent": agent,
        "config": config,
        "rejected_at": moment(rejected.get("at")),
        "rejected_reason": rejected
        and reasons.translated(
            rejected.get("text", ""), rejected["reason"], configuration.config_key
        ),
        "registration": registration,
        "registration_state": REGISTRATION_STATES.get(state := registration.get("state"), state),
        "verified_age": None if verified_age is None else round(verified_age, 1),
    }


def moment(seconds: float | None) -> datetime | None:
    """Return a time of `status.json`, in seconds since the epoch, for a template to show."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def instances() -> dict[str, Any]:
    """Return the context of `nacos_integration/instances.html` and `registry.html`."""
    view = query_all()
    registration = status.read().get("registration", {})
    running = [worker["version"] for instance in view.instances for worker in instance.workers]
    return {
        "view": view,
        "workers_total": len(running),
        "workers_updated": running.count(view.in_force),
        "instances": [
            {
                **vars(instance),
                "listed": instance.listed or (instance.is_own and _disabled(registration)),
                "workers": [
                    worker
                    | {
                        "since_moment": moment(worker["since"]),
                        "is_silent": worker["silent_seconds"] > worker_reports.SILENT_SECONDS,
                    }
                    for worker in instance.workers
                ],
                "differences": list(_differences(instance, registration)),
            }
            for instance in view.instances
        ],
    }


def _differences(instance: Instance, registration: dict[str, Any]) -> Iterator[str]:
    """Yield how the instance's entry in the registry differs from what it should be."""
    listed = instance.listed
    if instance.is_own and registration.get("state") == RegistrationState.OFFLINE:
        yield _("taken offline by an operator")
    elif listed is None and not registration.get("differences"):
        yield _("not listed")
    if listed and not listed["healthy"]:
        yield _("Nacos reports it as unhealthy")
    if instance.is_own:
        yield from differences.translated(
            registration.get("differences") or [], registration.get("listed")
        )


def _disabled(registration: dict[str, Any]) -> dict[str, Any] | None:
    """Return this instance's entry if an operator has disabled it, which lists leave out."""
    registered = registration.get("state") == RegistrationState.REGISTERED
    return registration.get("listed") if registered else None
