"""Starts the agent in a process that serves."""

import atexit
import signal
import sys
import threading
from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.conf import settings

from nacos_integration.launch import process

if TYPE_CHECKING:
    from nacos_integration.agent.supervisor import Agent


class NacosIntegrationConfig(AppConfig):
    """Registers this instance in Nacos and keeps its config in step, or watches a config file."""

    name = "nacos_integration"
    verbose_name = "Nacos"
    agent: "Agent | None" = None

    def ready(self) -> None:
        """Start the agent, where this process serves, and is not about to fork workers."""
        from nacos_integration import checks  # noqa: F401 (importing registers the checks)

        if process.should_have_agent(**settings.NACOS_LAUNCH):
            self.start_agent()

    def start_agent(self) -> "Agent":
        """Return this process's agent, started."""
        if self.agent is None:
            # Only now: the SDK takes a second to import, and other commands have no use for it.
            from nacos_integration import conf
            from nacos_integration.agent.supervisor import Agent

            self.agent = Agent(conf.load())
            self.agent.start()
            atexit.register(self.agent.stop)
            _run_atexit_on_sigterm()
        return self.agent


def _run_atexit_on_sigterm() -> None:
    """Let SIGTERM end this process in order, where its launcher does not see to that."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
