"""What a request asks for: labels for points, with the parameters in force."""

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from clustering.config.parameters import Parameters
from clustering.engine import kmeans
from clustering.history.writer import keeps
from nacos_integration import live_config
from serving.problems import Problem

# Bytes of a body times clusters. No point has fewer than four bytes, so that there are 32 clusters
# at most, for each of which scikit-learn takes about 1.5 ms, however few the points.
_BRIEF_PRODUCT: Final = 4096


@dataclass(frozen=True)
class Clustering:
    """Labels, and the config, path and time that produced them."""

    labels: NDArray[np.int32]
    clusters: int
    config_version: str
    fit_path: str
    fit_seconds: float

    @property
    def distinct_labels(self) -> int:
        """How many clusters have points: fewer than asked for, if fewer points are distinct."""
        return int(np.count_nonzero(np.bincount(self.labels)))


def is_brief(body_bytes: int) -> bool:
    """Return whether a request with such a body takes about 1 ms, and 50 where it takes longest."""
    return body_bytes * live_config.current(Parameters).value.clusters <= _BRIEF_PRODUCT


def cluster(*, points: NDArray[np.float64]) -> Clustering:
    """Label `points`, of shape (n_points, n_dimensions), with the clusters in force.

    The config is read once, so a change during the call cannot mix two values. Raises Problem
    (422) for points that cannot be clustered so.
    """
    live_config.wait_until_synced()
    config = live_config.current(Parameters)
    clusters = config.value.clusters
    check(points, clusters)
    started = time.perf_counter()
    fit = kmeans.fit_predict(
        points,
        clusters,
        fast_path=settings.KMEANS_FAST_PATH,
        # Points that the history keeps must stay as they are.
        copy_x=keeps(points),
    )
    fit_seconds = time.perf_counter() - started
    return Clustering(fit.labels, clusters, config.version, fit.path, fit_seconds)


def check(points: NDArray[np.float64], clusters: int) -> None:
    """Raise Problem (422) for points that cannot be clustered so."""
    n_points, n_dimensions = points.shape
    if n_points < clusters:
        raise Problem(
            "too-few-points",
            f"{n_points} points cannot form {clusters} clusters; send at least {clusters}",
            pointer="points",
        )
    work = n_points * clusters * kmeans.N_INIT
    if work > settings.KMEANS_MAX_WORK:
        raise Problem(
            "too-much-work",
            f"{n_points} points with {clusters} clusters and {kmeans.N_INIT} starts are {work} "
            f"steps; at most {settings.KMEANS_MAX_WORK} are accepted (KMEANS_MAX_WORK)",
            pointer="points",
        )
    limit = kmeans.largest_magnitude(n_points, n_dimensions)
    if not (points.max() <= limit and points.min() >= -limit):
        i, j = np.argwhere(~(np.abs(points) <= limit))[0]
        raise Problem(
            "overflow",
            f"the magnitude of {points[i, j]:g} is beyond {limit:.3g}, where squared distances "
            f"of {n_points} points overflow",
            pointer=f"points[{i}][{j}]",
        )
