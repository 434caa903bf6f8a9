"""gunicorn's hooks, for a gunicorn.conf.py to import.

gunicorn's master loads that file before the application, and so imports this module first.
"""

import mmap
from typing import TYPE_CHECKING, Any

from django.apps import apps

from nacos_integration import conf
from nacos_integration.launch import process

if TYPE_CHECKING:
    from nacos_integration.apps import NacosIntegrationConfig

__all__ = ["on_reload", "post_fork", "when_ready", "worker_exit"]

process.will_fork = True
# Shared with the workers, which are forked earlier: newer ones replace those up to this age, as
# gunicorn numbers them.
_replaced_age = memoryview(mmap.mmap(-1, 4)).cast("i")


def when_ready(server: Any) -> None:
    """Under `manage.py serve`, end when that process has ended."""
    process.end_with_parent(conf.given()["lifeline_fd"])


def on_reload(server: Any) -> None:
    """Let the workers hand the agent over to those that replace them."""
    _replaced_age[0] = server.worker_age


def post_fork(server: Any, worker: Any) -> None:
    """Let the worker start an agent."""
    process.will_fork = False
    # With --preload the apps were loaded in the master, where `ready` started nothing.
    if apps.ready:
        _app().ready()


def worker_exit(server: Any, worker: Any) -> None:
    """Hand the agent over when only this worker ends, because of SIGHUP or --max-requests.

    After --max-requests, a single worker has nobody to wait for: gunicorn starts the next one only
    after its end.
    """
    is_recycled = worker.nr >= worker.max_requests and server.num_workers > 1
    if is_recycled or worker.age <= _replaced_age[0]:
        agent = _app().agent
        if agent:
            agent.hand_over()


def _app() -> "NacosIntegrationConfig":
    app: NacosIntegrationConfig = apps.get_app_config("nacos_integration")  # type: ignore[assignment]
    return app
