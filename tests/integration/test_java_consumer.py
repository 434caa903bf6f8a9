"""Java callers that find the service through Nacos, as in examples/java-consumer."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.test_api_keys import create_key
from tests.support.java import (
    CLIENTS,
    SERVICE_NAME,
    JavaConsumer,
    crash,
    restart,
    start,
    two_services,
)
from tests.support.servers import require
from tools.nacos_server import NacosServer

# The consumer's cache of 5 s and our drain of 40 s, in a fraction of the time; what counts is that
# the drain is longer than the cache. `make java-demo` takes the real ones.
CACHE_SECONDS = 2
DRAIN_SECONDS = 3
FAST_CACHE = f"--spring.cloud.loadbalancer.cache.ttl={CACHE_SECONDS}s"
NO_RETRY = "--spring.cloud.loadbalancer.retry.enabled=false"
CALLS_PER_SECOND = 20


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Return what ends consumers, and then instances, after the test."""
    require("mvn", "install Maven to build the Java consumer")
    with ExitStack() as stack:
        yield stack


def test_no_call_is_lost_in_a_rolling_restart_without_a_retry(
    nacos: NacosServer, stack: ExitStack, tmp_path: Path
) -> None:
    headers = tmp_path / "headers"
    services = two_services(
        stack,
        tmp_path,
        nacos,
        "JAVA_RESTART",
        {
            "SERVE_DRAIN_SECONDS": str(DRAIN_SECONDS),
            # How each body came to the service.
            "GUNICORN_CMD_ARGS": f"--access-logfile={headers} --access-logformat="
            "'%({user-agent}i)s %({transfer-encoding}i)s %({content-length}i)s'",
        },
    )
    start(nacos, *services)
    options = [FAST_CACHE, NO_RETRY]
    consumer = JavaConsumer(stack, tmp_path / "consumer", services, CALLS_PER_SECOND, options)
    began = time.time()
    for service in services:
        restart(nacos, service, consumer, CACHE_SECONDS)
    assert consumer.failed_since(began) == []
    assert {call.client for call in consumer.calls} == CLIENTS

    # RestClient is on the JDK's HttpClient, Feign on its older client.
    lines = [line for line in headers.read_text().splitlines() if line.startswith("Java")]
    in_chunks = {(line.startswith("Java-http-client/"), " chunked -" in line) for line in lines}
    assert in_chunks == {(True, True), (False, False)}


def test_no_call_is_lost_in_a_crash_with_springs_retry(
    nacos: NacosServer, stack: ExitStack, tmp_path: Path
) -> None:
    services = two_services(stack, tmp_path, nacos, "JAVA_CRASH")
    start(nacos, *services)
    consumer = JavaConsumer(stack, tmp_path / "consumer", services, CALLS_PER_SECOND, [FAST_CACHE])
    began = time.time()
    crash(services[1])
    consumer.wait_until_used(services[:1], time.time() + CACHE_SECONDS, CACHE_SECONDS + 15)
    assert consumer.failed_since(began) == []


def test_a_consumer_with_an_api_key_warms_up_and_ends_in_order(
    nacos: NacosServer, stack: ExitStack, tmp_path: Path
) -> None:
    group = "JAVA_API_KEY"
    service, _ = two_services(stack, tmp_path, nacos, group, {"API_KEYS_REQUIRED": "true"})
    start(nacos, service)
    key = create_key(service, None)
    listed = nacos.instances(SERVICE_NAME, group)
    consumer = JavaConsumer(
        stack,
        tmp_path / "consumer",
        [service],
        CALLS_PER_SECOND,
        [
            "--spring.cloud.openfeign.client.config.skl-kmeans.logger-level=headers",
            "--logging.level.example.kmeans=debug",
        ],
        environment={"SKL_KMEANS_API_KEY": key},
    )
    # As Spring ends on a SIGTERM. The calls in flight were answered.
    assert consumer.stop() == 128 + signal.SIGTERM
    assert [line for line in consumer.messages if " DEBUG " not in line] == []
    assert "---> POST http://skl-kmeans/api/skl-kmeans" in "".join(consumer.messages)
    assert consumer.failed_since(0) == []
    # The first call of each client came before those that it prints.
    answered = re.findall(
        r'^skl_kmeans_requests_total{.*outcome="ok".*} (\S+)$',
        service.read("/metrics"),
        re.MULTILINE,
    )
    assert sum(map(float, answered)) == len(CLIENTS) + len(consumer.calls)

    assert key not in (tmp_path / "consumer" / "calls").read_text()
    assert nacos.instances(SERVICE_NAME, group) == listed
    assert nacos.instances("java-consumer", group) == []
