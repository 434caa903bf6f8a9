"""The config in force, which any process reads from the applied config file.

It needs no thread and no connection: the file's modification time and size show whether to parse
it again. Safe to call from any thread and after a fork.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from django.utils.module_loading import import_string

from nacos_integration import conf
from nacos_integration.state import checked, files, status
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


@dataclass(frozen=True)
class _Look:
    """One look at the applied config file: its status, None without a file, and what came of it."""

    path: Path
    signature: object
    handler: type[ConfigHandler]
    is_readable: bool
    config: AppliedConfig[ConfigHandler]


# Replaced as a whole, so no lock is needed.
_last: _Look | None = None


def current(handler: type[Value]) -> AppliedConfig[Value]:
    """Return the config in force, `handler()` when none was ever applied.

    A process keeps what it has read while the file is damaged or missing: the agent repairs it.
    """
    return _look(handler).config  # type: ignore[return-value]  # a look is of one handler


def file_error(handler: type[ConfigHandler]) -> str | None:
    """Return what is wrong with the applied config file, None where nothing is."""
    look = _look(handler)
    if look.is_readable or (look.signature is None and look.config.applied_at is None):
        return None
    what = "is missing" if look.signature is None else "is damaged, or no longer accepted"
    return f"{look.path} {what}"


def _look(handler: type[ConfigHandler]) -> _Look:
    global _last
    path = conf.load().applied_path
    try:
        stat = path.stat()
        signature: object = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
    except OSError:
        signature = None
    last = _last
    if last is None or (last.path, last.signature, last.handler) != (path, signature, handler):
        found = _read(path, handler) if signature else None
        config: AppliedConfig[ConfigHandler]
        if found is not None:
            config = found
        elif last is not None and (last.path, last.handler) == (path, handler):
            config = last.config
            logger.error("config: %s cannot be used, keeping md5 %s", path, config.md5)
        else:
            config = _default(handler)
        last = _last = _Look(path, signature, handler, found is not None, config)
    return last


def read_applied(path: Path) -> dict[str, Any] | None:
    """Return the content of an applied config file, None where it is missing or damaged."""
    applied = files.read_json(path)
    if applied is None:
        return None
    text, source, at = (applied.get(name) for name in ("content", "source", "applied_at"))
    if not isinstance(text, str) or not isinstance(source, str) or checked.moment(at) is None:
        return None
    try:
        return applied if md5_of(text) == applied.get("md5") else None
    except UnicodeEncodeError:
        return None


def _read(path: Path, handler: type[Value]) -> AppliedConfig[Value] | None:
    applied = read_applied(path)
    if applied is None:
        return None
    try:
        value, _ = handler.parse(applied["content"])
    except ValueError as error:
        # An earlier release accepted it, or other limits were set.
        logger.error("config: %s is no longer accepted: %s", path, error)
        return None
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
        is_due = agent["config"]["synced_at"] or (
            started_at and time.time() > started_at + settings.sync_timeout_seconds
        )
        # A process that has not read the applied config yet waits until it can.
        _synced = bool(is_due) and (agent["config"]["md5"] is None or _has_read())
    if not _synced and time.monotonic() > _deadline:
        logger.warning(
            "config: no agent has confirmed it within %g s, starting with the last good one or the "
            "default",
            settings.sync_timeout_seconds,
        )
        _synced = True
    return _synced


def _has_read() -> bool:
    return current(import_string(conf.load().config_handler)).applied_at is not None


def wait_until_synced() -> None:
    """Wait until `is_synced`; later calls return at once."""
    while not is_synced():
        time.sleep(0.02)
