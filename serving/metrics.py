"""Prometheus metrics of requests to served models, summed over all workers."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from serving import conf

SECONDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
_PREFIX: Final = conf.load().metrics_prefix

REQUESTS: Final = Counter(
    f"{_PREFIX}requests_total",
    "Requests, by model, status and outcome (ok, or the code of the problem).",
    ["model", "status", "outcome"],
)
DURATION: Final = Histogram(
    f"{_PREFIX}request_duration_seconds",
    "From a request's arrival in the application to its answer, waiting included.",
    ["model"],
    buckets=SECONDS,
)
WAITING: Final = Gauge(
    f"{_PREFIX}waiting_requests",
    "Requests that wait to be computed.",
    ["model"],
    multiprocess_mode="livesum",
)
