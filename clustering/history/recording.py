"""Records every request in the history, in the metrics, and in the log."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from django.http.response import HttpResponseBase
from django.utils import timezone
from numpy.typing import NDArray

from clustering import metrics
from clustering.history.writer import Row, history_writer, keeps
from clustering.services import Clustering
from serving import metrics as serving_metrics
from serving import request_context
from serving.problems import ProblemResponse

logger = logging.getLogger("clustering.requests")


def record(
    model: str,
    environ: Mapping[str, Any],
    response: HttpResponseBase,
    started: float,
    *,
    points: NDArray[np.float64] | None = None,
    clustering: Clustering | None = None,
) -> None:
    """Record the answer to a request to `model`; `started` is its start by `time.perf_counter()`.

    `points` and `clustering` are None if the request was refused before they existed.
    """
    seconds = time.perf_counter() - started
    caller = request_context.current.get() or request_context.identify(environ)
    row: Row = {
        "created_at": timezone.now(),
        "request_id": caller.request_id,
        "client": caller.address,
        "points": None,
        "dimensions": None,
        "clusters": None,
        "config_version": "",
        "duration_ms": round(1000 * seconds, 3),
        "status": response.status_code,
        "problem": None,
        "outcome": "ok",
        "model": model,
        "payload": None,
        "labels": None,
    }
    if isinstance(response, ProblemResponse):
        row["problem"] = response.code
        pointer = f"{response.problem['pointer']}: " if "pointer" in response.problem else ""
        row["outcome"] = (pointer + response.problem["detail"])[:300]
    is_kept = points is not None and keeps(points)
    if points is not None:
        row["points"], row["dimensions"] = points.shape
        row["payload"] = points.tolist() if is_kept else None
    if clustering is not None:
        row["clusters"] = clustering.clusters
        row["config_version"] = clustering.config_version
        row["labels"] = clustering.labels.tolist() if is_kept else None
        metrics.POINTS.observe(len(clustering.labels))
    serving_metrics.REQUESTS.labels(model, response.status_code, row["problem"] or "ok").inc()
    serving_metrics.DURATION.labels(model).observe(seconds)
    history_writer.record(row)
    size = "" if points is None else f"{len(points)} points "
    logger.info(
        "%d %s: %sfrom %s in %.1f ms",
        response.status_code, row["outcome"], size, caller.address, row["duration_ms"],
    )  # fmt: skip
