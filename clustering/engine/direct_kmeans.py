"""scikit-learn's compiled loops, called without the Python around them.

`KMeans.fit` validates its input again for each restart, which takes most of the time of a fit of
some thousand points. This calls the same compiled functions with the same numbers in the same
order, so labels are the same bit by bit, ties included. They are private: see `versions`.
"""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster._k_means_common import _inertia_dense, _is_same_clustering
from sklearn.cluster._k_means_lloyd import lloyd_iter_chunked_dense
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from sklearn.utils.parallel import _get_threadpool_controller

from clustering.engine import seeding
from clustering.engine.parameters import KMeansParameters

Floats = NDArray[np.float64]
Labels = NDArray[np.int32]

# Above, the compiled loops take nearly all the time of scikit-learn too.
_MAX_POINTS: Final = 20_000
_MAX_NUMBERS: Final = 2**20
_MAX_SQUARES: Final = 1e290


def knows(parameters: KMeansParameters) -> bool:
    """Return whether `fit_predict` uses all parameters that differ from their defaults."""
    return parameters == type(parameters)(
        clusters=parameters.clusters,
        n_init=parameters.n_init,
        max_iter=parameters.max_iter,
        tol=parameters.tol,
        random_state=parameters.random_state,
    )


def accepts(points: Floats, clusters: int) -> bool:
    """Return whether `fit_predict` takes these points with this many clusters."""
    if points.ndim != 2 or not 1 <= clusters <= len(points) <= _MAX_POINTS:
        return False
    if not 0 < points.size <= _MAX_NUMBERS:
        return False
    # scikit-learn refuses what is not finite, and warns where squares overflow.
    return bool(np.vdot(points, points) < _MAX_SQUARES)


def fit_predict(
    points: Floats, parameters: KMeansParameters, check: Callable[[], None] | None = None
) -> Labels:
    """Return the labels that scikit-learn gives; `knows` and `accepts` must be true.

    `points` has the shape (n_points, n_dimensions). `check` is called before each centre is seeded
    and before each restart, and may raise. Warns as scikit-learn does if fewer clusters have
    points.
    """
    x = np.array(points, dtype=np.float64, order="C")
    tolerance = tolerance_of(x, parameters.tol)
    x -= x.mean(axis=0)
    best: Labels | None = None
    best_inertia = np.inf
    squared_norms = np.einsum("ij,ij->i", x, x)
    draws = seeding.draw(len(x), parameters.clusters, parameters.n_init, parameters.random_state)
    seeds = seeding.choose(x, squared_norms, draws, check)
    with one_blas_thread():
        for chosen in seeds:
            if check:
                check()
            labels, inertia = run(x, x[chosen], parameters.max_iter, tolerance)
            if best is None or (
                inertia < best_inertia
                and not _is_same_clustering(labels, best, parameters.clusters)
            ):
                best, best_inertia = labels, inertia
    assert best is not None
    distinct = np.count_nonzero(np.bincount(best))
    if distinct < parameters.clusters:
        warnings.warn(
            f"Number of distinct clusters ({distinct}) found smaller than n_clusters "
            f"({parameters.clusters}). Possibly due to duplicate points in X.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return best


def tolerance_of(points: Floats, tol: float) -> float:
    """Return the squared shift of the centres at which a restart ends; 0 for none."""
    return float(np.mean(np.var(points, axis=0))) * tol if tol else 0.0


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return the context that scikit-learn runs each restart in; seeds are chosen without it."""
    context: AbstractContextManager[Any] = _get_threadpool_controller().limit(
        limits=1, user_api="blas"
    )
    return context


def run(x: Floats, centers: Floats, max_iter: int, tolerance: float) -> tuple[Labels, float]:
    """Iterate from these centres; return the labels and the inertia.

    `x` are centred points of shape (n_points, n_dimensions), `centers` is overwritten.
    """
    n_threads = _openmp_effective_n_threads()
    weights = np.ones(len(x))
    new = np.zeros_like(centers)
    labels = np.full(len(x), -1, dtype=np.int32)
    before = labels.copy()
    sizes, shifts = np.zeros(len(centers)), np.zeros(len(centers))
    is_settled = False
    for _ in range(max_iter):
        lloyd_iter_chunked_dense(x, weights, centers, new, sizes, labels, shifts, n_threads)
        centers, new = new, centers
        is_settled = np.array_equal(labels, before)
        if is_settled or (shifts**2).sum() <= tolerance:
            break
        before[:] = labels
    if not is_settled:  # the labels are those of the centres before
        lloyd_iter_chunked_dense(
            x, weights, centers, centers, sizes, labels, shifts, n_threads, update_centers=False
        )
    return labels, _inertia_dense(x, weights, centers, labels, n_threads)
