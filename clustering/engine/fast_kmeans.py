"""k-means for up to some thousand points, faster than scikit-learn, with the same labels or none.

Each step is one numpy call for all ten restarts. The labels are certified to be those of
`KMeans(n_clusters=k, random_state=9, n_init=10).fit_predict(points)` in the same process.
Otherwise `UncertifiedError` gives the reason, and the caller uses scikit-learn.

docs/certified-labels.md has the proof. Read it before any change: even another order of
additions can change a label of points that tie.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clustering.engine import direct_kmeans, seeding
from clustering.engine.parameters import KMeansParameters

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Booleans = NDArray[np.bool_]

_RANDOM_STATE: Final = 9
_RESTARTS: Final = 10
_EACH_RESTART: Final = np.arange(_RESTARTS)
_MAX_ITERATIONS: Final = 300
_EPSILON: Final = float(np.finfo(np.float64).eps)  # 2 u
_TOLERANCE: Final = 1e-4
# Beyond, the bound of a squared shift would be too wide.
_MAX_POINTS: Final = 10_000
# Their fit takes about a millisecond.
_FEW_POINTS: Final = 256
_MAX_PRODUCT: Final = 2**20
# Points times clusters: the scores of all restarts then fit into a core's cache.
_MAX_SCORES: Final = 2**18 // _RESTARTS
# With fewer scores, removing restarts that have settled costs more than it saves.
_SCORES_WORTH_SETTLING: Final = 4000


class UncertifiedError(Exception):
    """The labels are not certain; the text is the reason, in one word."""


def knows(parameters: KMeansParameters) -> bool:
    """Return whether `fit_predict` is certified for these parameters.

    A parameter that is not named here must have its default.
    """
    return parameters == type(parameters)(
        clusters=parameters.clusters,
        n_init=_RESTARTS,
        max_iter=_MAX_ITERATIONS,
        tol=_TOLERANCE,
        init="k-means++",
        random_state=_RANDOM_STATE,
    )


def accepts(points: Floats, clusters: int) -> bool:
    """Return whether `fit_predict` takes points of this shape with this many clusters."""
    if points.ndim != 2 or not 1 <= clusters <= len(points) <= _MAX_POINTS:
        return False
    is_small = len(points) * clusters <= _MAX_SCORES
    return is_small and 0 < points.size * clusters <= _MAX_PRODUCT


def fit_predict(
    points: Floats, clusters: int, check: Callable[[], None] | None = None
) -> NDArray[np.int32]:
    """Return the labels that scikit-learn gives; `accepts` must be true for the points.

    `points` has the shape (n_points, n_dimensions). Unless they are few, `check` is called before
    each centre is seeded and before each iteration, and may raise. Raises UncertifiedError if the
    labels are not certain, and for numbers that scikit-learn rejects. Safe to call from any thread.
    """
    x = np.array(points, dtype=np.float64, order="C")
    if not np.vdot(x, x) < 1e200:  # also true for NaN
        raise UncertifiedError("magnitude")
    x -= np.add.reduce(x, axis=0) / len(x)
    squared_norms = np.einsum("ij,ij->i", x, x)
    if not squared_norms.max() > 1e-200:
        raise UncertifiedError("magnitude")
    if clusters == 1:
        return np.zeros(len(x), dtype=np.int32)
    if check is None or len(x) <= _FEW_POINTS:
        check = _do_nothing
    return _Fit(points, x, squared_norms, clusters, check).labels()


def _do_nothing() -> None:
    pass


class _Fit:
    """One fit; `x` are the centred points."""

    def __init__(
        self,
        points: Floats,
        x: Floats,
        squared_norms: Floats,
        clusters: int,
        check: Callable[[], None],
    ) -> None:
        self.points, self.x, self.check = points, x, check
        self.squared_norms, self.clusters = squared_norms, clusters
        n, d = x.shape
        self.ones = np.ones((n, 1))
        # Membership times `sizes_and_sums` gives the sizes and sums of the clusters. Centres with
        # their squared norms times `scores` give x·c - |c|²/2, the score of a centre. The nearest
        # centre has the largest score, and |x - c|² = |x|² - 2 * score.
        columns = np.empty((n, d + 2))
        columns[:, 0] = 1.0
        columns[:, 1:-1] = x
        columns[:, -1] = -0.5
        self.sizes_and_sums = columns[:, :-1]
        self.scores = columns[:, 1:].T
        self.rounding = 8 * (n + d + 4) * _EPSILON * float(squared_norms.max())
        tolerance = _TOLERANCE * float(squared_norms.dot(self.ones[:, 0])) / (n * d)
        self.surely_settled, self.surely_moving = tolerance * (1 - 1e-6), tolerance * (1 + 1e-6)

    def labels(self) -> NDArray[np.int32]:
        n, k = len(self.x), self.clusters
        draws = seeding.draw(n, k, _RESTARTS, _RANDOM_STATE)
        seeds = seeding.choose(self.x, self.squared_norms, draws, self.check)
        is_member, best, in_doubt = self._run(seeds)
        scores = best.dot(self.ones[:, 0])
        if in_doubt:
            self._run_exactly(in_doubt, seeds, is_member, scores)
        members = is_member.reshape(_RESTARTS * k, n).astype(np.float64)
        if np.count_nonzero(members.dot(self.ones)) != _RESTARTS * k:
            raise UncertifiedError("empty-cluster")
        chosen = self._choose(members, scores.tolist())
        labels: NDArray[np.int32] = is_member[chosen].argmax(axis=0).astype(np.int32)
        return labels

    def _run(self, seeds: Indices) -> tuple[Booleans, Floats, list[int]]:
        """Run all restarts; return memberships, best scores, and the restarts in doubt."""
        n, d = self.x.shape
        k = self.clusters
        final = np.empty((_RESTARTS, k, d + 1))  # centres, each with its squared norm
        final[..., :-1] = self.x.take(seeds, axis=0)
        final[..., -1] = self.squared_norms.take(seeds)
        centers, running, in_doubt = final, _EACH_RESTART, []
        for _ in range(_MAX_ITERATIONS):
            self.check()
            is_member, best = self._assign(centers)
            if np.count_nonzero(is_member) != len(running) * n:
                sure = np.count_nonzero(is_member, axis=(1, 2)) == n
                in_doubt += running[~sure].tolist()
                running, centers, is_member = running[sure], centers[sure], is_member[sure]
                if not running.size:
                    break
            new, shifts = self._update(centers, is_member)
            centers = new
            largest = max(shifts)
            if largest < self.surely_settled:
                if largest == 0.0 and len(running) == _RESTARTS:
                    return is_member, best[:, 0], []
                break
            if any(self.surely_settled <= s <= self.surely_moving for s in shifts):
                raise UncertifiedError("tolerance")
            # A restart whose shift is 0 may stay in a small batch: it will not move again.
            least = 0.0 if is_member.size < _SCORES_WORTH_SETTLING else -1.0
            is_settled = [least < s < self.surely_settled for s in shifts]
            if True in is_settled:
                settled = np.array(is_settled)
                final[running[settled]] = centers[settled]
                running, centers = running[~settled], centers[~settled]
        else:
            raise UncertifiedError("iterations")
        final[running] = centers
        is_member, best = self._assign(final)
        sure = np.count_nonzero(is_member, axis=(1, 2)) == n
        sure[in_doubt] = False
        return is_member, best[:, 0], np.flatnonzero(~sure).tolist()

    def _assign(self, centers: Floats) -> tuple[Booleans, Floats]:
        """Return the possible memberships, (restarts, k, n), and the best scores.

        A restart with more than n possible memberships is in doubt.
        """
        restarts, k, width = centers.shape
        scores = centers.reshape(restarts * k, width).dot(self.scores).reshape(restarts, k, -1)
        best: Floats = np.maximum.reduce(scores, axis=1, keepdims=True)
        return scores >= best - self.rounding, best

    def _update(self, centers: Floats, is_member: Booleans) -> tuple[Floats, list[float]]:
        """Return the means of the clusters, and each restart's sum of squared shifts."""
        restarts, k, n = is_member.shape
        sums = is_member.reshape(restarts * k, n).astype(np.float64).dot(self.sizes_and_sums)
        sizes = sums[:, :1]
        if np.count_nonzero(sizes) != len(sizes):
            raise UncertifiedError("empty-cluster")
        new = np.empty_like(centers)
        rows = new.reshape(restarts * k, -1)
        np.divide(sums[:, 1:], sizes, out=rows[:, :-1])
        np.vecdot(rows[:, :-1], rows[:, :-1], out=rows[:, -1])
        shift = (new[..., :-1] - centers[..., :-1]).reshape(restarts, -1)
        return new, np.vecdot(shift, shift).tolist()

    def _run_exactly(
        self, restarts: list[int], seeds: Indices, is_member: Booleans, scores: Floats
    ) -> None:
        """Run these restarts as scikit-learn does, and replace their memberships and scores."""
        tolerance = direct_kmeans.tolerance_of(self.points, _TOLERANCE)
        numbers = np.arange(self.clusters)[:, None]
        with direct_kmeans.one_blas_thread():
            for restart in restarts:
                self.check()
                centers = self.x[seeds[restart]]
                labels, inertia = direct_kmeans.run(self.x, centers, _MAX_ITERATIONS, tolerance)
                is_member[restart] = labels == numbers
                scores[restart] = (self.squared_norms.sum() - inertia) / 2

    def _choose(self, members: Floats, scores: list[float]) -> int:
        """Return the restart that scikit-learn chooses; `scores` fall with the inertia.

        It prefers a later restart with a smaller inertia and a different clustering. The numbers of
        the clusters do not count.
        """
        least_difference = len(self.x) * self.rounding
        chosen = 0
        is_same = self._equals(members, chosen)
        for restart in range(1, _RESTARTS):
            gain = scores[restart] - scores[chosen]
            if gain < -least_difference or is_same[restart]:
                continue
            if gain <= least_difference:
                raise UncertifiedError("tie")
            chosen = restart
            is_same = self._equals(members, chosen)
        return chosen

    def _equals(self, members: Floats, restart: int) -> list[bool]:
        """Return which restarts have the same clustering as this one.

        No cluster is empty here. So two clusterings are the same if the squared sizes of their
        intersections have the same sum as for equal clusterings.
        """
        k = self.clusters
        own = members[restart * k : restart * k + k]
        intersections = members.dot(own.T).reshape(_RESTARTS, k * k)
        squares = np.vecdot(intersections, intersections)
        equal: list[bool] = (squares == squares[restart]).tolist()
        return equal
