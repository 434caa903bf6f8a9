"""Logging: one line per event, as JSON or, on a terminal, as text."""

import logging
import logging.config
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.msgspec import MsgspecFormatter

from kmeans_project.environment import Environment

logger = logging.getLogger(__name__)

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def from_environment(env: Environment) -> dict[str, Any]:
    """Return Django's LOGGING for the variables LOG_FORMAT and LOG_LEVEL."""
    return configuration(env.str("LOG_FORMAT", "auto"), env.str("LOG_LEVEL", "INFO"))


def configuration(form: str, level: str) -> dict[str, Any]:
    """Return Django's LOGGING, which writes all records of a level and above to standard error.

    `form` is "json", "text", or "auto", which means text if standard error is a terminal.
    """
    if form not in ("auto", "json", "text"):
        raise ImproperlyConfigured(f"LOG_FORMAT: {form!r}: use auto, json or text")
    level = level.upper()
    if level not in LEVELS:
        raise ImproperlyConfigured(f"LOG_LEVEL: {level!r}: use one of {', '.join(LEVELS)}")
    if form == "auto":
        form = "text" if sys.stderr.isatty() else "json"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": "kmeans_project.logs.JsonFormatter",
                "fmt": ["asctime", "levelname", "name", "message", "process", "threadName"],
                "rename_fields": {
                    "asctime": "time",
                    "levelname": "level",
                    "name": "logger",
                    "threadName": "thread",
                    "exc_info": "exception",
                },
                # Django adds the request object, whose repr has the query string.
                "reserved_attrs": [*RESERVED_ATTRS, "request"],
            },
            "text": {
                "()": "kmeans_project.logs.TextFormatter",
                "fmt": "{asctime} {levelname} {name} [{process}] {message}",
                "style": "{",
            },
        },
        "filters": {
            "caller": {"()": "django.utils.log.CallbackFilter", "callback": add_caller},
            # /readyz answers 503 during a start or a stop, which is no error.
            "unless_503": {
                "()": "django.utils.log.CallbackFilter",
                "callback": lambda record: getattr(record, "status_code", None) != 503,
            },
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["caller"],
                # Here too, because some loggers, such as Django's, have their own level.
                "level": level,
            }
        },
        "loggers": {
            # Listed here to remove the handlers that Django adds to them.
            "django": {},
            "django.server": {"propagate": True},
            # Errors of callers are in the request history.
            "django.request": {"level": "ERROR", "filters": ["unless_503"]},
        },
        "root": {"handlers": ["console"], "level": level},
    }


def configure(config: dict[str, Any]) -> None:
    """Set up logging, also of warnings and uncaught exceptions."""
    logging.config.dictConfig(config)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def add_caller(record: logging.LogRecord) -> bool:
    """Add the ids of the current request, if any, to the record."""
    # Imported here, because settings import this module and nothing outside this package.
    from serving import request_context

    caller = request_context.current.get()
    if caller:
        record.request_id = caller.request_id
        if caller.trace_id:
            record.trace_id = caller.trace_id
    return True


class _UtcTime(logging.Formatter):
    """Writes times as ISO 8601 in UTC, with milliseconds."""

    def formatTime(  # noqa: N802 (logging's name)
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class JsonFormatter(_UtcTime, MsgspecFormatter):
    """One JSON object per line, exceptions included."""


class TextFormatter(_UtcTime):
    """One line of text, with the request id if there is one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        line = super().formatMessage(record)
        request_id = getattr(record, "request_id", None)
        return f"{line} (request {request_id})" if request_id else line


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
    elif issubclass(kind, ImproperlyConfigured):
        # A wrong setting: the message names it, so no traceback is needed.
        for line in str(error).splitlines():
            logger.critical("%s", line.strip())
    else:
        logger.critical("uncaught exception", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit:
        name = args.thread.name if args.thread else "unknown"
        logger.critical("uncaught exception in thread %s", name, exc_info=args.exc_value)
