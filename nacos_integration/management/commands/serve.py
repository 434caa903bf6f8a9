"""`manage.py serve`: the agent in this process, gunicorn in a child process."""

import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import time
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from nacos_integration import conf
from nacos_integration.apps import NacosIntegrationConfig
from nacos_integration.launch.gunicorn_process import Gunicorn

logger = logging.getLogger(__name__)

LOCK_SECONDS = 5.0
POLL_SECONDS = 0.1
EX_SOFTWARE = 70
# The second is of a link-local address, the third of IPv6 that is turned off.
NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EINVAL, errno.EAFNOSUPPORT)


class Command(BaseCommand):
    """Serves until SIGTERM, SIGINT, SIGQUIT or a closed terminal, and ends in order.

    On SIGTERM the instance becomes not ready and deregisters. It serves for another `drain_seconds`
    because callers cache its address, unless a second signal comes. Then requests in flight finish.
    SIGINT and SIGQUIT skip `drain_seconds`. SIGHUP replaces the workers, unless it is ignored, as
    under nohup. SIGUSR1 and SIGUSR2 do nothing.
    """

    help = "Serve with gunicorn, registered in Nacos if that is configured."
    # Checking the URLs would import what only the workers need.
    requires_system_checks = ["serving"]

    def execute(self, *args: Any, **options: Any) -> Any:
        """Log errors, because a service's log is where operators look."""
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            logger.critical("%s", error)
            sys.exit(error.returncode)

    def handle(self, *args: Any, **options: Any) -> None:
        self._signals: list[int] = []
        self._reloads = False
        self._has_terminal = _has_terminal()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._on_signal)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_hangup)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)
        self._conf = conf.load()
        self._require_migrations()
        app = apps.get_app_config("nacos_integration")
        assert isinstance(app, NacosIntegrationConfig)
        agent = app.start_agent()
        if not agent.holds_lock.wait(LOCK_SECONDS):
            agent.stop()
            names = self._conf.names
            raise CommandError(
                f"another process serves on port {self._conf.service_port} with the state "
                f"directory {self._conf.state_dir}: stop it, or change {names['bind_port']} or "
                f"{names['state_dir']}"
            )
        if problem := self._port_problem():
            agent.stop()
            raise CommandError(problem)
        gunicorn = Gunicorn(self._conf)
        try:
            while not self._signals and gunicorn.exit_code is None and not agent.failed.is_set():
                if self._reloads:
                    self._reloads = False
                    gunicorn.reload()
                time.sleep(POLL_SECONDS)
            exit_code = gunicorn.exit_code
            # First, so that no new caller finds the instance.
            seconds_deregistered = agent.deregister()
            if exit_code is None and not {signal.SIGINT, signal.SIGQUIT} & set(self._signals):
                self._drain(gunicorn, self._conf.drain_seconds - seconds_deregistered)
        finally:
            gunicorn.stop()
        agent.stop()
        if agent.failed.is_set():
            sys.exit(EX_SOFTWARE)
        if exit_code is not None:
            raise CommandError(f"gunicorn ended by itself, exit code {exit_code}")

    def _on_signal(self, number: int, frame: Any) -> None:
        # No threading.Event: a second signal during its set() would deadlock.
        self._signals.append(number)

    def _on_hangup(self, number: int, frame: Any) -> None:
        if not self._has_terminal or _has_terminal():
            self._reloads = True
        elif not self._signals:  # it comes again from make and from the shell
            self._signals.append(signal.SIGTERM)

    def _drain(self, gunicorn: Gunicorn, seconds: float) -> None:
        """Serve callers that still have the address, for `seconds` or until another signal."""
        received = len(self._signals)
        deadline = time.monotonic() + seconds
        while (
            time.monotonic() < deadline
            and len(self._signals) == received
            and gunicorn.exit_code is None
        ):
            time.sleep(POLL_SECONDS)

    def _port_problem(self) -> str | None:
        """Return why the port cannot be used; gunicorn would retry for seconds before it ends."""
        host, port, names = self._conf.bind_host, self._conf.bind_port, self._conf.names
        where = f"{names['bind_port']}: {port} at {host}"
        with contextlib.suppress(socket.gaierror):  # gunicorn reports it
            for family, kind, protocol, _, address in socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            ):
                try:
                    with socket.socket(family, kind, protocol) as listener:
                        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        listener.bind(address)
                except OSError as error:
                    if error.errno == errno.EADDRINUSE:
                        return f"{where}: another program uses this port: stop it, or change it"
                    if error.errno == errno.EACCES:
                        return f"{where}: this user may not use the port: use one above 1023"
                    if error.errno in NO_SUCH_ADDRESS:
                        return (
                            f"{where}: this host has no such address: correct {names['bind_host']}"
                        )
        return None

    def _require_migrations(self) -> None:
        try:
            executor = MigrationExecutor(connection)
            missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        except DatabaseError as error:
            # Requests do not need the database, and history waits for it.
            logger.error("the database is unreachable, serving without history: %s", error)
            return
        finally:
            connection.close()
        # A temporary SQLite file is new at each start. Operators migrate any other database.
        is_temporary = self._conf.state_dir_is_temporary and connection.vendor == "sqlite"
        if missing and is_temporary:
            call_command("migrate", verbosity=0, skip_checks=True)
        elif missing:
            raise CommandError(
                f"{len(missing)} migrations are not applied: run "
                f"`{sys.executable} {sys.argv[0]} migrate` first"
            )


def _has_terminal() -> bool:
    """Return whether this process has a terminal that is open."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
