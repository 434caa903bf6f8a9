"""Traces, which every worker sends to a collector."""

import contextlib
import json
import socket
import statistics
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.support.otlp import Collector
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.service import GUNICORN, SERVE, Service, free_port
from tests.support.waiting import wait_until

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLERS_SPAN_ID = "00f067aa0ba902b7"
RUNSERVER = ("manage.py", "runserver", "--noreload")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        yield made


def workers_that_answered(service: Service) -> set[int]:
    events = [json.loads(line) for line in service.log().splitlines()]
    return {event["process"] for event in events if event["logger"] == "clustering.requests"}


def trace_to(service: Service, endpoint: str) -> None:
    # Longer than any test: what arrives was sent because a process ended.
    service.environment |= {
        "OTEL_ENABLED": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "120000",
    }


def call(service: Service) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{service.port}/api/skl-kmeans",
        json.dumps({"points": REFERENCE_POINTS}).encode(),
        {
            "Content-Type": "application/json",
            "traceparent": f"00-{TRACE_ID}-{CALLERS_SPAN_ID}-01",
            "Connection": "close",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["results"] == REFERENCE_LABELS[3]
        return int(answer.status)


@pytest.mark.parametrize("command", [SERVE, (*GUNICORN, "--preload")], ids=" ".join)
def test_every_worker_sends_its_spans_before_it_exits(
    service: Service, collector: Collector, command: tuple[str, ...]
) -> None:
    trace_to(service, collector.endpoint)
    service.start(command)
    service.wait_until_it_answers()
    assert service.process
    everyone = psutil.Process(service.process.pid).children(recursive=True)
    parents = {process.ppid() for process in everyone}
    workers = {process.pid for process in everyone if process.pid not in parents}
    assert len(workers) == 2
    calls = 0
    with ThreadPoolExecutor(8) as callers:
        while workers_that_answered(service) != workers:
            assert calls < 800, "one worker takes all calls"
            assert set(callers.map(call, [service] * 40)) == {200}
            calls += 40
    assert not collector.spans
    assert service.stop() == 0
    assert len(collector.spans) == calls, "the looks at /livez leave no trace"
    assert {span.resource["process.pid"] for span in collector.spans} == workers
    assert len({span.resource["service.instance.id"] for span in collector.spans}) == 2
    for span in collector.spans:
        assert span.name == "POST api/skl-kmeans"
        assert (span.trace_id, span.parent_id) == (TRACE_ID, CALLERS_SPAN_ID)
        assert span.resource["service.name"] == "skl-kmeans"
        assert span.attributes["http.response.status_code"] == 200


def test_runserver_sends_spans_with_the_configured_service_name(
    service: Service, collector: Collector
) -> None:
    trace_to(service, collector.endpoint)
    service.environment |= {
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=ours,service.instance.id=pod-7",
    }
    service.start(RUNSERVER)
    service.wait_until_it_answers()
    call(service)
    wait_until(lambda: collector.spans, 10, service.log)
    (span,) = collector.spans
    assert span.resource["service.name"] == "ours"
    assert span.resource["service.instance.id"] == "pod-7"


def test_no_spans_by_default(service: Service, collector: Collector) -> None:
    service.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
    service.start()
    service.wait_until_it_answers()
    call(service)
    assert service.stop() == 0
    assert not collector.spans


@pytest.mark.parametrize("silent", [False, True], ids=["away", "silent"])
def test_an_unreachable_collector_delays_nothing(service: Service, silent: bool) -> None:
    port = free_port()
    with contextlib.ExitStack() as stack:
        if silent:
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
        trace_to(service, f"http://127.0.0.1:{port}")
        service.environment |= {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BSP_MAX_QUEUE_SIZE": "20"}
        service.environment["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] = "10"
        service.start()
        service.wait_until_it_answers()
        call(service)
        seconds = []
        for _ in range(40):
            started = time.monotonic()
            assert call(service) == 200
            seconds.append(time.monotonic() - started)
        assert statistics.median(seconds) < 0.25
        started = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - started < 20, "the SDK itself would wait for 30 s"
    if not silent:
        assert "Failed to export" in service.log() or "Transient error" in service.log()


def without_the_extra(service: Service) -> None:
    blocker = service.folder / "sitecustomize.py"
    blocker.write_text("import sys\nsys.modules['opentelemetry.sdk.trace'] = None\n")
    service.environment |= {"OTEL_ENABLED": "true", "PYTHONPATH": str(service.folder)}


def test_serve_names_the_missing_package(service: Service) -> None:
    without_the_extra(service)
    refused = service.manage("serve")
    assert refused.returncode == 1
    assert "Run `pip install -r requirements-otel.txt`" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_server_without_checks_serves_without_traces(service: Service) -> None:
    without_the_extra(service)
    service.start(GUNICORN)
    service.wait_until_it_answers()
    assert call(service) == 200
    assert "Run `pip install -r requirements-otel.txt`" in service.log()
    assert "Traceback" not in service.log()
