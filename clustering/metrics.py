"""Prometheus metrics of fits and of the request history, summed over all workers."""

from typing import Final

from prometheus_client import Counter, Histogram

from serving.metrics import SECONDS

_POINTS: Final = (10, 100, 1000, 10_000, 100_000, 1_000_000)

FIT: Final = Histogram(
    "skl_kmeans_fit_duration_seconds", "k-means itself, waiting not included.", buckets=SECONDS
)
FITS: Final = Counter(
    "skl_kmeans_fits_total",
    "Fits, by path: certified and direct are the fast paths; see docs/operating.md.",
    ["path"],
)
POINTS: Final = Histogram(
    "skl_kmeans_points", "Points of the requests that were clustered.", buckets=_POINTS
)
_HISTORY: Final = Counter(
    "skl_kmeans_history_rows_total",
    "Rows of the request history, by fate: queued, written or dropped.",
    ["fate"],
)
HISTORY_QUEUED: Final = _HISTORY.labels("queued")
HISTORY_WRITTEN: Final = _HISTORY.labels("written")
HISTORY_DROPPED: Final = _HISTORY.labels("dropped")
