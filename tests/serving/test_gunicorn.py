"""What is built on gunicorn's private names knows the gunicorn that is installed."""

import re

import gunicorn
import pytest
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.workers.gasgi import ASGIWorker

from serving.gunicorn import connection
from serving.gunicorn.connection import Connection, PublicWorker
from serving.gunicorn.logger import Logger
from serving.gunicorn.worker import Worker


def private_overrides(own: type, base: type) -> set[str]:
    return {name for name in vars(own) if re.match("_[a-z]", name) and name in dir(base)}


def test_the_release_is_the_one_that_the_overrides_were_written_for() -> None:
    assert gunicorn.__version__ == connection.GUNICORN_RELEASE, (
        f"gunicorn {gunicorn.__version__} is installed, but serving/gunicorn/connection.py "
        f"overrides private methods of {connection.GUNICORN_RELEASE}: compare the table at its "
        "head with the new release, run tests/e2e, then change GUNICORN_RELEASE"
    )


@pytest.mark.parametrize(("own", "base"), [(Connection, ASGIProtocol), (PublicWorker, ASGIWorker)])
def test_the_table_has_each_override_of_a_private_method(own: type, base: type) -> None:
    table = connection.__doc__ or ""
    listed = set(re.findall(rf"^\| `{base.__name__}\.(\w+)` \| overridden", table, re.MULTILINE))
    assert listed == private_overrides(own, base)


@pytest.mark.parametrize(("own", "base"), [(Worker, ASGIWorker), (Logger, GunicornLogger)])
def test_nothing_else_overrides_any(own: type, base: type) -> None:
    assert private_overrides(own, base) == set()
