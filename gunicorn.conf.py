"""gunicorn's settings; gunicorn loads this file by itself when started in this folder."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from django.apps import apps

from kmeans_project import logs, settings, tracing
from nacos_integration.launch import process
from serving.gunicorn.listener import shares

bind = f"{settings.HOST}:{settings.PORT}"
workers = settings.WORKERS
# Threads must never wait for a slow sender; gthread's do.
worker_class = "serving.gunicorn.worker.Worker"
# The parser in C, gunicorn_h1c 0.6.9, is a little faster, but it takes what follows a request with
# "X: y\nTransfer-Encoding: chunked" in its head for another request.
http_parser = "python"
# Longer than the pools of usual HTTP clients keep a connection without a request, so that it is not
# closed just when one reuses it.
keepalive = 75
# Of a worker that says nothing, and of a body of which nothing arrives: that has its own limit.
timeout = max(30, int(settings.HTTP_READ_TIMEOUT_SECONDS) + 5)
forwarded_allow_ips = ",".join(str(network) for network in settings.TRUSTED_PROXIES)
graceful_timeout = int(settings.SERVE_STOP_TIMEOUT_SECONDS)
# A control socket would be made in the home directory, which may be read-only.
control_socket_disable = True
logger_class = "serving.gunicorn.logger.Logger"
# For the master, where Django does not do it.
logs.configure(settings.LOGGING)

# This module runs in the master before anything else, so with --preload too.
process.will_fork = True

if not settings.METRICS_DIR:
    # In memory where there is such a folder: the workers map the files there, and would be killed
    # by the kernel if the disk was full.
    _memory = Path("/dev/shm")  # noqa: S108
    settings.METRICS_DIR = tempfile.mkdtemp(
        prefix="skl-kmeans-metrics-",
        dir=_memory if os.access(_memory, os.W_OK) else settings.STATE_DIR,
    )
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = settings.METRICS_DIR


def when_ready(server: Any) -> None:
    """Under `manage.py serve`, end when that process does, however it ends."""
    process.end_with_parent(settings.SERVE_LIFELINE_FD)


def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker its place among those that share the connections."""
    worker.share = shares.join()


def child_exit(server: Any, worker: Any) -> None:
    """Take what only living workers have, such as waiting requests, out of the metrics."""
    shares.leave(worker.share)
    # Not above: it looks for the folder when it is imported.
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Leave no metrics behind."""
    shutil.rmtree(settings.METRICS_DIR, ignore_errors=True)


def worker_exit(server: Any, worker: Any) -> None:
    """Hand the agent over when only this worker ends, after the requests of --max-requests."""
    if worker.nr >= worker.max_requests:
        agent = apps.get_app_config("nacos_integration").agent  # type: ignore[attr-defined]
        if agent:
            agent.hand_over()


def post_fork(server: Any, worker: Any) -> None:
    """Let the worker start the agent."""
    process.will_fork = False
    # With --preload the apps were loaded in the master, where ready() had to start nothing.
    if apps.ready:
        tracing.start()
        apps.get_app_config("nacos_integration").ready()
