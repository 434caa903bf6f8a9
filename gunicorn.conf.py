"""gunicorn's settings; gunicorn loads this file by itself when started in this folder."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from django.apps import apps

from kmeans_project import settings
from nacos_integration import launch

bind = f"{settings.HOST}:{settings.PORT}"
workers = settings.WORKERS
worker_class = "gthread"
threads = settings.THREADS
graceful_timeout = int(settings.SERVE_STOP_TIMEOUT_SECONDS)
# A control socket would be made in the home directory, which may be read-only.
control_socket_disable = True

# This module runs in the master before anything else, so with --preload too.
launch.will_fork = True


def when_ready(server: Any) -> None:
    """Under `manage.py serve`, end when that process does, however it ends."""
    if settings.SERVE_LIFELINE_FD is not None:
        threading.Thread(
            target=_end_with_parent,
            args=(settings.SERVE_LIFELINE_FD,),
            name="lifeline",
            daemon=True,
        ).start()


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the other end closes
    os.kill(os.getpid(), signal.SIGQUIT)
    time.sleep(1)
    os.killpg(os.getpid(), signal.SIGKILL)  # `serve` made it the leader of a group of its own


def worker_exit(server: Any, worker: Any) -> None:
    """Hand the agent over when only this worker ends, after the requests of --max-requests."""
    if worker.nr >= worker.max_requests:
        agent = apps.get_app_config("nacos_integration").agent  # type: ignore[attr-defined]
        if agent:
            agent.hand_over()


def post_fork(server: Any, worker: Any) -> None:
    """Let the worker start the agent."""
    launch.will_fork = False
    # With --preload the apps were loaded in the master, where ready() had to start nothing.
    if apps.ready:
        apps.get_app_config("nacos_integration").ready()
