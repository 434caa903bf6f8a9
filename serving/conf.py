"""`SERVING` of the project's settings: limits, and how metrics and problems are named."""

from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Generic, TypeVar

from django.conf import settings

Value = TypeVar("Value")


@dataclass(frozen=True)
class Setting(Generic[Value]):
    """One of Django's settings, by its name, which messages tell as the variable to change."""

    name: str

    @property
    def value(self) -> Value:
        found: Value = getattr(settings, self.name)
        return found


@dataclass(frozen=True, kw_only=True)
class Conf:
    """What this package needs of a project.

    `threads` run Django. `queue_size` requests wait for a lane in each worker, for
    `queue_timeout_seconds` at most. All bodies together have `bodies_max_bytes`. A head or a body
    arrives within `read_timeout_seconds`. `trusted_proxies` may say for whom they ask. Metrics and
    the types of problems begin with the prefixes.
    """

    threads: Setting[int]
    queue_size: Setting[int]
    queue_timeout_seconds: Setting[float]
    bodies_max_bytes: Setting[int]
    read_timeout_seconds: Setting[float]
    trusted_proxies: Setting[list[IPv4Network | IPv6Network]]
    metrics_prefix: str
    problem_prefix: str


@cache
def load() -> Conf:
    """Return `settings.SERVING`; its `limits` are the names of the settings that hold them."""
    given: dict[str, Any] = settings.SERVING
    return Conf(
        **{name: Setting[Any](setting) for name, setting in given["limits"].items()},
        metrics_prefix=given["metrics_prefix"],
        problem_prefix=given["problem_prefix"],
    )
