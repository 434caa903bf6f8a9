"""Keeps this instance in the registry: the heartbeat, one turn at a time."""

import logging
import time
from collections.abc import Callable
from typing import Any

from nacos_integration.agent.probe import Answer
from nacos_integration.conf import Conf
from nacos_integration.errors import NacosError
from nacos_integration.sdk.client import NacosClient, own_instance
from nacos_integration.state import files
from nacos_integration.state.status import Status

logger = logging.getLogger(__name__)

# After a failure: soon again at first, and never more than 3 s later.
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 3.0)
STARTING_SECONDS = 0.2
SILENT_SECONDS = 10.0
LISTED_SECONDS = 1.5


class Registration:
    """Registers while the instance serves, and asks the registry itself whether it is listed.

    States, in `status.json`: `starting` (own address not ready), `registered` (the registry listed
    it at `verified_at`), `retrying` (Nacos does not answer or refuses), `not_serving` (taken off
    because the address stopped answering), `offline` (taken off by an operator; `confirmed_at` when
    the registry agreed), `deregistered` (left). One thread calls `turn` and `leave`.
    """

    def __init__(
        self, conf: Conf, client: NacosClient, status: Status, probe: Callable[[], Answer]
    ) -> None:
        self._conf = conf
        self._client = client
        self._status = status
        self._probe = probe
        self._joined = False
        self._left_at = float("-inf")
        self._beat_at = float("-inf")
        self._answered_at = time.monotonic()
        self._failures = 0
        self._message = ""
        self._differences: list[str] = []
        self._registrations = 0
        self._set("starting")

    def turn(self) -> float:
        """Do what is due, and return the seconds until the next turn."""
        try:
            if self.is_offline():
                self._stay_offline()
                return self._conf.verify_interval_seconds
            if not self._serves():
                return STARTING_SECONDS
            listed = self._keep_listed()
        except NacosError as error:
            return self._retry(str(error))
        if listed is None:
            return self._retry("registered, but the registry does not list the instance yet")
        if self._failures or self._state != "registered":
            logger.info("registry: %s is listed", self._name())
        self._failures, self._message = 0, ""
        self._report_differences(listed)
        self._set("registered", verified_at=time.time(), listed=listed, error=None)
        return min(self._conf.verify_interval_seconds, self._conf.beat_interval_seconds)

    def is_offline(self) -> bool:
        """Return whether an operator wants this instance out of the registry."""
        wish = files.read_json(self._conf.offline_path)
        if wish is None:
            return False
        if wish.get("launch_id") not in (None, self._conf.launch_id):
            # It was for an earlier launch only.
            self._conf.offline_path.unlink(missing_ok=True)
            return False
        return True

    def leave(self) -> bool:
        """Deregister; return whether the registry confirmed it within a time limit."""
        if not self._joined:
            return True
        try:
            self._client.deregister()
            gone = self._ask_until(listed=False) is None
        except NacosError as error:
            gone = False
            logger.warning("registry: %s left without a goodbye: %s", self._name(), error)
        else:
            logger.info("registry: %s %s", self._name(), "left" if gone else "is still listed")
        self._joined = False
        self._left_at = time.monotonic()
        self._set("deregistered")
        return gone

    @property
    def left_for_seconds(self) -> float:
        """For how long callers cannot have found this instance; infinite if they never could."""
        return 0.0 if self._joined else time.monotonic() - self._left_at

    def _stay_offline(self) -> None:
        self.leave()
        gone = self._find() is None
        if self._state != "offline":
            logger.warning("registry: %s is kept offline by an operator", self._name())
        self._failures, self._message = 0, ""
        self._set("offline", confirmed_at=time.time() if gone else None, error=None)
        if not gone:
            # Registered by a connection of ours that the server still holds.
            self._joined = True

    def _serves(self) -> bool:
        answer = self._probe()
        now = time.monotonic()
        if answer is Answer.READY:
            self._answered_at = now
            return True
        if not self._joined:
            self._set("starting", error=answer.value)
            return False
        if answer is Answer.NOT_READY or (
            # Overload is no reason to leave; an address that nobody listens on is.
            answer is Answer.TIMEOUT and now - self._answered_at < SILENT_SECONDS
        ):
            return True
        logger.error("registry: leaving, own address: %s", answer.value)
        self.leave()
        self._set("not_serving", error=answer.value)
        return False

    def _keep_listed(self) -> dict[str, Any] | None:
        now = time.monotonic()
        if now - self._beat_at < self._conf.beat_interval_seconds:
            listed = self._find() or self._client.find_disabled_instance()
            if listed is not None:
                return listed
            logger.warning("registry: %s is not listed, registering again", self._name())
            self._status.count("registration", "reregistered_count")
            # The connection was lost, and the SDK has made another: a push may be lost as well.
            self._client.on_config_push()
        self._joined = True
        self._client.register()
        self._beat_at = now
        self._registrations += 1
        self._set(self._state, registrations=self._registrations)
        return self._ask_until(listed=True) or self._client.find_disabled_instance()

    def _ask_until(self, *, listed: bool) -> dict[str, Any] | None:
        """Return what the registry says once that is as wanted, or a time limit is over.

        A server says yes to a registration, or to its end, a moment before it lists so.
        """
        deadline = time.monotonic() + LISTED_SECONDS
        while True:
            found = self._find()
            if (found is not None) is listed or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def _find(self) -> dict[str, Any] | None:
        instances = self._client.list_instances()
        self._status.note_instances(instances)
        return own_instance(self._conf, instances)

    def _report_differences(self, listed: dict[str, Any]) -> None:
        """Tell what an operator changed in the console; that outranks what we register."""
        ours = {"enabled": True, "weight": self._conf.weight, **self._conf.metadata}
        theirs = listed | listed["metadata"]
        found = [
            f"{name}: {theirs.get(name)!r} instead of {value!r}"
            for name, value in ours.items()
            if theirs.get(name) != value
        ] + [
            f"{name}: {value!r} added"
            for name, value in listed["metadata"].items()
            if name not in ours
        ]
        if found != self._differences:
            self._differences = found
            logger.warning(
                "registry: changed by an operator, and left so: %s", "; ".join(found) or "no more"
            )
            self._set(self._state, differences=found)

    def _retry(self, error: str) -> float:
        self._failures += 1
        # Register at the next turn, not only ask: the connection is a new one.
        self._beat_at = float("-inf")
        if error != self._message:
            self._message = error
            logger.warning("registry: %s: retrying: %s", self._name(), error)
        self._set("retrying", error=error)
        return RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS)) - 1]

    def _name(self) -> str:
        return f"{self._conf.service_name} at {self._conf.instance}"

    def _set(self, new_state: str, **values: Any) -> None:
        self._state = new_state
        self._status.update("registration", state=new_state, **values)
