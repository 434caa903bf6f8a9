"""Whether all is well with this instance, for the top of the overview."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from nacos_integration import is_agent_running
from nacos_integration.state.states import RegistrationState


def problems(context: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is not as it should be, each with the panel of the page that explains it.

    `context` is that of the panels of `nacos_integration`.
    """
    if not is_agent_running():
        yield "config", _("The agent is not running.")
    config = context["config"]
    if config.get("missing"):
        yield "config", _("Nacos does not have the config.")
    if config.get("rejected"):
        yield "config", _("The last config was rejected.")
    if config.get("source_error"):
        yield "config", _("The source of the config is unreachable.")
    if config.get("write_error"):
        yield "config", _("The config cannot be written to the disk.")
    if config.get("file_error"):
        yield "config", _("The applied config file is damaged.")
    if context["view"].agreement == "differ":
        yield "instances", _("Not all workers run the config in force.")
    if context["view"].agreement == "unknown":
        yield "instances", _("Some workers do not answer.")
    if context["has_registry"]:
        yield from _registry_problems(context)
    if context["agent"] and context["agent"]["database"]["reachable"] is False:
        yield "changes", _("The database is unreachable, and the history waits.")


def _registry_problems(context: dict[str, Any]) -> Iterator[tuple[str, str]]:
    state = context["registration"].get("state")
    if state not in (RegistrationState.REGISTERED, RegistrationState.OFFLINE):
        yield "registry", _("This instance is not registered.")
        return
    for instance in context["instances"]:
        for difference in instance["differences"]:
            yield "registry", f"{instance['address']}: {difference}"
