"""scikit-learn's k-means for few points: ten restarts at once, and the same labels or none.

With few points, scikit-learn spends its time on Python between ten restarts. Here each step is one
numpy call for all of them. The labels are certified to be those that
`KMeans(n_clusters=k, random_state=9, n_init=10).fit_predict(points)` gives in this very process, or
`UncertifiedError` says why not. The argument is stated in full, because ties are common: among
points with few digits, symmetric points, and candidates for a centre. scikit-learn lets rounding
decide them. u below is the unit roundoff, n points have d coordinates, and rho is the largest norm
of a centred point, hence of a centre.

The same bits as scikit-learn's:

- The random numbers depend on n and k only. They are drawn by the same calls, and kept.
- Centring, squared norms, the distances to candidates, their potentials and the cumulated distances
  are the same numpy operations. `matmul` over a stack makes for each slice the BLAS call that it
  makes for that slice alone, with the same shapes and strides. So the seeds are the same.
- A restart in doubt is redone alone: its sums are added in the order of the points, as
  scikit-learn does within a chunk of 256 of them, so n is at most 256; distances come from the
  same `dgemm` of scipy's BLAS, on arrays of the same layout, and a tie goes to the first cluster.
  n * k * d is at most 2^18, up to which OpenBLAS uses one thread, as scikit-learn makes it do.

Bounded (Higham, Accuracy and Stability of Numerical Algorithms, chapter 3), for any order of adding
and with or without fused multiplication:

- A centre differs from the exact mean by (n + 2) u rho at most, here and there. Half the
  difference of a point's squared distances to two centres differs from scikit-learn's by
  (8 n + 7 d + 24) u rho^2. A label counts when its centre is nearer by twice that at least
  (`rounding`); else the restart is in doubt.
- The difference of two inertias, halved, differs by (15 n + 8 d + 24) n u rho^2, which is less than
  n * `rounding`. Restarts closer than that must have the same clustering, which scikit-learn
  prefers the first of.
- A squared shift of the centres near the tolerance differs by less than 1.2e-8 of it; one within
  1e-6 is refused. scikit-learn also stops when no label changes. The centres then stay as they are,
  so the shift is 0, and one more look at the labels changes none: the shift alone decides.

Refused: clusters that get no points, inertias too close, a shift too close to the tolerance,
no end after 300 iterations, and magnitudes where squares leave the range of normal numbers.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dgemm

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Booleans = NDArray[np.bool_]

_RANDOM_STATE: Final = 9
_RESTARTS: Final = 10
_EACH_RESTART: Final = np.arange(_RESTARTS)
_MAX_ITERATIONS: Final = 300
_EPSILON: Final = float(np.finfo(np.float64).eps)  # 2 u
_TOLERANCE: Final = 1e-4
_MAX_POINTS: Final = 256
_MAX_PRODUCT: Final = 2**18
# From so many scores on, an iteration without the settled restarts saves more than it costs to
# take them out.
_SCORES_WORTH_SETTLING: Final = 4000


class UncertifiedError(Exception):
    """Only scikit-learn can tell the labels; the text is the reason, in one word."""


def accepts(points: Floats, clusters: int) -> bool:
    """Return whether points of this shape, with so many clusters, are for `fit_predict`."""
    if points.ndim != 2 or not 1 <= clusters <= len(points) <= _MAX_POINTS:
        return False
    return 0 < points.size * clusters <= _MAX_PRODUCT


def fit_predict(points: Floats, clusters: int) -> NDArray[np.int32]:
    """Return the labels that scikit-learn gives to points of a shape that is accepted.

    `points` has the shape (n_points, n_dimensions). Raises UncertifiedError where only scikit-learn
    can tell, and for numbers that it refuses. Safe to use from any thread.
    """
    x = np.array(points, dtype=np.float64, order="C")
    if not np.vdot(x, x) < 1e200:  # not so for NaN either
        raise UncertifiedError("magnitude")
    x -= np.add.reduce(x, axis=0) / len(x)
    squared_norms = np.einsum("ij,ij->i", x, x)
    if not squared_norms.max() > 1e-200:
        raise UncertifiedError("magnitude")
    if clusters == 1:
        return np.zeros(len(x), dtype=np.int32)
    return _Fit(x, squared_norms, clusters).labels()


class _Fit:
    """One fit of centred points."""

    def __init__(self, x: Floats, squared_norms: Floats, clusters: int) -> None:
        self.x, self.squared_norms, self.clusters = x, squared_norms, clusters
        n, d = x.shape
        self.ones = np.ones((n, 1))
        # Multiplied with who is a member, the left part gives sizes and sums of clusters. With
        # centres and their squared norms, the right part gives x·c - |c|²/2, the score of a
        # centre: largest for the nearest, and |x - c|² = |x|² - 2 * score.
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
        seeds = self._seeds()
        is_member, best, in_doubt = self._run(seeds)
        inertia_scores = best.dot(self.ones[:, 0])
        for restart in in_doubt:
            labels_alone, scores = self._run_alone(self.x[seeds[restart]])
            is_member[restart] = labels_alone == np.arange(k)[:, None]
            inertia_scores[restart] = scores.sum()
        members = is_member.reshape(_RESTARTS * k, n).astype(np.float64)
        if np.count_nonzero(members.dot(self.ones)) != _RESTARTS * k:
            raise UncertifiedError("empty-cluster")
        winner = self._choose(members, inertia_scores.tolist())
        labels: NDArray[np.int32] = is_member[winner].argmax(axis=0).astype(np.int32)
        return labels

    def _seeds(self) -> Indices:
        """Return the points that each restart begins with, by greedy k-means++."""
        n, k, ones = len(self.x), self.clusters, self.ones
        first, uniform, offsets = _draws(n, k)
        seeds = np.empty((_RESTARTS, k), dtype=np.intp)
        seeds[:, 0] = first
        closest = self._squared_distances(first[:, None])
        potential = closest @ ones[:, 0]
        for c in range(1, k):
            cumulated = np.add.accumulate(closest, axis=2)
            cumulated[:, 0, -1] = np.inf  # scikit-learn clips what rounding puts behind the last
            targets = uniform[c - 1] * potential
            candidates = (cumulated >= targets[:, :, None]).argmax(axis=2)
            distances = self._squared_distances(candidates)
            np.minimum(distances, closest, out=distances)
            potentials = distances @ ones
            chosen = potentials.reshape(_RESTARTS, -1).argmin(axis=1)
            chosen += offsets
            seeds[:, c] = candidates.take(chosen)
            potential = potentials.take(chosen)[:, None]
            closest = distances.reshape(-1, n).take(chosen, axis=0)[:, None]
        return seeds

    def _squared_distances(self, candidates: Indices) -> Floats:
        """Return the distances of (restarts, trials) candidates to all points, as scikit-learn."""
        distances: Floats = np.matmul(self.x.take(candidates, axis=0), self.x.T)
        distances *= -2.0
        distances += self.squared_norms.take(candidates)[:, :, None]
        distances += self.squared_norms
        return np.maximum(distances, 0.0, out=distances)

    def _run(self, seeds: Indices) -> tuple[Booleans, Floats, list[int]]:
        """Run all restarts: the members of their clusters, best scores, and which are in doubt."""
        n, d = self.x.shape
        k = self.clusters
        final = np.empty((_RESTARTS, k, d + 1))  # centres, each with its squared norm
        final[..., :-1] = self.x.take(seeds, axis=0)
        final[..., -1] = self.squared_norms.take(seeds)
        centers, running, in_doubt = final, _EACH_RESTART, []
        for _ in range(_MAX_ITERATIONS):
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
            # One that does not move at all may stay: it will not.
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
        """Return who may be a member of which cluster, (restarts, k, n), and the best scores.

        A restart with more than n possible members is in doubt.
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

    def _run_alone(self, centers: Floats) -> tuple[Indices, Floats]:
        """Run one restart from these centres with scikit-learn's own operations."""
        for _ in range(_MAX_ITERATIONS):
            labels, _scores = self._assign_exactly(centers)
            sizes = np.bincount(labels, minlength=self.clusters)
            if not sizes.all():
                raise UncertifiedError("empty-cluster")
            new = np.zeros_like(centers)
            np.add.at(new, labels, self.x)
            new *= (1.0 / sizes)[:, None]
            shift = float(np.vdot(new - centers, new - centers))
            centers = new
            if shift < self.surely_settled:
                return self._assign_exactly(centers)
            if shift <= self.surely_moving:
                raise UncertifiedError("tolerance")
        raise UncertifiedError("iterations")

    def _assign_exactly(self, centers: Floats) -> tuple[Indices, Floats]:
        distances = np.empty((len(self.x), self.clusters))
        distances[:] = np.einsum("ij,ij->i", centers, centers)
        # In place: all arrays are in the order of Fortran.
        dgemm(-2.0, centers.T, self.x.T, 1.0, distances.T, trans_a=1, overwrite_c=1)
        return distances.argmin(axis=1), -0.5 * distances.min(axis=1)

    def _choose(self, members: Floats, scores: list[float]) -> int:
        """Return the restart that scikit-learn takes: the first with the least inertia.

        It takes a later one only for a smaller inertia and another clustering, whatever the
        numbers of the clusters. No cluster is empty here, so two clusterings are the same when the
        squares of the sizes of their intersections add up to what they do for equal ones.
        """
        limit = max(scores) - len(self.x) * self.rounding
        is_close = [score >= limit for score in scores]
        winner = is_close.index(True)
        k = self.clusters
        own = members[winner * k : winner * k + k]
        intersections = members.dot(own.T).reshape(_RESTARTS, k * k)
        squares = np.vecdot(intersections, intersections).tolist()
        is_same = [square == squares[winner] for square in squares]
        is_tie = any(close and not same for close, same in zip(is_close, is_same, strict=True))
        # The same clustering before, with another inertia, comes from centres that stopped short.
        if is_tie or True in is_same[:winner]:
            raise UncertifiedError("tie")
        return winner


@lru_cache(maxsize=256)
def _draws(n_points: int, clusters: int) -> tuple[Indices, Floats, Indices]:
    """Return what scikit-learn draws, and where each restart's trials begin.

    These are the first centres, (restarts,), and the uniform numbers, (k - 1, restarts, trials).
    """
    random = np.random.RandomState(_RANDOM_STATE)
    weights = np.ones(n_points)
    trials = 2 + int(np.log(clusters))
    first = np.empty(_RESTARTS, dtype=np.intp)
    uniform = np.empty((clusters - 1, _RESTARTS, trials))
    for restart in range(_RESTARTS):
        first[restart] = random.choice(n_points, p=weights / weights.sum())
        for c in range(clusters - 1):
            uniform[c, restart] = random.uniform(size=trials)
    return first, uniform, _EACH_RESTART * trials
