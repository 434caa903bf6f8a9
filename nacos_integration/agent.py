"""The agent: the one set of threads per instance that talks to Nacos."""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nacos_integration import probe
from nacos_integration.audit import AuditLog
from nacos_integration.client import NacosClient
from nacos_integration.conf import Conf
from nacos_integration.registration import Registration
from nacos_integration.sources import ConfigSource, FileSource, NacosSource
from nacos_integration.status import Status
from nacos_integration.watcher import ConfigWatcher

logger = logging.getLogger(__name__)

STANDBY_SECONDS = 1.0
RESTART_SECONDS = 1.0
JOIN_SECONDS = 1.0
AUDIT_SECONDS = 1.0


class Agent:
    """Registers the instance and watches the config, in the one process that holds the lock.

    `start` returns at once. The process that gets the lock works; any other stands by, and takes
    over within a few seconds when that one ends. `stop` deregisters, closes the connection and
    ends the threads, in this order, within about 10 s whatever Nacos does. An agent is started and
    stopped once.
    """

    def __init__(self, conf: Conf) -> None:
        self._conf = conf
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nacos-agent", daemon=True)
        self.holds_lock = threading.Event()

    def start(self) -> None:
        """Start the thread that gets the lock and then works."""
        self._thread.start()

    def stop(self) -> None:
        """Stop in order; harmless when stopped already."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        lock = self._acquire()
        if lock is None:
            return
        self.holds_lock.set()
        try:
            while not self._stop.is_set():
                try:
                    self._work()
                except Exception:
                    logger.exception("the agent failed, starting it anew")
                self._stop.wait(RESTART_SECONDS)
        finally:
            os.close(lock)

    def _acquire(self) -> int | None:
        """Return the locked file, or None when stopped before it was free."""
        path: Path = self._conf.agent_dir / "lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opened here and not earlier: a child forked with an open lock would keep it alive.
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        while not self._stop.is_set():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._stop.wait(STANDBY_SECONDS)
            else:
                return lock
        os.close(lock)
        return None

    def _work(self) -> None:
        """Work until stopped, or until one of the threads dies."""
        conf = self._conf
        done = threading.Event()
        status = Status(conf)
        audit = AuditLog()
        client = NacosClient(conf) if conf.uses_nacos else None
        source = NacosSource(client) if client else FileSource(Path(conf.config_file))
        watcher = ConfigWatcher(conf, source, status, audit.record)
        threads = [_thread("config-watcher", _watch, done, watcher, source, conf)]
        registration = None
        if client and conf.register_enabled:
            registration = Registration(conf, client, status, partial(probe.ask, conf))
            threads.append(_thread("nacos-heartbeat", _beat, done, registration))
        try:
            while not self._stop.wait(0.1) and all(thread.is_alive() for thread in threads):
                pass
        finally:
            done.set()
            source.wake()
            deadline = time.monotonic() + JOIN_SECONDS
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
            if registration and self._stop.is_set():
                registration.leave()
            if client:
                client.close()
            audit.close(AUDIT_SECONDS)


def _watch(done: threading.Event, watcher: ConfigWatcher, source: ConfigSource, conf: Conf) -> None:
    while not done.is_set():
        delay = watcher.turn()
        if delay is None:
            source.wait(conf.reread_interval_seconds)
        else:
            done.wait(delay)


def _beat(done: threading.Event, registration: Registration) -> None:
    while not done.is_set():
        done.wait(registration.turn())


def _thread(name: str, target: Callable[..., None], *args: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, name=name, daemon=True)
    thread.start()
    return thread
