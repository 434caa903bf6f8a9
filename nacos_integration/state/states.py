"""The states in `status.json`, in JSON answers and in metrics."""

from enum import StrEnum
from typing import Final


class RegistrationState(StrEnum):
    """Where this instance stands in the registry."""

    STARTING = "starting"  # its own address is not ready yet
    REGISTERED = "registered"  # the registry listed it at `verified_at`
    RETRYING = "retrying"  # Nacos is unreachable or refuses
    NOT_SERVING = "not_serving"  # deregistered: its own address stopped answering
    OFFLINE = "offline"  # deregistered by an operator; confirmed at `confirmed_at`
    DEREGISTERED = "deregistered"  # the service is stopping
    DISABLED = "disabled"  # registration is switched off


# The instance is in the state in which it should be, and the agent has nothing left to do.
SETTLED: Final = frozenset(
    {RegistrationState.REGISTERED, RegistrationState.OFFLINE, RegistrationState.DISABLED}
)


class ConfigOrigin(StrEnum):
    """Where the config in force comes from."""

    NACOS = "nacos"
    FILE = "file"
    SNAPSHOT = "snapshot"  # the last good config, because the source did not answer at start
    DEFAULT = "default"  # no config was ever applied
