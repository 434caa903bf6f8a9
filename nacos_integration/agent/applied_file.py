"""Keeps the applied config file as the agent has written it."""

import logging
import threading
import time
from pathlib import Path
from typing import Any

from nacos_integration.live_config import ConfigHandler, read_applied
from nacos_integration.state import files

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.5


class AppliedFile:
    """The applied config file, which nothing else should write.

    `content` is what was last applied and is still accepted, None where nothing is. One thread
    calls `write`, another `is_damaged` and `repair`.
    """

    def __init__(self, path: Path, handler: type[ConfigHandler]) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._checked_at = time.monotonic()
        self._signature = self._stat()
        self.content: dict[str, Any] | None = read_applied(path)
        try:
            if self.content:
                handler.parse(self.content["content"])
        except ValueError as error:
            # An earlier release accepted it, or other limits were set.
            logger.error("config: %s is no longer accepted: %s", path, error)
            self.content = None

    def write(self, content: dict[str, Any]) -> None:
        """Replace the file; raises OSError."""
        with self._lock:
            self._replace(content)
            self.content = content

    def is_damaged(self) -> bool:
        """Return whether the file is not as written; looks every CHECK_SECONDS."""
        if time.monotonic() - self._checked_at < CHECK_SECONDS:
            return False
        with self._lock:
            self._checked_at = time.monotonic()
            signature = self._stat()
            if self.content is None or signature == self._signature:
                return False
            found = read_applied(self._path)
            if found is None or found["md5"] != self.content["md5"]:
                return True
            self._signature = signature  # touched, or restored
            return False

    def repair(self) -> None:
        """Write the file again; raises OSError."""
        with self._lock:
            if self.content is not None:
                if self._path.is_dir():
                    self._path.rename(self._path.with_suffix(f".damaged-{time.time_ns()}"))
                self._replace(self.content)

    def _replace(self, content: dict[str, Any]) -> None:
        files.write_json(self._path, content)
        self._signature = self._stat()

    def _stat(self) -> object:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino, stat.st_size
