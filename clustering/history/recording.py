"""Records every request in the history, in the metrics, and in the log."""

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
from django.http.response import HttpResponseBase
from django.utils import timezone
from numpy.typing import NDArray

from clustering import metrics
from clustering.config.parameters import Parameters
from clustering.history.writer import Row, history_writer, keeps
from clustering.services import Config
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
    config: Config | None = None,
    labels: NDArray[np.int32] | None = None,
) -> None:
    """Record the answer to a request to `model`; `started` is its start by `time.perf_counter()`.

    `points`, `config` and `labels` are None if the request was refused before they existed.
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
        "parameters": None,
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
        row["outcome"] = (pointer + response.detail)[:300]
    is_kept = points is not None and keeps(points)
    if points is not None:
        row["points"], row["dimensions"] = points.shape
        row["payload"] = points.tolist() if is_kept else None
    if config is not None:
        row["parameters"] = _others(config.value)
        row["config_version"] = config.version if response.status_code < 400 else ""
    if config is not None and labels is not None:
        row["clusters"] = config.value.clusters
        row["labels"] = labels.tolist() if is_kept else None
        metrics.POINTS.observe(len(labels))
    serving_metrics.REQUESTS.labels(model, response.status_code, row["problem"] or "ok").inc()
    serving_metrics.DURATION.labels(model).observe(seconds)
    history_writer.record(row)
    size = "" if points is None else f"{len(points)} points "
    logger.info(
        "%d %s: %sfrom %s in %.1f ms",
        response.status_code, row["outcome"], size, caller.address, row["duration_ms"],
    )  # fmt: skip


@lru_cache(maxsize=8)
def _others(parameters: Parameters) -> dict[str, Any]:
    """Return the parameters besides `clusters`, which has a field of its own."""
    return {name: value for name, value in asdict(parameters).items() if name != "clusters"}
