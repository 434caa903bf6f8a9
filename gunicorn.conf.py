"""gunicorn's settings; gunicorn reads this file if it is started in this folder."""

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from kmeans_project import metrics_folder
from kmeans_project.prepare import of_this_launch, prepare, prepare_metrics

prepare()
prepare_metrics()

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from kmeans_project import logs, tracing
from nacos_integration.launch import gunicorn as nacos
from nacos_integration.launch.gunicorn import when_ready  # noqa: F401
from serving.gunicorn import metric_files
from serving.gunicorn.hooks import hooks
from serving.gunicorn.listener import shares

try:
    settings.PORT  # noqa: B018 (reading the first setting reads all of them)
except ImproperlyConfigured as error:
    sys.exit(f"wrong setting: {error}")

host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
bind = f"{host}:{settings.PORT}"
workers = settings.WORKERS
# docs/architecture.md says why none of gunicorn's own.
worker_class = "serving.gunicorn.worker.Worker"
# Longer than HTTP clients usually keep an idle connection, so none is closed while it is reused.
keepalive = 75
# For an unresponsive worker, and for a body that does not arrive, which has its own limit.
timeout = max(30, int(settings.HTTP_READ_TIMEOUT_SECONDS) + 5)
graceful_timeout = int(settings.SERVE_STOP_TIMEOUT_SECONDS)
# The control socket would be in the home directory, which may be read-only.
control_socket_disable = True
logger_class = "serving.gunicorn.logger.Logger"
# In the master, Django does not do this.
logs.configure(settings.LOGGING)
if settings.METRICS_DIR:
    metric_files.install()


def _loaded() -> None:
    """Start the history writer and the report of this worker."""
    # Imported here, because they need Django's apps.
    from clustering.history.writer import history_writer
    from nacos_integration import WorkerReport

    history_writer.start()
    report = WorkerReport()
    hooks.tick, hooks.stopping = report.keep, report.remove


hooks.loaded = _loaded


def on_starting(server: Any) -> None:
    """Load scikit-learn, so that workers share its memory, and start sooner."""
    import sklearn.cluster  # noqa: F401


def pre_fork(server: Any, worker: Any) -> None:
    """Reserve a place for the worker in the count of connections."""
    worker.share = shares.join()


def child_exit(server: Any, worker: Any) -> None:
    """Remove gauges of the dead worker, such as waiting requests, from the metrics."""
    if settings.METRICS_DIR:
        metric_files.end(worker.share)
    shares.leave(worker.share)


def on_reload(server: Any) -> None:
    """Keep the workers until new ones have replaced them."""
    shares.replace(server.worker_age)
    nacos.on_reload(server)


def pre_exec(server: Any) -> None:
    """Let the gunicorn that replaces this one, after SIGUSR2, belong to the same launch.

    It gets the environment that this one was started with. With another launch id, the agent would
    take its answers for those of another program, and deregister.
    """
    server.cfg.env_orig |= of_this_launch()


def worker_exit(server: Any, worker: Any) -> None:
    """Hand the agent over, or remove the metrics folder if the master was killed."""
    nacos.worker_exit(server, worker)
    if os.getppid() != worker.ppid:
        metrics_folder.leave()


def post_fork(server: Any, worker: Any) -> None:
    """Start what does not survive a fork."""
    metric_files.begin(worker.share)
    # With --preload, the apps were loaded in the master. Otherwise wsgi.py starts the tracing.
    if apps.ready:
        tracing.start()
    nacos.post_fork(server, worker)
