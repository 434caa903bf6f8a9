"""The config in force, as any process reads it: from the applied config file.

No thread and no connection: a look at the file's status tells whether to parse it anew. Safe to
call from any thread and after a fork.
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
    """What a config text means. Without arguments it is the default, before any config arrives."""

    def __init__(self) -> None: ...

    @classmethod
    def parse(cls, text: str) -> tuple[Self, list[str]]:
        """Return the value and remarks for the record; raise ValueError with the reason."""
        ...


Value = TypeVar("Value", bound=ConfigHandler)


@dataclass(frozen=True)
class AppliedConfig(Generic[Value]):
    """A config in force: its value, the text's MD5 as Nacos shows it, and where it came from."""

    value: Value
    md5: str
    source: str
    applied_at: float | None

    @property
    def version(self) -> str:
        """The first twelve hex digits of the MD5: the same on every instance."""
        return self.md5[:12]


# (what stat said, the handler, what they gave); replaced as a whole, so no lock is needed.
_cached: tuple[object, type[ConfigHandler], AppliedConfig[ConfigHandler]] | None = None


def current(handler: type[Value]) -> AppliedConfig[Value]:
    """Return the config in force, `handler()` when none was ever applied."""
    global _cached
    path = conf.load().applied_path
    try:
        stat = path.stat()
        seen: object = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
    except OSError:
        seen = None
    cached = _cached
    if cached is None or cached[:2] != (seen, handler):
        cached = (seen, handler, _read(handler) if seen else _default(handler))
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
        # Accepted once, by an earlier release or under other limits.
        logger.error("%s is not accepted any more, using the default: %s", path, error)
        return _default(handler)
    return AppliedConfig(value, applied["md5"], applied["source"], applied["applied_at"])


def _default(handler: type[Value]) -> AppliedConfig[Value]:
    return AppliedConfig(handler(), md5_of(""), ConfigOrigin.DEFAULT, None)


def md5_of(text: str) -> str:
    """Return the MD5 of a config text as Nacos computes it."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


_synced = False
_patience_ends: float | None = None


def is_synced() -> bool:
    """Return whether this launch's agent has compared the applied file with the source.

    True also once the agent has had `sync_timeout_seconds` for it, or this process has waited so
    long for an agent: what is in force then is the last good config, or the default.
    """
    global _synced, _patience_ends
    if _synced:
        return True
    settings = conf.load()
    if _patience_ends is None:
        _patience_ends = time.monotonic() + settings.sync_timeout_seconds
    agent = status.read()
    if agent.get("launch_id") == settings.launch_id:
        _synced = bool(
            agent["config"]["synced_at"]
            or time.time() > agent["started_at"] + settings.sync_timeout_seconds
        )
    if not _synced and time.monotonic() > _patience_ends:
        logger.warning("no agent has confirmed the config in time; going on without")
        _synced = True
    return _synced


def wait_until_synced() -> None:
    """Return when `is_synced`; costs nothing from then on."""
    while not is_synced():
        time.sleep(0.02)
