"""The tests that go through Django's database once more, on a real PostgreSQL.

`python -m tests.support.on_postgres`, with arguments for pytest if need be.
"""

import os
import subprocess
import sys
from pathlib import Path

from tools.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
TESTS = (
    "tests/clustering",
    "tests/nacos_integration",
    "tests/kmeans_project/test_admin.py",
    "tests/kmeans_project/test_overview.py",
)


def main() -> int:
    """Return pytest's exit code."""
    try:
        with PostgresServer() as server:
            # The test database need not be dropped: it ends with the server.
            command = [sys.executable, "-m", "pytest", "--reuse-db", *TESTS, *sys.argv[1:]]
            environment = os.environ | {"TEST_DATABASE_URL": server.url}
            return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
