"""`settings.SERVING`: limits, and prefixes of metrics and problems."""

from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Generic, TypeVar

from django.conf import settings

Value = TypeVar("Value")


@dataclass(frozen=True)
class Setting(Generic[Value]):
    """One of Django's settings; messages show its name, which is also the variable's."""

    name: str

    @property
    def value(self) -> Value:
        found: Value = getattr(settings, self.name)
        return found


@dataclass(frozen=True, kw_only=True)
class Conf:
    """The project's limits, all of them for one worker process, and its prefixes."""

    # That run Django.
    threads: Setting[int]
    # Requests that may wait for a lane, and for how long.
    queue_size: Setting[int]
    queue_timeout_seconds: Setting[float]
    # Of all request bodies in memory together.
    bodies_max_bytes: Setting[int]
    # For a head, and again for a body.
    read_timeout_seconds: Setting[float]
    # Proxies whose X-Forwarded-For is trusted.
    trusted_proxies: Setting[list[IPv4Network | IPv6Network]]
    # Of the names of metrics, and of the types of problems.
    metrics_prefix: str
    problem_prefix: str


@cache
def load() -> Conf:
    """Return `settings.SERVING`; its `limits` map each limit to the name of a setting."""
    given: dict[str, Any] = settings.SERVING
    return Conf(
        **{name: Setting[Any](setting) for name, setting in given["limits"].items()},
        metrics_prefix=given["metrics_prefix"],
        problem_prefix=given["problem_prefix"],
    )
