"""The algorithm: scikit-learn's k-means under a fixed contract, without Django."""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from clustering.engine import fast_kmeans, versions

RANDOM_STATE = 9
# The labels of the contract are those of ten starts; scikit-learn's "auto" means one and differs.
N_INIT = 10

# Fewer distinct points than clusters: told by the labels themselves. Filtered for good, because
# `catch_warnings` changes the state of all threads.
warnings.filterwarnings("ignore", category=ConvergenceWarning)


def largest_magnitude(n_points: int, n_dimensions: int) -> float:
    """Return the largest |coordinate| for which no squared distance or inertia can overflow.

    After centring, a coordinate is at most twice as large and a difference of two at most four
    times; the inertia sums the squares of `n_points * n_dimensions` of them.
    """
    return float(np.sqrt(np.finfo(np.float64).max / (16.0 * n_points * n_dimensions)))


class Fit(NamedTuple):
    """Labels, and which path they came by.

    `path` is `certified` for that of `fast_kmeans`; for scikit-learn's, it says why not the other:
    `off`, `too-large`, or the reason of an `UncertifiedError`.
    """

    labels: NDArray[np.int32]
    path: str


def fit_predict(
    points: NDArray[np.float64], clusters: int, *, fast_path: bool = True, copy_x: bool = True
) -> Fit:
    """Return the cluster label, 0 to `clusters - 1`, of each point.

    `points` has the shape (n_points, n_dimensions), at least `clusters` of them, all finite and
    at most `largest_magnitude` in size. Fewer distinct points than clusters use fewer labels.
    `fast_path` changes the time that it takes, not the labels; nor does `copy_x=False`, which takes
    less memory, and may leave `points` changed by rounding. Raises ValueError for input that
    scikit-learn refuses.
    """
    if not fast_path or versions.unknown_to_fast_kmeans():
        path = "off"
    elif not fast_kmeans.accepts(points, clusters):
        path = "too-large"
    else:
        try:
            return Fit(fast_kmeans.fit_predict(points, clusters), "certified")
        except fast_kmeans.UncertifiedError as error:
            path = str(error)
    model = KMeans(n_clusters=clusters, random_state=RANDOM_STATE, n_init=N_INIT, copy_x=copy_x)
    return Fit(model.fit_predict(points), path)
