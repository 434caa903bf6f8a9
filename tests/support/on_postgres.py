"""The tests that go through Django's database once more, on a real PostgreSQL.

`python -m tests.support.on_postgres`, with arguments for pytest if need be.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
TESTS = ("tests/clustering", "tests/kmeans_project", "tests/nacos_integration", "tests/serving")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep only the tests that use the database."""
    others = [item for item in items if not _uses_database(item)]
    items[:] = [item for item in items if _uses_database(item)]
    config.hook.pytest_deselected(items=others)


def _uses_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    return bool(fixtures) or item.get_closest_marker("django_db") is not None


def main() -> int:
    """Return pytest's exit code."""
    # The test database need not be dropped: it ends with the server.
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.on_postgres", "--reuse-db"]
    command += ["-n", "2", *TESTS, *sys.argv[1:]]
    try:
        with PostgresServer() as server:
            environment = os.environ | {"TEST_DATABASE_URL": server.url}
            return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
