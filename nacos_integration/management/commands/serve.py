"""`manage.py serve`: the agent in this process, gunicorn in a child process."""

import logging
import os
import signal
import subprocess
import sys
import time
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from nacos_integration import conf
from nacos_integration.apps import NacosIntegrationConfig

logger = logging.getLogger(__name__)

LOCK_SECONDS = 5.0
KILL_SECONDS = 5.0
EX_SOFTWARE = 70


class Command(BaseCommand):
    """Serves until SIGTERM or SIGINT, and ends in order.

    On SIGTERM readiness says no, the instance leaves the registry, and requests are answered for
    SERVE_DRAIN_SECONDS more, because callers keep its address that long; a second SIGTERM cuts that
    short. Then requests in flight finish. SIGINT leaves out the wait.
    """

    help = "Serve with gunicorn, registered in Nacos where one is configured."
    # Checking the URLs would load scikit-learn, which only the workers need.
    requires_system_checks = ["serving"]

    def execute(self, *args: Any, **options: Any) -> Any:
        """Say what went wrong in the log, where all else of a service is looked for."""
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            logger.critical("%s", error)
            sys.exit(error.returncode)

    def handle(self, *args: Any, **options: Any) -> None:
        self._signals: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._require_migrations()
        app = apps.get_app_config("nacos_integration")
        assert isinstance(app, NacosIntegrationConfig)
        agent = app.start_agent()
        if not agent.holds_lock.wait(LOCK_SECONDS):
            agent.stop()
            configuration = conf.load()
            raise CommandError(
                f"another process serves as {configuration.instance} with the state directory "
                f"{configuration.state_dir}: stop it, or set PORT or STATE_DIR"
            )
        gunicorn, lifeline = self._start_gunicorn()
        try:
            while not self._signals and gunicorn.poll() is None and not agent.failed.is_set():
                time.sleep(0.1)
            ended_by_itself = gunicorn.poll() is not None
            # First out of the registry, so that nobody new is sent here; only then the server.
            left_for_seconds = agent.deregister()
            if not ended_by_itself and signal.SIGINT not in self._signals:
                self._drain(gunicorn, settings.SERVE_DRAIN_SECONDS - left_for_seconds)
        finally:
            self._stop_gunicorn(gunicorn)
            os.close(lifeline)
        agent.stop()
        if agent.failed.is_set():
            sys.exit(EX_SOFTWARE)
        if ended_by_itself:
            raise CommandError(f"gunicorn ended by itself, exit code {gunicorn.returncode}")

    def _on_signal(self, number: int, frame: Any) -> None:
        # No threading.Event: a second signal within its set() would wait for the first for ever.
        self._signals.append(number)

    def _drain(self, gunicorn: "subprocess.Popen[bytes]", seconds: float) -> None:
        """Go on serving for callers that do not know yet, until a further signal at the most."""
        seen = len(self._signals)
        deadline = time.monotonic() + seconds
        while (
            time.monotonic() < deadline and len(self._signals) == seen and gunicorn.poll() is None
        ):
            time.sleep(0.1)

    def _require_migrations(self) -> None:
        try:
            executor = MigrationExecutor(connection)
            missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        except DatabaseError as error:
            # Never needed to serve: history waits for it.
            logger.error("the database is away, serving without history for now: %s", error)
            return
        finally:
            connection.close()
        # SQLite is in the state directory; any other database is not ours to change.
        is_temporary = getattr(settings, "STATE_DIR_IS_TEMPORARY", False)
        if missing and is_temporary and connection.vendor == "sqlite":
            call_command("migrate", verbosity=0, skip_checks=True)
        elif missing:
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
