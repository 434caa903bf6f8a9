"""`manage.py serve`: the agent in this process, gunicorn in a child process."""

import os
import signal
import subprocess
import sys
import threading
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from nacos_integration import conf
from nacos_integration.apps import NacosIntegrationConfig

LOCK_SECONDS = 5.0
KILL_SECONDS = 5.0


class Command(BaseCommand):
    """Serves until SIGTERM or SIGINT; then deregisters, lets requests finish, and ends."""

    help = "Serve with gunicorn, registered in Nacos where one is configured."
    # Checking the URLs would load scikit-learn, which only the workers need.
    requires_system_checks = ["nacos"]

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self._require_migrations()
        configuration = conf.load()
        app = apps.get_app_config("nacos_integration")
        assert isinstance(app, NacosIntegrationConfig)
        agent = app.start_agent()
        if not agent.holds_lock.wait(LOCK_SECONDS):
            agent.stop()
            raise CommandError(
                f"another process serves as {configuration.instance} with the state directory "
                f"{configuration.state_dir}: stop it, or set PORT or STATE_DIR"
            )
        gunicorn, lifeline = self._start_gunicorn()
        try:
            while not stop.wait(0.2) and gunicorn.poll() is None:
                pass
            # First out of the registry, so that nobody is sent here any more; then the server.
            agent.stop()
            if gunicorn.poll() is not None:
                raise CommandError(f"gunicorn ended by itself, exit code {gunicorn.returncode}")
        finally:
            self._stop_gunicorn(gunicorn)
            os.close(lifeline)

    def _require_migrations(self) -> None:
        try:
            executor = MigrationExecutor(connection)
            missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        except DatabaseError as error:
            # Never needed to serve: history waits for it.
            self.stderr.write(f"the database is away, serving without history for now: {error}")
            return
        finally:
            connection.close()
        if missing:
            raise CommandError(
                f"{len(missing)} migrations are not applied: run `python manage.py migrate` first"
            )

    @staticmethod
    def _start_gunicorn() -> tuple["subprocess.Popen[bytes]", int]:
        # gunicorn's master reads from the pipe and ends when this end closes, kill -9 included.
        child_end, lifeline = os.pipe()
        module, _, name = settings.WSGI_APPLICATION.rpartition(".")
        gunicorn = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "gunicorn", f"{module}:{name}"],
            cwd=settings.BASE_DIR,
            env=os.environ | {"SERVE_LIFELINE_FD": str(child_end)},
            pass_fds=(child_end,),
            # Its own process group: a Ctrl-C must not reach it before the deregistration.
            start_new_session=True,
        )
        os.close(child_end)
        return gunicorn, lifeline

    @staticmethod
    def _stop_gunicorn(gunicorn: "subprocess.Popen[bytes]") -> None:
        if gunicorn.poll() is None:
            gunicorn.terminate()
            try:
                gunicorn.wait(settings.SERVE_STOP_TIMEOUT_SECONDS + KILL_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(gunicorn.pid, signal.SIGKILL)
                gunicorn.wait()
