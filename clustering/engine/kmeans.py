"""scikit-learn's k-means, or a faster path with the same labels; imports no Django."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from clustering.engine import versions
from clustering.engine.parameters import KMeansParameters

# Warns of fewer distinct points than clusters, which the labels show anyway. Filtered once,
# because `catch_warnings` changes the state of all threads.
warnings.filterwarnings("ignore", category=ConvergenceWarning)


class Fit(NamedTuple):
    """Labels, and the path that produced them.

    `path` is `certified` for `fast_kmeans`, `direct` for `direct_kmeans`, and otherwise
    `scikit-learn`, or `off` if the fast paths are off.
    """

    labels: NDArray[np.int32]
    path: str


def fit_predict(
    points: NDArray[np.float64],
    parameters: KMeansParameters,
    *,
    fast_path: bool = True,
    copy_x: bool = True,
    check: Callable[[], None] | None = None,
) -> Fit:
    """Return the cluster label, 0 to `clusters - 1`, of each point.

    `points` has the shape (n_points, n_dimensions), with at least `clusters` points. Coordinates
    are finite, and at most `largest_magnitude` in size. Fewer distinct points than clusters get
    fewer labels. `fast_path` changes the time, not the labels. `copy_x=False` takes less memory,
    but may change `points` by rounding. Raises ValueError for input that scikit-learn rejects.

    scikit-learn calls `check` before it seeds each centre of its restarts, or with `init: random`
    before each restart. An exception of it ends the fit; with `copy_x=False`, `points` are then
    moved. The iterations of a restart cannot be interrupted. There are at most `max_iter`, so the
    limit on work bounds their time.
    """
    clusters = parameters.clusters
    path = "off"
    if fast_path and not versions.unknown():
        # Imported here, because other releases may not have the private names that it imports.
        from clustering.engine import direct_kmeans, fast_kmeans

        if fast_kmeans.knows(parameters) and fast_kmeans.accepts(points, clusters):
            with suppress(fast_kmeans.UncertifiedError):
                return Fit(fast_kmeans.fit_predict(points, clusters, check), "certified")
        if direct_kmeans.knows(parameters) and direct_kmeans.accepts(points, clusters):
            return Fit(direct_kmeans.fit_predict(points, parameters, check), "direct")
        path = "scikit-learn"
    seed = parameters.random_state
    model = KMeans(
        n_clusters=clusters,
        init=parameters.init,
        n_init=parameters.n_init,
        max_iter=parameters.max_iter,
        tol=parameters.tol,
        random_state=_CheckedRandom(seed, check) if check else seed,
        copy_x=copy_x,
    )
    return Fit(model.fit_predict(points), path)


class _CheckedRandom(np.random.RandomState):
    """The random numbers of a seed, with a check before each draw.

    scikit-learn draws once for each centre that it seeds: first by `choice`, then by `uniform`.
    With `init: random` it draws all centres of a restart at once, by `choice`.
    An `init` of our own could check too, but scikit-learn validates the points again for it, which
    takes a third of the time of a fit of 1,000 points.
    """

    def __init__(self, seed: int, check: Callable[[], None]) -> None:
        super().__init__(seed)
        self._check = check

    def choice(self, *args: Any, **kwargs: Any) -> Any:
        self._check()
        return super().choice(*args, **kwargs)

    def uniform(self, *args: Any, **kwargs: Any) -> Any:
        self._check()
        return super().uniform(*args, **kwargs)
