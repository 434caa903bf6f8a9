"""What is built on uvicorn's protocol and on gunicorn's worker knows the installed releases."""

import re

import pytest
import uvicorn
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.workers.base import Worker as GunicornWorker
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.gunicorn import connection
from serving.gunicorn.connection import Connection
from serving.gunicorn.logger import Logger
from serving.gunicorn.worker import Worker


def overrides(own: type, base: type) -> set[str]:
    return {name for name in vars(own) if name in dir(base) and not name.startswith("__")}


def test_the_release_is_the_one_that_the_overrides_were_written_for() -> None:
    assert uvicorn.__version__ == connection.UVICORN_RELEASE, (
        f"uvicorn {uvicorn.__version__} is installed, but serving/gunicorn/connection.py was "
        f"written for {connection.UVICORN_RELEASE}: compare the table at its head with the new "
        "release, run tests/e2e and tests/attacks, then change UVICORN_RELEASE"
    )


def test_the_table_has_each_override() -> None:
    rows = re.findall(r"^\| (`.*`) \|", connection.__doc__ or "", re.MULTILINE)
    listed = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert listed == overrides(Connection, HttpToolsProtocol) - {"transport"}


@pytest.mark.parametrize(
    ("own", "base"),
    [(Connection, HttpToolsProtocol), (Worker, GunicornWorker), (Logger, GunicornLogger)],
)
def test_no_override_is_private(own: type, base: type) -> None:
    assert not {name for name in overrides(own, base) if name.startswith("_")}
