"""The agent: the one process of an instance that talks to Nacos."""

import collections
import contextlib
import fcntl
import logging
import os
import threading
import time

from nacos_integration.agent import start_line
from nacos_integration.agent.threads import AgentThreads
from nacos_integration.conf import Conf
from nacos_integration.state import files, offline, worker_reports
from nacos_integration.state.states import SETTLED
from nacos_integration.state.status import read as read_status

logger = logging.getLogger(__name__)

STANDBY_SECONDS = 1.0
RESTART_SECONDS = 1.0
DEREGISTER_SECONDS = 8.0
# Less than the 30 s after which gunicorn kills a silent worker.
HAND_OVER_SECONDS = 25.0
TICK_SECONDS = 0.1
DEATHS_MAX = 5
DEATHS_WITHIN_SECONDS = 60.0


class Agent:
    """Registers the instance and watches the config, in the one process that holds the lock.

    `start` returns at once. The process that gets the lock works. Any other stands by, and takes
    over within a few seconds after that process has ended. When a thread dies, all are replaced,
    with a new connection. If that happens too often, `failed` is set.

    `deregister` may be called before `stop`; the config is still followed then. `stop` deregisters
    unless that was done, closes the connection and ends the threads. It takes at most about 15 s,
    even if Nacos does not answer. An agent is started and stopped once, from one thread.
    """

    def __init__(self, conf: Conf) -> None:
        self._conf = conf
        self._lock_path = conf.agent_dir / "lock"
        self._stopping = threading.Event()
        self._deregistering = threading.Event()
        self._deregistered = threading.Event()
        self._seconds_deregistered = float("inf")
        self._is_handing_over = False
        self._deaths: collections.deque[float] = collections.deque(maxlen=DEATHS_MAX)
        self._thread = threading.Thread(target=self._run, name="nacos-agent", daemon=True)
        self.holds_lock = threading.Event()
        self.failed = threading.Event()

    def start(self) -> None:
        """Start the thread that gets the lock and then works."""
        self._thread.start()

    def deregister(self) -> float:
        """Make the instance not ready, and deregister it.

        Returns when the registry has confirmed that, or after a time limit. The result is for how
        many seconds callers have been unable to find the instance: 0 if it was registered until
        now, more if it was offline, infinite if it never registered.
        """
        self._deregistering.set()
        if self.holds_lock.is_set():
            self._deregistered.wait(DEREGISTER_SECONDS)
        return self._seconds_deregistered

    def stop(self) -> None:
        """Stop in order; does nothing if stopped already."""
        self._stopping.set()
        if self._thread.ident:
            self._thread.join()

    def hand_over(self) -> None:
        """Stop without deregistering, because another process of this launch takes over.

        Keeps the connection until that process has registered, so that the registry lists the
        instance all the time, but at most HAND_OVER_SECONDS.
        """
        self._is_handing_over = True
        self.stop()

    def _run(self) -> None:
        lock = self._acquire_lock()
        if lock is None:
            return
        if read_status().get("launch_id") != self._conf.launch_id:  # else it took over
            start_line.log_when_serving(self._conf, self._stopping)
        self.holds_lock.set()
        offline.carry_over()
        try:
            while not self._stopping.is_set():
                try:
                    self._work(lock)
                except Exception:
                    logger.exception("the agent failed")
                if not self._stopping.is_set():
                    self._count_death()
                    self._stopping.wait(RESTART_SECONDS)
        finally:
            self._deregistered.set()
            self._release_lock(lock)

    def _acquire_lock(self) -> int | None:
        """Return the locked file, or None if the agent was stopped first."""
        while not self._stopping.is_set():
            # Opened here and not earlier: a child forked with an open lock would keep it locked.
            files.make_folder(self._lock_path.parent)
            lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
            with contextlib.suppress(BlockingIOError, FileNotFoundError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The previous holder may have removed the file that was opened.
                if os.fstat(lock).st_ino == self._lock_path.stat().st_ino:
                    return lock
            os.close(lock)
            self._stopping.wait(STANDBY_SECONDS)
        return None

    def _release_lock(self, lock: int) -> None:
        if not self._is_handing_over:
            # Removed while locked; a process that waits for it opens the new file.
            self._lock_path.unlink(missing_ok=True)
        os.close(lock)
        worker_reports.read()  # removes the reports of killed workers
        with contextlib.suppress(OSError):
            self._conf.agent_dir.rmdir()

    def _work(self, lock: int) -> None:
        """Work until stopped, or until a thread dies."""
        threads = AgentThreads(self._conf, registers=not self._deregistering.is_set())
        try:
            self._poll(threads)
        finally:
            threads.end()
            if self._is_handing_over:
                self._wait_for_successor(lock)
            elif self._stopping.is_set():
                threads.deregister()
            threads.close()
            if self._stopping.is_set() and not self._is_handing_over:
                threads.status.remove()

    def _poll(self, threads: AgentThreads) -> None:
        while not self._stopping.wait(TICK_SECONDS) and threads.are_alive():
            threads.pass_on_requests()
            # Here, because the threads may wait for Nacos.
            threads.repair_applied_file()
            threads.measure_rollout()
            if self._deregistering.is_set() and not threads.is_draining:
                self._drain(threads)

    def _drain(self, threads: AgentThreads) -> None:
        seconds = threads.begin_drain()
        # The shorter one, if the threads have died and been replaced while they deregistered.
        self._seconds_deregistered = min(seconds, self._seconds_deregistered)
        threads.deregister()
        self._deregistered.set()

    @staticmethod
    def _wait_for_successor(lock: int) -> None:
        fcntl.flock(lock, fcntl.LOCK_UN)
        deadline = time.monotonic() + HAND_OVER_SECONDS
        while time.monotonic() < deadline:
            agent = read_status()
            # Empty for a moment if that process has not written it yet.
            state = agent.get("registration", {}).get("state")
            if agent.get("pid") != os.getpid() and state in SETTLED:
                return
            time.sleep(TICK_SECONDS)

    def _count_death(self) -> None:
        self._deaths.append(time.monotonic())
        if (
            len(self._deaths) == DEATHS_MAX
            and self._deaths[-1] - self._deaths[0] < DEATHS_WITHIN_SECONDS
        ):
            logger.critical("the agent died %d times within a minute, giving up", DEATHS_MAX)
            self.failed.set()
            self._stopping.set()
        else:
            logger.error("restarting the agent")
