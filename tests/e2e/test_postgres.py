"""The service with a real PostgreSQL server, which also stops and starts again."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.reference import REFERENCE_LABELS
from tests.support.service import PYTHON, Service
from tests.support.waiting import wait_until
from tools.postgres_server import PostgresServer


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture
def service(tmp_path: Path, postgres: PostgresServer) -> Iterator[Service]:
    """An instance with a database that is not migrated."""
    made = Service(tmp_path, {"DATABASE_URL": postgres.url})
    yield made
    made.close()
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(postgres.password.encode() in content for content in written)


def migrate(service: Service) -> None:
    migrated = service.manage("migrate", "-v", "0")
    assert migrated.returncode == 0, migrated.stderr


def count(postgres: PostgresServer, table: str = "clustering_requestrecord") -> int:
    with psycopg.connect(postgres.url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row
    number: int = row[0]
    return number


def test_two_instances_write_their_history_into_one_database(
    service: Service, postgres: PostgresServer, tmp_path: Path
) -> None:
    migrate(service)
    folder = tmp_path / "other"
    folder.mkdir()
    other = Service(folder, {"DATABASE_URL": postgres.url})
    other.config_file.write_text("clusters: 4\n")
    try:
        for each in (service, other):
            each.start()
        for each, requests, clusters in ((service, 20, 3), (other, 30, 4)):
            each.wait_until_it_answers()
            for _ in range(requests):
                assert each.labels() == REFERENCE_LABELS[clusters]
            assert each.stop() == 0
    finally:
        other.close()
    with psycopg.connect(postgres.url) as connection:
        history = "SELECT clusters, count(*) FROM clustering_requestrecord GROUP BY 1 ORDER BY 1"
        assert connection.execute(history).fetchall() == [(3, 20), (4, 30)]
    assert count(postgres, "nacos_integration_configchange") == 2


@pytest.mark.parametrize("state_dir", ["state", "/proc/state"])
def test_serve_refuses_a_database_that_is_not_migrated(service: Service, state_dir: str) -> None:
    """Not even if a private folder replaces the state directory."""
    service.environment |= {
        "STATE_DIR": str(service.folder / state_dir),
        "TMPDIR": str(service.folder),
    }
    refused = service.manage("serve")
    assert refused.returncode == 1
    assert f"run `{PYTHON} manage.py migrate` first" in refused.stderr


def test_the_database_may_stop_and_start_again(service: Service, postgres: PostgresServer) -> None:
    migrate(service)
    service.start()
    service.wait_until_it_answers()
    for _ in range(10):
        service.labels()
    wait_until(lambda: count(postgres) == 10, what=service.log)
    postgres.stop()
    slowest = 0.0
    for _ in range(50):
        started = time.monotonic()
        assert service.labels() == REFERENCE_LABELS[3]
        assert service.get("/readyz") == 200
        slowest = max(slowest, time.monotonic() - started)
    assert slowest < 2
    wait_until(lambda: "records dropped so far" in service.log())
    service.config_file.write_text("clusters: 4\n")
    service.wait_until_clusters(4)
    postgres.start()
    # What each worker writes first may be lost with the connection that it had.
    wait_until(lambda: service.labels() and count(postgres) > 10, 20, service.log)
    wait_until(lambda: count(postgres, "nacos_integration_configchange") == 2, 20, service.log)
    assert service.stop() == 0


def test_serve_starts_while_the_database_is_unreachable(
    service: Service, postgres: PostgresServer
) -> None:
    migrate(service)
    postgres.stop()
    service.start()
    service.wait_until_it_answers()
    assert "the database is unreachable, serving without history" in service.log()
    assert service.labels() == REFERENCE_LABELS[3]
    postgres.start()
    wait_until(lambda: service.labels() and count(postgres) > 0, 20, service.log)
    assert service.stop() == 0


def test_a_hanging_database_delays_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgres://kmeans:hush@127.0.0.1:{silent.getsockname()[1]}/kmeans"
        service = Service(tmp_path, {"DATABASE_URL": url})
        try:
            service.start()
            service.wait_until_it_answers()
            started = time.monotonic()
            for _ in range(20):
                assert service.labels() == REFERENCE_LABELS[3]
            assert time.monotonic() - started < 5
            assert service.stop() == 0
        finally:
            service.close()
    assert "hush" not in service.log()


@pytest.mark.parametrize(
    "url",
    [
        "kmeans:hush@127.0.0.1/kmeans",
        "//kmeans:hush@127.0.0.1/kmeans",
        "mysql://kmeans:hush@127.0.0.1/kmeans",
        "postgres://kmeans:hush@127.0.0.1",
        "postgres://kmeans:hush/1@127.0.0.1/kmeans",
        "postgres://kmeans:hush?1@127.0.0.1/kmeans",
        "postgres://kmeans:1/hush@127.0.0.1/kmeans",
        "postgres://kmeans:hush@127.0.0.1:http/kmeans",
    ],
)
def test_the_error_of_a_wrong_url_hides_the_password(tmp_path: Path, url: str) -> None:
    refused = Service(tmp_path, {"DATABASE_URL": url}).manage("check")
    assert refused.returncode == 1
    assert "DATABASE_URL must be postgres://user:password@host:5432/name" in refused.stderr
    assert "hush" not in refused.stdout + refused.stderr
