"""`settings.SERVING`: limits, and prefixes of metrics and problems."""

from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Generic, TypeVar

from django.conf import settings

Value = TypeVar("Value")


@dataclass(frozen=True)
class Setting(Generic[Value]):
    """One of Django's settings. Messages show its name, which is also the variable's name."""

    name: str

    @property
    def value(self) -> Value:
        value: Value = getattr(settings, self.name)
        return value


@dataclass(frozen=True, kw_only=True)
class Conf:
    """The project's limits, each for one worker process, and its prefixes."""

    # The number of threads for pages: all but models and probes.
    threads: Setting[int]
    # How many requests may wait for a lane, and how long.
    queue_size: Setting[int]
    queue_timeout_seconds: Setting[float]
    # The size of all request bodies in memory together.
    bodies_max_bytes: Setting[int]
    # For the head of a request, and again for its body.
    read_timeout_seconds: Setting[float]
    # For a client that reads nothing of its response.
    write_timeout_seconds: Setting[float]
    # Proxies whose X-Forwarded-… and Forwarded fields are trusted.
    trusted_proxies: Setting[list[IPv4Network | IPv6Network]]
    # The paths that monitoring requests. They have threads of their own.
    probe_paths: tuple[str, ...]
    # Those of them that wait for nothing. They are answered on the event loop, even while the
    # threads are busy.
    brief_paths: tuple[str, ...]
    # Django middleware for refusals too, which Django has no part in.
    refusal_middleware: tuple[str, ...]
    # The start of each metric's name, and of each problem's type.
    metrics_prefix: str
    problem_prefix: str


@cache
def load() -> Conf:
    """Return `settings.SERVING`; its `limits` map each limit to the name of a setting."""
    given: dict[str, Any] = settings.SERVING
    return Conf(
        **{name: Setting[Any](setting) for name, setting in given["limits"].items()},
        probe_paths=tuple(given["probe_paths"]),
        brief_paths=tuple(given["brief_paths"]),
        refusal_middleware=tuple(given["refusal_middleware"]),
        metrics_prefix=given["metrics_prefix"],
        problem_prefix=given["problem_prefix"],
    )
