"""Verifies the config text of a source, and applies it if it is valid."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.module_loading import import_string

from nacos_integration import reasons
from nacos_integration.agent.applied_file import AppliedFile
from nacos_integration.agent.backoff import Backoff
from nacos_integration.agent.sources import ConfigSource
from nacos_integration.conf import Conf
from nacos_integration.errors import SourceUnavailableError, UnreadableConfigError
from nacos_integration.live_config import ConfigHandler, md5_of
from nacos_integration.models import ConfigChange
from nacos_integration.state import checked
from nacos_integration.state.states import ConfigOrigin
from nacos_integration.state.status import Status

logger = logging.getLogger(__name__)

# While the source is unavailable.
RETRY_SECONDS = (0.5, 1.0, 2.0, 3.0)
_TEXT_IN_STATUS_MAX = checked.TEXT_MAX


class ConfigWatcher:
    """Compares the source with the applied config file, which nothing else writes.

    All methods are called from one thread, but `repair` from another. `record` takes the row of a
    change for the history, and must not block.
    """

    def __init__(
        self,
        conf: Conf,
        source: ConfigSource,
        status: Status,
        record: Callable[[ConfigChange], None],
    ) -> None:
        self._conf = conf
        self._source = source
        self._status = status
        self._record = record
        self._handler: type[ConfigHandler] = import_string(conf.config_handler)
        self._started = time.monotonic()
        self._file = AppliedFile(conf.applied_path, self._handler)
        self._rejected: tuple[str | None, str] | None = None
        self._missing: str | None = None
        # The users of texts that were published here, by MD5, until the next change.
        self._publishers: dict[str, str] = {}
        self._backoff = Backoff(*RETRY_SECONDS)
        self._source_error: str | None = None
        self._write_error: str | None = None
        self._file_error: str | None = None
        self._synced = False
        self._started_unsynced = False
        self._status.update("config", **self._in_force())

    def sync(self) -> float | None:
        """Read, verify and apply once; return the seconds to wait, None to wait for a change."""
        try:
            text = self._source.read()
        except SourceUnavailableError as error:
            return self._unavailable(str(error))
        except UnreadableConfigError as error:
            self._reject(None, str(error))
        else:
            self._verify(text)
        if self._backoff.failures:
            logger.info("config: %s is available again", self._conf.config_key)
        self._backoff.reset()
        self._source_error, self._synced = None, True
        self._status.update("config", synced_at=time.time(), source_error=None)
        return self._backoff.longest if self._write_error else None

    def expect(self, md5: str, user: str) -> None:
        """Record `user` with the next change, if its text has this MD5."""
        self._publishers[md5] = user

    def repair(self) -> None:
        """Write the applied config file again, if something else has changed or removed it."""
        if not self._file.is_damaged():
            return
        error = f"{self._conf.applied_path} was changed or removed"
        if self._file_error is None:
            self._report_file(error)
        try:
            self._file.repair()
        except OSError as failure:
            self._report_file(f"{error}, and cannot be written: {failure}")
        else:
            self._report_file(None)

    def _report_file(self, error: str | None) -> None:
        if error != self._file_error:
            self._file_error = error
            logger.error("config: %s", error or f"{self._conf.applied_path} is repaired")
            self._status.update("config", file_error=error)

    def _verify(self, text: str | None) -> None:
        if text is None or not text.strip():
            return self._reject_nothing(text)
        if self._file.content and text == self._file.content["content"]:
            self._rejected = None
            self._status.update("config", rejected=None)
            return None
        if (size := len(text.encode())) > reasons.MAX_BYTES:
            return self._reject(text[: reasons.MAX_BYTES], reasons.of_size(size))
        try:
            value, remarks = self._handler.parse(text)
        except ValueError as error:
            return self._reject(text, str(error))
        except Exception as error:
            logger.exception("config: the handler failed on a text of %d bytes", size)
            return self._reject(text, f"the handler failed: {type(error).__name__}: {error}")
        return self._apply(text, value, remarks)

    def _apply(self, text: str, value: ConfigHandler, remarks: list[str]) -> None:
        before, now = self._text_in_force(), timezone.now()
        applied = {
            "key": self._conf.config_key,
            "source": self._conf.config_origin,
            "content": text,
            "md5": md5_of(text),
            "applied_at": now.timestamp(),
        }
        try:
            self._file.write(applied)
        except OSError as error:
            # The last good config stays in force; the next call retries.
            if self._write_error is None:
                logger.error("config: cannot write %s: %s", self._conf.applied_path, error)
            self._write_error = str(error)
            self._status.update("config", write_error=self._write_error)
            return
        self._rejected = self._missing = None
        self._write_error = None
        logger.info("config: applied %s, md5 %s%s", value, applied["md5"], _suffix(remarks))
        self._status.update(
            "config", rejected=None, write_error=None, missing=None, **self._in_force()
        )
        self._status.count("config", "applied_count")
        reason = reasons.of_remarks(remarks)
        self._record_change(ConfigChange.Outcome.APPLIED, reason, before, text, at=now)

    def _reject(self, text: str | None, reason: str) -> None:
        if self._rejected == (text, reason):
            return  # reported already: the text is read again every few seconds
        self._rejected, self._missing = (text, reason), None
        stays = f"md5 {self._file.content['md5']}" if self._file.content else "the default"
        logger.warning("config: rejected, %s stays in force: %s", stays, reason)
        # All processes read the status again and again, so it must stay small.
        shown = text if text and len(text) <= _TEXT_IN_STATUS_MAX else ""
        rejected = {"reason": reason, "text": shown, "at": time.time()}
        self._status.update("config", rejected=rejected, missing=None)
        self._status.count("config", "rejected_count")
        self._record_change(
            ConfigChange.Outcome.REJECTED, reason, self._text_in_force(), text or ""
        )

    def _reject_nothing(self, text: str | None) -> None:
        key = self._conf.config_key
        if text is not None:
            self._reject(text, reasons.of_empty(key))
        elif self._conf.uses_nacos and self._file.content is None:
            self._report_missing()
        else:
            self._reject(None, reasons.of_none(key))

    def _report_missing(self) -> None:
        """Say what to create: Nacos has never had this config."""
        if self._missing is None:
            conf = self._conf
            self._missing = (
                f"namespace {conf.config_namespace or 'public'} has no data id {conf.data_id} in "
                f"group {conf.config_group}: create it"
            )
            self._rejected = None
            logger.warning("config: %s; the default is in force", self._missing)
            self._status.update("config", missing=self._missing, rejected=None)

    def _unavailable(self, reason: str) -> float:
        if reason != self._source_error:
            self._source_error = reason
            logger.warning("config: source unavailable, retrying: %s", reason)
            self._status.update("config", source_error=reason)
        late = time.monotonic() - self._started > self._conf.sync_timeout_seconds
        if late and not self._synced and not self._started_unsynced:
            self._started_unsynced = True
            text = self._text_in_force()
            origin = ConfigOrigin.SNAPSHOT if self._file.content else ConfigOrigin.DEFAULT
            logger.warning("config: starting with the %s", origin)
            self._record_change(ConfigChange.Outcome.APPLIED, reason, text, text, origin=origin)
        return self._backoff.next()

    def _text_in_force(self) -> str:
        return self._file.content["content"] if self._file.content else ""

    def _in_force(self) -> dict[str, Any]:
        if self._file.content is None:
            return {"in_force": ConfigOrigin.DEFAULT, "md5": None, "applied_at": None}
        return {
            "in_force": self._file.content["source"],
            "md5": self._file.content["md5"],
            "applied_at": self._file.content["applied_at"],
        }

    def _record_change(
        self,
        outcome: str,
        reason: str,
        before: str,
        after: str,
        *,
        origin: ConfigOrigin | None = None,
        at: datetime | None = None,
    ) -> None:
        publisher = None if origin else self._publishers.get(md5_of(after), "")
        self._publishers.clear()
        self._record(
            ConfigChange(
                created_at=at or timezone.now(),
                instance=self._status.instance,
                source=(origin or self._conf.config_origin).value,
                key=self._conf.config_key,
                outcome=outcome,
                reason=reason,
                md5=md5_of(after),
                before=before,
                after=after,
                published_by=publisher,
            )
        )


def _suffix(remarks: list[str]) -> str:
    return f" ({'; '.join(remarks)})" if remarks else ""
