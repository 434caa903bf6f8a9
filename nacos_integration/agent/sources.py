"""The sources of the config text: Nacos, or a file."""

import contextlib
import errno
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Protocol

from nacos_integration.errors import (
    ConflictError,
    NacosError,
    NotAllowedError,
    RefusedError,
    SourceUnavailableError,
    UnreadableConfigError,
)
from nacos_integration.live_config import md5_of
from nacos_integration.reasons import MAX_BYTES
from nacos_integration.sdk.client import NacosClient


class ConfigSource(Protocol):
    """One config text, which others may change.

    `read`, `publish` and `wait` are called from one thread, `wake` from any.
    """

    def read(self) -> str | None:
        """Return the text, None if there is none.

        Raises SourceUnavailableError, or UnreadableConfigError.
        """
        ...

    def publish(self, text: str, *, replaces_md5: str, user: str, text_type: str) -> None:
        """Replace the text with that MD5, and no other, by `text`; "" stands for no text.

        `user` and `text_type`, such as yaml, are for the source's records, if it has any. Raises
        ConflictError, NotAllowedError, SourceUnavailableError, or UnreadableConfigError.
        """
        ...

    def keeps_details(self) -> bool:
        """Return whether `publish` keeps what the source knows of the text, such as a description.

        Raises SourceUnavailableError.
        """
        ...

    def wait(self, timeout: float) -> None:
        """Return when the text may have changed, after `wake`, or after `timeout` seconds."""
        ...

    def wake(self) -> None:
        """Make the current or the next `wait` return at once."""
        ...


class FileSource:
    """A file, checked ten times a second."""

    POLL_SECONDS = 0.1
    # Editors and shells write in pieces, so a text is used once it has not changed for this long.
    SETTLE_SECONDS = 0.1
    SETTLE_LIMIT_SECONDS = 3.0

    def __init__(self, path: Path) -> None:
        self._path = path
        self._woken = threading.Event()
        self._read_signature: object = None

    def read(self) -> str | None:
        deadline = time.monotonic() + self.SETTLE_LIMIT_SECONDS
        while time.monotonic() < deadline:
            before = self._signature()
            if before is None:
                self._read_signature = None
                return None
            try:
                with self._path.open("rb") as file:
                    # One byte more, so that a larger file is noticed.
                    content = file.read(MAX_BYTES + 1)
            except OSError as error:
                raise SourceUnavailableError(f"{self._path}: {error.strerror}") from error
            time.sleep(self.SETTLE_SECONDS)
            if self._signature() == before:
                self._read_signature = before
                try:
                    return content.decode("utf-8-sig")
                except UnicodeDecodeError as error:
                    raise UnreadableConfigError(f"not UTF-8: {error}") from error
        raise SourceUnavailableError(f"{self._path}: still being written")

    def publish(self, text: str, *, replaces_md5: str, user: str, text_type: str) -> None:
        if md5_of(self.read() or "") != replaces_md5:
            raise ConflictError(f"{self._path} has changed since")
        path = self._path.resolve()  # so that a symbolic link is kept
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with draft.open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                shutil.copymode(path, draft)
            if path.exists() and not os.access(path, os.W_OK):
                # A rename would succeed even so.
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise NotAllowedError(f"{path}: {error.strerror}") from error

    def keeps_details(self) -> bool:
        return True

    def wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._signature() == self._read_signature:
            if self._woken.wait(self.POLL_SECONDS):
                self._woken.clear()
                return

    def wake(self) -> None:
        self._woken.set()

    def _signature(self) -> object:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceUnavailableError(f"{self._path}: {error.strerror}") from error
        return stat.st_mtime_ns, stat.st_ino, stat.st_size


class NacosSource:
    """The config in Nacos. A push only ends `wait`; then the text is read."""

    def __init__(self, client: NacosClient) -> None:
        self._client = client
        self._woken = threading.Event()
        client.subscribe_config(self.wake)

    def read(self) -> str | None:
        try:
            return self._client.get_config()
        except NacosError as error:
            raise SourceUnavailableError(str(error)) from error

    def publish(self, text: str, *, replaces_md5: str, user: str, text_type: str) -> None:
        try:
            self._client.publish_config(
                text, replaces_md5=replaces_md5, user=user, text_type=text_type
            )
        except RefusedError as error:
            raise NotAllowedError(str(error)) from error
        except ConflictError:
            raise
        except NacosError as error:
            raise SourceUnavailableError(str(error)) from error

    def keeps_details(self) -> bool:
        try:
            return self._client.get_config_details() is not None
        except NacosError as error:
            raise SourceUnavailableError(str(error)) from error

    def wait(self, timeout: float) -> None:
        self._woken.wait(timeout)
        # Cleared before the read that follows, so that a push during that read counts.
        self._woken.clear()

    def wake(self) -> None:
        self._woken.set()
