"""Seeds by greedy k-means++, as scikit-learn chooses them, for several restarts at once."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


# Of one fit; the draws of 256 such fits take 5 MB.
_KEPT_SEEDS: Final = 500
# For more points, the distances of all restarts together do not fit into the cache.
_POINTS_AT_ONCE: Final = 4096


class Draws(NamedTuple):
    """The random numbers that scikit-learn draws for some restarts."""

    # (restarts,): the points that are the first centres.
    first: Indices
    # (clusters - 1, restarts, trials): from 0 to 1, for each further centre.
    uniform: Floats

    def of(self, restart: int) -> "Draws":
        """Return those of one restart."""
        return Draws(self.first[restart, None], self.uniform[:, restart, None])


def draw(n_points: int, clusters: int, n_init: int, random_state: int) -> Draws:
    """Return the random numbers for all restarts of a fit; those of small ones are kept."""
    make = _draw_once if clusters * n_init <= _KEPT_SEEDS else _draw
    return make(n_points, clusters, n_init, random_state)


def _draw(n_points: int, clusters: int, n_init: int, random_state: int) -> Draws:
    random = np.random.RandomState(random_state)
    weights = np.ones(n_points)
    trials = 2 + int(np.log(clusters))
    first = np.empty(n_init, dtype=np.intp)
    uniform = np.empty((clusters - 1, n_init, trials))
    for restart in range(n_init):
        first[restart] = random.choice(n_points, p=weights / weights.sum())
        for c in range(clusters - 1):
            uniform[c, restart] = random.uniform(size=trials)
    return Draws(first, uniform)


_draw_once = lru_cache(maxsize=256)(_draw)


def choose(
    x: Floats, squared_norms: Floats, draws: Draws, check: Callable[[], None] | None = None
) -> Indices:
    """Return the points, (restarts, clusters), that each restart starts from.

    `x` are centred points of shape (n_points, n_dimensions). `check` is called before each centre,
    and may raise.
    """
    if len(x) <= _POINTS_AT_ONCE:
        return _choose(x, squared_norms, draws, check)
    each = (draws.of(restart) for restart in range(len(draws.first)))
    return np.concatenate([_choose(x, squared_norms, one, check) for one in each])


def _choose(
    x: Floats, squared_norms: Floats, draws: Draws, check: Callable[[], None] | None
) -> Indices:
    n = len(x)
    first, uniform = draws
    steps, restarts, trials = uniform.shape
    offsets = np.arange(restarts) * trials
    ones = np.ones((n, 1))
    seeds = np.empty((restarts, steps + 1), dtype=np.intp)
    seeds[:, 0] = first
    closest = _squared_distances(x, squared_norms, first[:, None])
    potential = closest @ ones[:, 0]
    for c in range(1, steps + 1):
        if check:
            check()
        cumulated = np.add.accumulate(closest, axis=2)
        cumulated[:, 0, -1] = np.inf  # rounding may put a target past the end
        targets = uniform[c - 1] * potential
        candidates = (cumulated >= targets[:, :, None]).argmax(axis=2)
        distances = _squared_distances(x, squared_norms, candidates)
        np.minimum(distances, closest, out=distances)
        potentials = distances @ ones
        chosen = potentials.reshape(restarts, -1).argmin(axis=1)
        chosen += offsets
        seeds[:, c] = candidates.take(chosen)
        potential = potentials.take(chosen)[:, None]
        closest = distances.reshape(-1, n).take(chosen, axis=0)[:, None]
    return seeds


def _squared_distances(x: Floats, squared_norms: Floats, candidates: Indices) -> Floats:
    """Return the distances of (restarts, trials) candidates to all points, bit by bit."""
    distances: Floats = np.matmul(x.take(candidates, axis=0), x.T)
    distances *= -2.0
    distances += squared_norms.take(candidates)[:, :, None]
    distances += squared_norms
    return np.maximum(distances, 0.0, out=distances)
