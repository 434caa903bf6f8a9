"""The line that says, once after a start, where the service is and what it uses."""

import logging
import threading
import time
from typing import Any

from nacos_integration import address
from nacos_integration.agent import probe
from nacos_integration.conf import Conf
from nacos_integration.state import status
from nacos_integration.state.states import SETTLED, ConfigOrigin, RegistrationState

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
# After the first answer, for the registration.
SETTLE_SECONDS = 10.0


def log_when_serving(conf: Conf, stopping: threading.Event) -> None:
    """Wait until the own address answers and the registration is settled, then log the line."""
    threading.Thread(target=_wait, args=(conf, stopping), name="start-line", daemon=True).start()


def _wait(conf: Conf, stopping: threading.Event) -> None:
    deadline = float("inf")
    asked = probe.bound_address(conf)
    while not stopping.wait(POLL_SECONDS):
        if deadline == float("inf") and probe.check(conf, asked) is probe.Answer.READY:
            deadline = time.monotonic() + SETTLE_SECONDS
        agent = status.read()
        is_settled = agent and agent["registration"]["state"] in SETTLED
        if deadline < float("inf") and (is_settled or time.monotonic() > deadline):
            logger.info("%s", describe(conf, agent))
            return


def describe(conf: Conf, agent: dict[str, Any]) -> str:
    """Return the line; `agent` is the content of `status.json`."""
    is_wildcard = conf.bind_host in ("0.0.0.0", "::")  # noqa: S104
    host = address.with_port("localhost" if is_wildcard else conf.bind_host, conf.bind_port)
    return (
        f"serving: {conf.home_page} at http://{host}/; "
        f"{_config(conf, agent)}; {_registration(conf, agent)}"
    )


def _config(conf: Conf, agent: dict[str, Any]) -> str:
    config = agent.get("config") or {}
    if config.get("in_force") == conf.config_origin:
        return f"config from {conf.config_key}"
    what = "default" if config.get("in_force") == ConfigOrigin.DEFAULT else "last good one"
    rejected = (config.get("rejected") or {}).get("reason")
    reason = config.get("missing") or rejected or config.get("source_error") or "not compared yet"
    return f"config: the {what}, because: {reason}"


def _registration(conf: Conf, agent: dict[str, Any]) -> str:
    registration = agent.get("registration") or {}
    state = registration.get("state")
    if not conf.uses_nacos:
        return f"not registered: {conf.names['server_addr']} is not set"
    if not conf.register_enabled:
        return f"not registered: {conf.names['register_enabled']} is off"
    if state == RegistrationState.REGISTERED:
        return f"registered in Nacos as {conf.service_name} at {agent['instance']}"
    if state == RegistrationState.OFFLINE:
        return "not registered: an operator keeps it offline"
    return f"not registered: {registration.get('error') or state}"
