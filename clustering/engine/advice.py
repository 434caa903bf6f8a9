"""Fits with several numbers of clusters, and how well each separates the points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances, silhouette_score

from clustering.engine.parameters import KMeansParameters
from clustering.engine.partition import Partition

# Returns the label, from 0, of each point; points have the shape (n_points, n_dimensions).
FitPredict = Callable[[NDArray[np.float64], KMeansParameters], NDArray[np.int32]]
# The silhouette takes a distance for each pair of points.
SAMPLE_MAX: Final = 2000


@dataclass(frozen=True)
class Candidate:
    """One fit, and its silhouette; None for one cluster, or as many as points."""

    clusters: int
    partition: Partition
    silhouette: float | None


def compare(
    points: NDArray[np.float64],
    parameters: KMeansParameters,
    candidates: Sequence[int],
    fit_predict: FitPredict,
    check: Callable[[], None],
) -> list[Candidate]:
    """Fit points, of shape (n_points, n_dimensions), with each number of clusters.

    Each number is at most n_points. With more than SAMPLE_MAX points, the silhouette is that of a
    sample, the same for all candidates. `check` is called between them, and may raise.
    """
    sample = _sample(len(points), parameters.random_state)
    check()
    # Centred, because the distances of points far from the origin lose their digits.
    centred = points[sample] - points.mean(axis=0)
    distances = pairwise_distances(centred)
    found = []
    for clusters in candidates:
        check()
        labels = fit_predict(points, replace(parameters, clusters=clusters))
        silhouette = _silhouette(distances, labels[sample])
        found.append(Candidate(clusters, Partition.of(points, labels, clusters), silhouette))
    return found


def best_of(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the first candidate with the highest silhouette, None if none has one."""
    measured = [each for each in candidates if each.silhouette is not None]
    return max(measured, key=lambda each: each.silhouette or 0.0, default=None)


def _sample(n_points: int, random_state: int) -> NDArray[np.intp] | slice:
    if n_points <= SAMPLE_MAX:
        return slice(None)
    random = np.random.RandomState(random_state)
    chosen: NDArray[np.intp] = random.choice(n_points, SAMPLE_MAX, replace=False)
    return chosen


def _silhouette(distances: NDArray[np.float64], labels: NDArray[np.int32]) -> float | None:
    distinct = len(np.unique(labels))
    if not 2 <= distinct < len(labels):
        return None
    return float(silhouette_score(distances, labels, metric="precomputed"))
