"""The format of log lines, and the events that are logged."""

import json
import logging
import logging.config
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory

from kmeans_project import logs
from serving import request_context
from tests.support.service import PYTHON, ROOT

CALLER = request_context.Caller("an-id", "4bf92f3577b34da6a3ce929d0e0e4736", "127.0.0.1")


def formatter(form: str) -> logging.Formatter:
    config = logs.configuration(form, "INFO")
    made = logging.config.DictConfigurator(config).configure_formatter(config["formatters"][form])
    assert isinstance(made, logging.Formatter)
    return made


def record(message: str, **attributes: Any) -> logging.LogRecord:
    return logging.makeLogRecord(
        {
            "name": "a.logger", "levelname": "WARNING", "msg": message, "created": 1_700_000_000.25,
            "process": 7, "threadName": "a-thread", **attributes,
        }
    )  # fmt: skip


@pytest.fixture
def called() -> Iterator[None]:
    token = request_context.current.set(CALLER)
    yield
    request_context.current.reset(token)


def test_json_has_these_fields() -> None:
    line = formatter("json").format(record("größer als “%s”", args=("nichts\n",)))
    assert "größer" in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "WARNING",
        "logger": "a.logger",
        "message": "größer als “nichts\n”",
        "process": 7,
        "thread": "a-thread",
    }


def test_json_has_an_exception_in_one_line() -> None:
    try:
        int("several\nlines")
    except ValueError:
        line = formatter("json").format(record("failed", exc_info=sys.exc_info()))
    assert "\n" not in line
    event = json.loads(line)
    assert event["message"] == "failed"
    assert event["exception"].startswith("Traceback (most recent call last):\n")
    assert event["exception"].endswith(r"with base 10: 'several\nlines'")


def test_json_has_extra_fields_but_no_request() -> None:
    request = RequestFactory().get("/?password=hush")
    extra = {"status_code": 500, "timings": {"fit": 0.5}, "path": ROOT, "request": request}
    line = formatter("json").format(record("slow", **extra))
    event = json.loads(line)
    assert (event["status_code"], event["timings"], event["path"]) == (500, {"fit": 0.5}, str(ROOT))
    assert "hush" not in line


@pytest.mark.usefixtures("called")
def test_a_line_names_the_current_request() -> None:
    one = record("hello")
    assert logs.add_caller(one)
    event = json.loads(formatter("json").format(one))
    assert (event["request_id"], event["trace_id"]) == (CALLER.request_id, CALLER.trace_id)
    assert formatter("text").format(one).endswith("WARNING a.logger [7] hello (request an-id)")


def test_a_line_without_a_request_names_none() -> None:
    one = record("hello")
    assert logs.add_caller(one)
    assert not {"request_id", "trace_id"} & json.loads(formatter("json").format(one)).keys()
    assert (
        formatter("text").format(one) == "2023-11-14T22:13:20.250+00:00 WARNING a.logger [7] hello"
    )


def test_other_formats_are_rejected() -> None:
    with pytest.raises(ImproperlyConfigured, match="use auto, json or text"):
        logs.configuration("xml", "INFO")


UNCAUGHT = """
import sys, threading, warnings
import django
django.setup()
warnings.warn("mind the gap")
thread = threading.Thread(target=lambda: 1 / 0, name="divider")
thread.start()
thread.join()
threading.Thread(target=sys.exit).start()
raise LookupError("not here")
"""


def test_warnings_and_uncaught_exceptions_are_logged(tmp_path: Path) -> None:
    own = {
        "DJANGO_SETTINGS_MODULE": "kmeans_project.settings",
        "LOG_FORMAT": "json",
        "STATE_DIR": str(tmp_path),
    }
    ended = subprocess.run(
        [PYTHON, "-c", UNCAUGHT],
        cwd=ROOT,
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
    )
    warning, in_thread, uncaught = (json.loads(line) for line in ended.stderr.splitlines())
    assert (warning["logger"], warning["level"]) == ("py.warnings", "WARNING")
    assert "mind the gap" in warning["message"]
    assert "divider" in in_thread["message"]
    assert in_thread["exception"].endswith("ZeroDivisionError: division by zero")
    assert uncaught["level"] == "CRITICAL"
    assert uncaught["exception"].endswith("LookupError: not here")
    assert ended.returncode == 1
