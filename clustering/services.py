"""What a request asks for: labels for points, with the parameters in force."""

import threading
import time
from dataclasses import dataclass

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from clustering import kmeans
from clustering.parameters import Parameters
from clustering.problems import Problem
from nacos_integration import live_config

# Fits wait for each other. Two threads are never among the waiting, so that health is answered
# whatever the load: an instance must not leave the registry for having much to do.
_places = threading.BoundedSemaphore(max(1, settings.THREADS - 2))


@dataclass(frozen=True)
class Clustering:
    """Labels, and the config and time that produced them."""

    labels: NDArray[np.int32]
    clusters: int
    config_version: str
    fit_seconds: float


def cluster(*, points: NDArray[np.float64]) -> Clustering:
    """Label `points`, of shape (n_points, n_dimensions), with the clusters in force.

    The config is read once, so a change during the call cannot mix two values. Raises Problem
    (422) for points that cannot be clustered so, and (503) when too many others wait.
    """
    if not _places.acquire(blocking=False):
        overloaded = Problem("overloaded", "all places for requests are taken; try again")
        overloaded.wait = 1
        raise overloaded
    try:
        return _cluster(points)
    finally:
        _places.release()


def _cluster(points: NDArray[np.float64]) -> Clustering:
    live_config.wait_until_synced()
    config = live_config.current(Parameters)
    clusters = config.value.clusters
    n_points, n_dimensions = points.shape
    if n_points < clusters:
        raise Problem(
            "too-few-points",
            f"{n_points} points cannot form {clusters} clusters; send at least {clusters}",
            pointer="points",
        )
    limit = kmeans.largest_magnitude(n_points, n_dimensions)
    too_large = np.argwhere(~(np.abs(points) <= limit))
    if len(too_large):
        i, j = too_large[0]
        raise Problem(
            "overflow",
            f"the magnitude of {points[i, j]:g} is beyond {limit:.3g}, where squared distances "
            f"of {n_points} points overflow",
            pointer=f"points[{i}][{j}]",
        )
    started = time.perf_counter()
    labels = kmeans.fit_predict(points, clusters)
    return Clustering(labels, clusters, config.version, time.perf_counter() - started)
