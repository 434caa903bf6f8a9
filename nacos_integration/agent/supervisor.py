"""The agent: the one set of threads per instance that talks to Nacos."""

import collections
import contextlib
import fcntl
import logging
import os
import threading
import time
from functools import partial
from pathlib import Path

from nacos_integration.agent import probe
from nacos_integration.agent.audit import AuditLog
from nacos_integration.agent.config_watcher import ConfigWatcher
from nacos_integration.agent.loop import Loop
from nacos_integration.agent.registration import Registration
from nacos_integration.agent.sources import ConfigSource, FileSource, NacosSource
from nacos_integration.conf import Conf
from nacos_integration.sdk.client import NacosClient
from nacos_integration.state import publishing, worker_reports
from nacos_integration.state.states import SETTLED
from nacos_integration.state.status import Status
from nacos_integration.state.status import read as read_status

logger = logging.getLogger(__name__)

STANDBY_SECONDS = 1.0
RESTART_SECONDS = 1.0
JOIN_SECONDS = 1.0
AUDIT_SECONDS = 1.0
LEAVE_SECONDS = 8.0
# Less than the 30 s after which gunicorn kills a worker that says nothing.
HAND_OVER_SECONDS = 25.0
TICK_SECONDS = 0.1
DEATHS_MAX = 5
DEATHS_WITHIN_SECONDS = 60.0


class Agent:
    """Registers the instance and watches the config, in the one process that holds the lock.

    `start` returns at once. The process that gets the lock works; any other stands by, and takes
    over within a few seconds when that one ends. A thread that dies is replaced, with all the
    others and a fresh connection; `failed` is set when that happens too often.

    To end, `leave` (deregister; the config is still followed) may come first; `stop` deregisters if
    nobody has, closes the connection and ends the threads, within about 15 s whatever Nacos does.
    An agent is started and stopped once, from one thread.
    """

    def __init__(self, conf: Conf) -> None:
        self._conf = conf
        self._stop = threading.Event()
        self._leave = threading.Event()
        self._left = threading.Event()
        self._keep_registered = False
        self._left_for_seconds = float("inf")
        self._deaths: collections.deque[float] = collections.deque(maxlen=DEATHS_MAX)
        self._thread = threading.Thread(target=self._run, name="nacos-agent", daemon=True)
        self.holds_lock = threading.Event()
        self.failed = threading.Event()

    def start(self) -> None:
        """Start the thread that gets the lock and then works."""
        self._thread.start()

    def leave(self) -> float:
        """Make readiness say no, and deregister; return for how long callers cannot find it.

        That is 0 for an instance that was registered, more for one that was offline already, and
        infinite for one that never was there. Returns when the registry has confirmed it, or a time
        limit is over.
        """
        self._leave.set()
        if self.holds_lock.is_set():
            self._left.wait(LEAVE_SECONDS)
        return self._left_for_seconds

    def stop(self) -> None:
        """Stop in order; harmless when stopped already."""
        self._stop.set()
        if self._thread.ident:
            self._thread.join()

    def hand_over(self) -> None:
        """Stop without deregistering: another process of this launch is to go on with it.

        The connection is kept until that one has registered, so that the registry never drops the
        instance; without one within a few seconds, stop.
        """
        self._keep_registered = True
        self.stop()

    def _run(self) -> None:
        lock = self._acquire()
        if lock is None:
            return
        self.holds_lock.set()
        try:
            while not self._stop.is_set():
                try:
                    self._work(lock)
                except Exception:
                    logger.exception("the agent failed")
                if not self._stop.is_set():
                    self._count_death()
                    self._stop.wait(RESTART_SECONDS)
        finally:
            self._left.set()
            if not self._keep_registered:
                # Removed while locked; who waits for it notices and opens the new one.
                (self._conf.agent_dir / "lock").unlink(missing_ok=True)
            os.close(lock)
            worker_reports.read()  # which removes what those left that were killed
            with contextlib.suppress(OSError):
                self._conf.agent_dir.rmdir()

    def _count_death(self) -> None:
        self._deaths.append(time.monotonic())
        if (
            len(self._deaths) == DEATHS_MAX
            and self._deaths[-1] - self._deaths[0] < DEATHS_WITHIN_SECONDS
        ):
            logger.critical("the agent died %d times within a minute, giving up", DEATHS_MAX)
            self.failed.set()
            self._stop.set()
        else:
            logger.error("the agent starts anew")

    def _acquire(self) -> int | None:
        """Return the locked file, or None when stopped before it was free."""
        path: Path = self._conf.agent_dir / "lock"
        while not self._stop.is_set():
            # Opened here and not earlier: a child forked with an open lock would keep it alive.
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            with contextlib.suppress(BlockingIOError, FileNotFoundError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The holder before us has removed the file that we may have opened.
                if os.fstat(lock).st_ino == path.stat().st_ino:
                    return lock
            os.close(lock)
            self._stop.wait(STANDBY_SECONDS)
        return None

    def _work(self, lock: int) -> None:
        """Work until stopped, or until one of the threads dies."""
        conf = self._conf
        status = Status(conf)
        audit = AuditLog(partial(_note_database, status))
        client = NacosClient(conf, conf.agent_dir / "sdk") if conf.uses_nacos else None
        source = NacosSource(client) if client else FileSource(Path(conf.config_file))
        watcher = ConfigWatcher(conf, source, status, audit.record)
        loops = [Loop("config-watcher", partial(_watch, watcher, source, conf), source.wake)]
        registration = heartbeat = None
        if client and conf.register_enabled and not self._leave.is_set():
            registration = Registration(
                conf, client, status, probe=partial(probe.check, conf), on_lost=source.wake
            )
            heartbeat = Loop("nacos-heartbeat", registration.beat)
            loops.append(heartbeat)
        draining = False
        offline = conf.offline_path.exists()
        try:
            while not self._stop.wait(TICK_SECONDS) and all(loop.is_alive() for loop in loops):
                if publishing.is_asked(conf.agent_dir):
                    loops[0].nudge()
                    source.wake()
                if heartbeat and offline != conf.offline_path.exists():
                    offline = not offline
                    heartbeat.nudge()
                if self._leave.is_set() and not draining:
                    draining = True
                    status.set_draining()
                    if heartbeat and registration:
                        loops.remove(heartbeat)
                        heartbeat.end(JOIN_SECONDS)
                        self._left_for_seconds = registration.seconds_deregistered
                        registration.deregister()
                    self._left.set()
        finally:
            for loop in loops:
                loop.end(JOIN_SECONDS)
            if self._keep_registered:
                fcntl.flock(lock, fcntl.LOCK_UN)
                self._wait_for_successor()
            elif registration and self._stop.is_set():
                registration.deregister()
            if client:
                client.close()
            audit.close(AUDIT_SECONDS)
            if self._stop.is_set() and not self._keep_registered:
                status.remove()

    @staticmethod
    def _wait_for_successor() -> None:
        deadline = time.monotonic() + HAND_OVER_SECONDS
        while time.monotonic() < deadline:
            agent = read_status()
            # Empty for a moment if that process has not written it yet.
            state = agent.get("registration", {}).get("state")
            if agent.get("pid") != os.getpid() and state in SETTLED:
                return
            time.sleep(TICK_SECONDS)


def _note_database(status: Status, reachable: bool) -> None:
    status.update("database", reachable=reachable, checked_at=time.time())


def _watch(watcher: ConfigWatcher, source: ConfigSource, conf: Conf) -> float:
    publishing.answer(conf.agent_dir, source)
    delay = watcher.sync()
    if delay is None:
        source.wait(conf.reread_interval_seconds)
        return 0.0
    return delay
