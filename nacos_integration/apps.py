"""Starts the agent in a process that serves."""

import atexit
import signal
import sys
import threading
from typing import TYPE_CHECKING

from django.apps import AppConfig

from nacos_integration.launch import process

if TYPE_CHECKING:
    from nacos_integration.agent.supervisor import Agent


class NacosIntegrationConfig(AppConfig):
    """Registers this instance in Nacos and follows its config, or follows a config file."""

    name = "nacos_integration"
    verbose_name = "Nacos"
    agent: "Agent | None" = None

    def ready(self) -> None:
        """Start the agent if this process serves, and will not fork workers."""
        from nacos_integration import checks, conf  # noqa: F401 (importing registers the check)

        given = conf.given()
        if process.should_have_agent(
            agent_in_parent=given["lifeline_fd"] is not None,
            reloader_child=given["reloader_child"],
        ):
            self.start_agent()

    def start_agent(self) -> "Agent":
        """Return this process's agent, started."""
        if self.agent is None:
            # Only here: the SDK takes a second to import, and other commands do not need it.
            from nacos_integration import conf
            from nacos_integration.agent.supervisor import Agent

            self.agent = Agent(conf.load())
            self.agent.start()
            atexit.register(self.agent.stop)
            _run_atexit_on_signals()
        return self.agent


def _run_atexit_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this process in order, unless its launcher handles them."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda *_: sys.exit(0))
