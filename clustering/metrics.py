"""What is counted and measured of requests, in Prometheus' terms; right across workers."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
_POINTS: Final = (10, 100, 1000, 10_000, 100_000, 1_000_000)

REQUESTS: Final = Counter(
    "skl_kmeans_requests_total",
    "Requests to the endpoint, by status and outcome (ok, or the code of the problem).",
    ["status", "outcome"],
)
DURATION: Final = Histogram(
    "skl_kmeans_request_duration_seconds",
    "From a request's arrival in the application to its answer, waiting included.",
    buckets=_SECONDS,
)
FIT: Final = Histogram(
    "skl_kmeans_fit_duration_seconds", "k-means itself, waiting not included.", buckets=_SECONDS
)
FITS: Final = Counter(
    "skl_kmeans_fits_total",
    "Fits, by path: certified is the fast one; else why scikit-learn did it (off, too-large, ...).",
    ["path"],
)
POINTS: Final = Histogram(
    "skl_kmeans_points", "Points of the requests that were clustered.", buckets=_POINTS
)
WAITING: Final = Gauge(
    "skl_kmeans_waiting_requests",
    "Requests that wait for their turn to be fitted.",
    multiprocess_mode="livesum",
)
_HISTORY: Final = Counter(
    "skl_kmeans_history_rows_total",
    "Rows of the request history, by what became of them: queued, written, dropped.",
    ["fate"],
)
HISTORY_QUEUED: Final = _HISTORY.labels("queued")
HISTORY_WRITTEN: Final = _HISTORY.labels("written")
HISTORY_DROPPED: Final = _HISTORY.labels("dropped")
