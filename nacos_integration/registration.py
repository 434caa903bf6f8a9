"""Keeps this instance in the registry: the heartbeat, one turn at a time."""

import logging
import time
from collections.abc import Callable
from typing import Any

from nacos_integration.client import NacosClient, NacosError
from nacos_integration.conf import Conf
from nacos_integration.probe import Answer
from nacos_integration.status import Status

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
    because the address stopped answering), `deregistered` (left). One thread calls `turn`, and
    after it has ended any one calls `leave`.
    """

    def __init__(
        self, conf: Conf, client: NacosClient, status: Status, probe: Callable[[], Answer]
    ) -> None:
        self._conf = conf
        self._client = client
        self._status = status
        self._probe = probe
        self._joined = False
        self._beat_at = float("-inf")
        self._answered_at = time.monotonic()
        self._failures = 0
        self._message = ""
        self._set("starting")

    def turn(self) -> float:
        """Do what is due, and return the seconds until the next turn."""
        if not self._serves():
            return STARTING_SECONDS
        try:
            listed = self._keep_listed()
        except NacosError as error:
            return self._retry(str(error))
        if listed is None:
            return self._retry("registered, but the registry does not list the instance yet")
        if self._failures or self._status_state != "registered":
            logger.info("registry: %s is listed", self._name())
        self._failures, self._message = 0, ""
        self._set("registered", verified_at=time.time(), listed=listed, error=None)
        return min(self._conf.verify_interval_seconds, self._conf.beat_interval_seconds)

    def leave(self) -> None:
        """Deregister, and return when the registry confirms it or a time limit is over."""
        if not self._joined:
            return
        try:
            self._client.deregister()
            gone = self._ask_until(listed=False) is None
        except NacosError as error:
            logger.warning("registry: %s left without a goodbye: %s", self._name(), error)
        else:
            logger.info("registry: %s %s", self._name(), "left" if gone else "is still listed")
        self._joined = False
        self._set("deregistered")

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
            listed = self._client.find_instance()
            if listed is not None:
                return listed
            logger.warning("registry: %s is not listed, registering again", self._name())
        self._joined = True
        self._client.register()
        self._beat_at = now
        return self._ask_until(listed=True)

    def _ask_until(self, *, listed: bool) -> dict[str, Any] | None:
        """Return what the registry says once that is as wanted, or a time limit is over.

        A server says yes to a registration, or to its end, a moment before it lists so.
        """
        deadline = time.monotonic() + LISTED_SECONDS
        while True:
            found = self._client.find_instance()
            if (found is not None) is listed or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def _retry(self, error: str) -> float:
        self._failures += 1
        # Register at the next turn, not only ask: the connection is a new one.
        self._beat_at = float("-inf")
        self._tell(f"retrying: {error}")
        self._set("retrying", error=error)
        return RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS)) - 1]

    def _tell(self, message: str) -> None:
        if message != self._message:
            self._message = message
            logger.warning("registry: %s: %s", self._name(), message)

    def _name(self) -> str:
        return f"{self._conf.service_name} at {self._conf.instance}"

    def _set(self, state: str, **values: Any) -> None:
        self._status_state = state
        self._status.update("registration", state=state, **values)
