"""What one agent runs: its threads, its connection, and how they are wired."""

import time
from functools import partial
from pathlib import Path

from nacos_integration.agent.audit import AuditLog
from nacos_integration.agent.config_watcher import ConfigWatcher
from nacos_integration.agent.loop import Loop
from nacos_integration.agent.own_address import OwnAddress
from nacos_integration.agent.registration import Registration
from nacos_integration.agent.rollout import Rollout
from nacos_integration.agent.sources import ConfigSource, FileSource, NacosSource
from nacos_integration.conf import Conf
from nacos_integration.models import ConfigChange
from nacos_integration.sdk.client import NacosClient
from nacos_integration.state import publishing
from nacos_integration.state.status import Status

JOIN_SECONDS = 1.0
AUDIT_SECONDS = 1.0


class AgentThreads:
    """The threads of an agent: a config watcher, an audit log, and a heartbeat to register.

    All methods are called from one thread. After `end`, only `deregister` and then `close` may be
    called.
    """

    def __init__(self, conf: Conf, *, registers: bool) -> None:
        self._conf = conf
        self._address = OwnAddress(conf)
        self.status = Status(conf, self._address.instance)
        self._audit = AuditLog(self._report_database)
        self._rollout = Rollout(self._audit.record)
        self._client: NacosClient | None = None
        if conf.uses_nacos:
            self._client = NacosClient(conf, conf.agent_dir / "sdk", self._address.ip)
        source = NacosSource(self._client) if self._client else FileSource(Path(conf.config_file))
        self._watcher = watcher = ConfigWatcher(conf, source, self.status, self._record)
        self._watcher_loop = Loop(
            "config-watcher", partial(_watch, watcher, source, conf), source.wake
        )
        self._registration: Registration | None = None
        self._heartbeat: Loop | None = None
        if self._client and conf.register_enabled and registers:
            self._registration = Registration(
                conf,
                self._client,
                self.status,
                self._address,
                on_lost=self._client.distrust_config,
            )
            self._heartbeat = Loop("nacos-heartbeat", self._registration.beat)
        self._is_offline = conf.offline_path.exists()
        self.is_draining = False

    def are_alive(self) -> bool:
        """Return whether all threads that were started are running."""
        return self._watcher_loop.is_alive() and (
            self._heartbeat is None or self._heartbeat.is_alive()
        )

    def repair_applied_file(self) -> None:
        """Write the applied config file again, if something else has changed or removed it."""
        self._watcher.repair()

    def measure_rollout(self) -> None:
        """Record when all workers run the config that was applied last."""
        self._rollout.check()

    def pass_on_requests(self) -> None:
        """Wake the thread that must answer a file of another process."""
        if publishing.has_requests(self._conf.agent_dir):
            self._watcher_loop.wake()
        if self._heartbeat and self._is_offline != self._conf.offline_path.exists():
            self._is_offline = not self._is_offline
            self._heartbeat.wake()

    def begin_drain(self) -> float:
        """Make the instance not ready, and end the heartbeat; the config is still followed.

        Return for how many seconds the instance has been deregistered already.
        """
        self.is_draining = True
        self.status.set_draining()
        if self._heartbeat:
            self._heartbeat.end(JOIN_SECONDS)
            self._heartbeat = None
        return self._registration.seconds_deregistered if self._registration else float("inf")

    def deregister(self) -> None:
        """Deregister, if registered; the heartbeat must have ended."""
        if self._registration:
            self._registration.deregister()

    def end(self) -> None:
        """End the loops, but keep the connection, and with it the registration."""
        for loop in (self._watcher_loop, self._heartbeat):
            if loop:
                loop.end(JOIN_SECONDS)

    def close(self) -> None:
        """Close the connection, and write the history that still waits."""
        if self._client:
            self._client.close()
        self._audit.close(AUDIT_SECONDS)

    def _record(self, row: ConfigChange) -> None:
        self._audit.record(row)
        self._rollout.begin(row)

    def _report_database(self, reachable: bool) -> None:
        self.status.update("database", reachable=reachable, checked_at=time.time())


def _watch(watcher: ConfigWatcher, source: ConfigSource, conf: Conf) -> float:
    for md5, user in publishing.answer_requests(conf.agent_dir, source).items():
        watcher.expect(md5, user)
    delay = watcher.sync()
    if delay is None:
        source.wait(conf.reread_interval_seconds)
        return 0.0
    return delay
