"""Keeps this instance in the registry: the heartbeat."""

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from nacos_integration import differences
from nacos_integration.agent import probe
from nacos_integration.agent.backoff import Backoff
from nacos_integration.agent.own_address import OwnAddress
from nacos_integration.agent.probe import Answer
from nacos_integration.conf import Conf
from nacos_integration.errors import NacosError
from nacos_integration.sdk.client import NacosClient
from nacos_integration.state import files
from nacos_integration.state.states import RegistrationState
from nacos_integration.state.status import Status

logger = logging.getLogger(__name__)

RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 3.0)
STARTING_SECONDS = 0.2
NO_ADDRESS_SECONDS = 1.0
SILENT_SECONDS = 10.0
# For an answer to be an error. gunicorn listens, and is silent, until a worker has loaded.
LASTING_SECONDS = {Answer.REFUSED: 10.0, Answer.STRANGER: 10.0, Answer.TIMEOUT: 60.0}
LISTED_SECONDS = 1.5


class Registration:
    """Registers while the instance serves, and verifies that the registry lists it.

    One thread calls `beat` and `deregister`. `on_lost` is called when the registry has lost the
    instance, because a config push may be lost too.
    """

    def __init__(
        self,
        conf: Conf,
        client: NacosClient,
        status: Status,
        address: OwnAddress,
        *,
        on_lost: Callable[[], None],
    ) -> None:
        self._conf = conf
        self._client = client
        self._status = status
        self._address = address
        self._on_lost = on_lost
        self._registered = False
        self._deregistered_at = float("-inf")
        self._beat_at = float("-inf")
        self._answered_at = time.monotonic()
        self._backoff = Backoff(*RETRY_SECONDS)
        self._error = ""
        self._differences: list[str] = []
        self._registrations = 0
        self._set(RegistrationState.STARTING)

    def beat(self) -> float:
        """Do what is due; return the seconds until the next call."""
        try:
            self._follow_address()
            self._drop_outdated_wish()
            if self._is_offline():
                self._stay_offline()
                return self._conf.verify_interval_seconds
            if not self._address.ip:
                return self._wait_for_address()
            if not self._serves():
                return STARTING_SECONDS
            listed = self._keep_listed()
        except NacosError as error:
            return self._retry(str(error))
        if listed is None:
            return self._retry("registered, but the registry does not list the instance yet")
        if self._backoff.failures or self._state != RegistrationState.REGISTERED:
            logger.info("registry: %s is listed", self._name())
            self._warn_of_namespace()
        self._succeeded()
        self._report_differences(listed)
        self._set(RegistrationState.REGISTERED, verified_at=time.time(), listed=listed, error=None)
        return min(self._conf.verify_interval_seconds, self._conf.beat_interval_seconds)

    def deregister(self) -> None:
        """Deregister, if registered, and verify that within a time limit."""
        if not self._registered:
            return
        try:
            self._client.deregister()
            still_listed = self._wait_until(listed=False) is not None
        except NacosError as error:
            logger.warning("registry: %s: deregistration failed: %s", self._name(), error)
        else:
            if still_listed:
                logger.warning("registry: %s is deregistered, but still listed", self._name())
            else:
                logger.info("registry: %s is deregistered", self._name())
        self._registered = False
        self._deregistered_at = time.monotonic()
        self._set(RegistrationState.DEREGISTERED)

    @property
    def seconds_deregistered(self) -> float:
        """How long callers have not been able to find this instance; infinite if never."""
        return 0.0 if self._registered else time.monotonic() - self._deregistered_at

    def _follow_address(self) -> None:
        if not self._address.follow() and self._client.ip == self._address.ip:
            return
        if self._client.ip:
            self.deregister()  # the old address, before its callers fail
        self._client.ip = self._address.ip
        self._status.set_instance(self._address.instance)
        self._beat_at = float("-inf")

    def _wait_for_address(self) -> float:
        error = self._address.problem()
        if error != self._error:
            self._error = error
            logger.error("registry: not registering: %s", error)
        self._set(RegistrationState.STARTING, error=error)
        return NO_ADDRESS_SECONDS

    def _is_offline(self) -> bool:
        """Return whether an operator wants this instance out of the registry."""
        wish = files.read_json(self._conf.offline_path)
        return wish is not None and self._counts(wish)

    def _drop_outdated_wish(self) -> None:
        """Remove an operator's wish that was only for an earlier launch."""
        wish = files.read_json(self._conf.offline_path)
        if wish is not None and not self._counts(wish):
            self._conf.offline_path.unlink(missing_ok=True)

    def _counts(self, wish: dict[str, Any]) -> bool:
        return wish.get("launch_id") in (None, self._conf.launch_id)

    def _stay_offline(self) -> None:
        self.deregister()
        still_listed = self._find() is not None
        if self._state != RegistrationState.OFFLINE:
            logger.warning("registry: %s is kept offline by an operator", self._name())
        self._succeeded()
        self._set(
            RegistrationState.OFFLINE,
            confirmed_at=None if still_listed else time.time(),
            error=None,
        )
        if still_listed:
            # Through another connection of this host, which the server still holds.
            self._registered = True

    def _serves(self) -> bool:
        asked = probe.address_to_ask(self._conf, self._address.ip)
        answer = probe.check(self._conf, asked)
        now = time.monotonic()
        if answer is Answer.READY:
            self._answered_at = now
            return True
        if not self._registered:
            self._report_unserved(asked, answer)
            return False
        if answer is Answer.NOT_READY or (
            # An overloaded server stays registered; a dead one does not.
            answer is Answer.TIMEOUT and now - self._answered_at < SILENT_SECONDS
        ):
            return True
        logger.error("registry: deregistering, own address: %s (%s)", answer.value, asked)
        self.deregister()
        self._set(RegistrationState.NOT_SERVING, error=f"{asked}: {answer.value}")
        return False

    def _report_unserved(self, asked: str, answer: Answer) -> None:
        error = f"{asked}: {answer.value}"
        if answer is Answer.REFUSED:
            error += f" ({self._conf.names['bind_host']} is {self._conf.bind_host})"
        seconds = LASTING_SECONDS.get(answer, float("inf"))
        if time.monotonic() - self._answered_at > seconds and error != self._error:
            self._error = error
            logger.error("registry: not registering: nobody can reach this instance: %s", error)
        self._set(RegistrationState.STARTING, error=error)

    def _keep_listed(self) -> dict[str, Any] | None:
        now = time.monotonic()
        if now - self._beat_at < self._conf.beat_interval_seconds:
            listed = self._find() or self._client.find_disabled_instance()
            if listed is not None:
                return listed
            logger.warning("registry: %s is not listed, registering again", self._name())
            self._status.count("registration", "reregistered_count")
            self._on_lost()
        self._registered = True
        self._client.register()
        self._beat_at = now
        self._registrations += 1
        self._set(self._state, registrations=self._registrations)
        return self._wait_until(listed=True) or self._client.find_disabled_instance()

    def _wait_until(self, *, listed: bool) -> dict[str, Any] | None:
        """Wait until the instance is listed or not, up to a time limit; return its entry.

        A server confirms a registration, or its end, a moment before its list shows it.
        """
        deadline = time.monotonic() + LISTED_SECONDS
        while True:
            found = self._find()
            if (found is not None) is listed or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def _find(self) -> dict[str, Any] | None:
        instances = self._client.list_instances()
        self._status.set_instances(instances)
        return self._client.own_instance(instances)

    def _report_differences(self, listed: dict[str, Any]) -> None:
        """Log what an operator has changed in the console."""
        found = differences.of(listed, self._conf)
        if found != self._differences:
            self._differences = found
            if found:
                logger.warning(
                    "registry: %s: changed by an operator, and kept: %s",
                    self._name(),
                    "; ".join(found),
                )
            else:
                logger.info("registry: %s: no changes by an operator are left", self._name())
            self._set(self._state, differences=found)

    def _warn_of_namespace(self) -> None:
        """Name the namespaces that Nacos does not have; it takes instances all the same."""
        with contextlib.suppress(NacosError):
            known = {"public", *self._client.list_namespaces()}
            for namespace, setting in self._conf.namespaces.items():
                if namespace not in known:
                    logger.warning(
                        "registry: the namespace %s does not exist, and the console does not show "
                        "what is in it: check %s, an id",
                        namespace,
                        setting,
                    )

    def _retry(self, error: str) -> float:
        # The next call registers again, because its connection may be new.
        self._beat_at = float("-inf")
        if error != self._error:
            self._error = error
            logger.warning("registry: %s: retrying: %s", self._name(), error)
        self._set(RegistrationState.RETRYING, error=error)
        return self._backoff.next()

    def _succeeded(self) -> None:
        self._backoff.reset()
        self._error = ""

    def _name(self) -> str:
        return f"{self._conf.service_name} at {self._client.ip}:{self._conf.service_port}"

    def _set(self, state: RegistrationState, **values: Any) -> None:
        self._state = state
        self._status.update("registration", state=state, **values)
