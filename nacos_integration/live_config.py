"""The config in force, which any process reads from the applied config file.

No thread and no connection: the file's status shows whether to parse it again. Safe to call from
any thread and after a fork.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from nacos_integration import conf
from nacos_integration.state import files, status
from nacos_integration.state.states import ConfigOrigin

logger = logging.getLogger(__name__)


class ConfigHandler(Protocol):
    """What a config text means; without arguments, the default before any config arrives."""

    def __init__(self) -> None: ...

    @classmethod
    def parse(cls, text: str) -> tuple[Self, list[str]]:
        """Return the value, and remarks for the history; raise ValueError with the reason."""
        ...


Value = TypeVar("Value", bound=ConfigHandler)


@dataclass(frozen=True)
class AppliedConfig(Generic[Value]):
    """A config in force: its value, the text's MD5 as Nacos shows it, and its origin."""

    value: Value
    md5: str
    source: str
    applied_at: float | None

    @property
    def version(self) -> str:
        """The first twelve hex digits of the MD5: the same on every instance."""
        return self.md5[:12]


# (the file's status, the handler, the result); replaced as a whole, so no lock is needed.
_cached: tuple[object, type[ConfigHandler], AppliedConfig[ConfigHandler]] | None = None


def current(handler: type[Value]) -> AppliedConfig[Value]:
    """Return the config in force, `handler()` when none was ever applied."""
    global _cached
    path = conf.load().applied_path
    try:
        stat = path.stat()
        signature: object = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
    except OSError:
        signature = None
    cached = _cached
    if cached is None or cached[:2] != (signature, handler):
        cached = (signature, handler, _read(handler) if signature else _default(handler))
        _cached = cached
    return cached[2]  # type: ignore[return-value]  # the handler was compared above


def _read(handler: type[Value]) -> AppliedConfig[Value]:
    path = conf.load().applied_path
    applied = files.read_json(path)
    if applied is None:
        return _default(handler)
    try:
        value, _ = handler.parse(applied["content"])
    except ValueError as error:
        # An earlier release accepted it, or other limits were set.
        logger.error("%s is no longer accepted, using the default: %s", path, error)
        return _default(handler)
    return AppliedConfig(value, applied["md5"], applied["source"], applied["applied_at"])


def _default(handler: type[Value]) -> AppliedConfig[Value]:
    return AppliedConfig(handler(), md5_of(""), ConfigOrigin.DEFAULT, None)


def md5_of(text: str) -> str:
    """Return the MD5 of a config text as Nacos computes it."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


_synced = False
_deadline: float | None = None


def is_synced() -> bool:
    """Return whether this launch's agent has compared the applied file with the source.

    Also true when the agent has tried for `sync_timeout_seconds`, or this process has waited as
    long for an agent. Then the last good config is in force, or the default.
    """
    global _synced, _deadline
    if _synced:
        return True
    settings = conf.load()
    if _deadline is None:
        _deadline = time.monotonic() + settings.sync_timeout_seconds
    agent = status.read()
    if agent.get("launch_id") == settings.launch_id:
        started_at = agent["started_at"]
        _synced = bool(
            agent["config"]["synced_at"]
            or (started_at and time.time() > started_at + settings.sync_timeout_seconds)
        )
    if not _synced and time.monotonic() > _deadline:
        logger.warning("no agent has confirmed the config in time, starting without that")
        _synced = True
    return _synced


def wait_until_synced() -> None:
    """Return when `is_synced`; later calls return at once."""
    while not is_synced():
        time.sleep(0.02)
