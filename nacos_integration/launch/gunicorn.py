"""gunicorn's hooks, for a gunicorn.conf.py to import.

gunicorn's master loads that file before the application, and so imports this module first.
"""

from typing import TYPE_CHECKING, Any

from django.apps import apps

from nacos_integration import conf
from nacos_integration.launch import process

if TYPE_CHECKING:
    from nacos_integration.apps import NacosIntegrationConfig

__all__ = ["post_fork", "when_ready", "worker_exit"]

process.will_fork = True


def when_ready(server: Any) -> None:
    """Under `manage.py serve`, end when that process has ended."""
    process.end_with_parent(conf.given()["lifeline_fd"])


def post_fork(server: Any, worker: Any) -> None:
    """Let the worker start an agent."""
    process.will_fork = False
    # With --preload the apps were loaded in the master, where `ready` started nothing.
    if apps.ready:
        _app().ready()


def worker_exit(server: Any, worker: Any) -> None:
    """Hand the agent over when only this worker ends, because of --max-requests.

    A single worker has nobody to wait for: gunicorn starts the next one only after its end.
    """
    if worker.nr >= worker.max_requests and server.num_workers > 1:
        agent = _app().agent
        if agent:
            agent.hand_over()


def _app() -> "NacosIntegrationConfig":
    app: NacosIntegrationConfig = apps.get_app_config("nacos_integration")  # type: ignore[assignment]
    return app
