"""The fast paths compared with scikit-learn, with more points.

`python -m tests.clustering.test_engine_direct_kmeans CASES [SEED]` compares that many cases, each
by the direct path and by the one that a request takes, and prints how many took which.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from clustering.engine import direct_kmeans, fast_kmeans, kmeans
from clustering.engine.parameters import KMeansParameters
from tests.clustering.test_engine_fast_kmeans import KINDS, make_points

LEAST, MOST = 257, 20_000
ACCEPTED = [kind for kind in KINDS if kind != "huge"]  # its squares overflow


def make_cases(count: int, seed: int) -> Iterator[tuple[str, NDArray[np.float64], Any]]:
    """Yield (kind, points, parameters); sizes are log-uniform, and a third has ties."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        kind = ACCEPTED[number % len(ACCEPTED)]
        n = int(np.exp(rng.uniform(np.log(LEAST), np.log(MOST))))
        points = make_points(rng, kind, n, int(rng.integers(1, 9)))
        parameters = KMeansParameters(int(rng.choice([1, 2, 3, 3, 4, 5, 6, 8, 12])))
        if number % 5 == 0:
            parameters = KMeansParameters(
                parameters.clusters,
                n_init=int(rng.integers(1, 4)),
                max_iter=int(rng.integers(1, 30)),
                tol=float(rng.choice([0.0, 1e-4, 1e-2])),
                random_state=int(rng.integers(100)),
            )
        yield kind, points, parameters


def outcome(fit_predict: Callable[[], NDArray[np.int32]]) -> tuple[Any, ...]:
    """Return the labels and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        labels = fit_predict()
    return labels.dtype, labels.tolist(), [str(each.message) for each in caught]


def scikit_learn(points: NDArray[np.float64], parameters: KMeansParameters) -> tuple[Any, ...]:
    options = asdict(parameters)
    model = KMeans(n_clusters=options.pop("clusters"), **options)
    return outcome(lambda: model.fit_predict(points))


def count_differences(count: int, seed: int, paths: Counter[str] | None = None) -> int:
    """Return how many cases differ; count the paths of requests."""
    paths = Counter() if paths is None else paths
    differences = 0
    for kind, points, parameters in make_cases(count, seed):
        assert direct_kmeans.knows(parameters)
        assert direct_kmeans.accepts(points, parameters.clusters)
        before = points.copy()
        expected = scikit_learn(before, parameters)
        direct = outcome(partial(direct_kmeans.fit_predict, points, parameters))
        path, labels = "direct", expected[1]
        if fast_kmeans.knows(parameters) and fast_kmeans.accepts(points, parameters.clusters):
            fit = kmeans.fit_predict(points, parameters)
            path, labels = fit.path, fit.labels.tolist()
        if direct != expected or labels != expected[1]:
            differences += 1
            print("differs:", kind, points.shape, parameters, path)
        paths[path] += 1
        assert np.array_equal(points, before)
    return differences


def test_the_labels_are_those_of_scikit_learn() -> None:
    """`tests/e2e/test_direct_kmeans.py` compares more."""
    paths = Counter[str]()
    assert not count_differences(len(ACCEPTED), 1, paths)
    # A path that refuses everything would also give the same labels.
    assert paths["certified"]
    assert paths["direct"]


@pytest.mark.parametrize(
    ("path", "n_points", "parameters"),
    [
        ("certified", 8738, KMeansParameters(3)),
        ("direct", 8739, KMeansParameters(3)),
        ("direct", 20_000, KMeansParameters(3)),
        ("scikit-learn", 20_001, KMeansParameters(3)),
        ("direct", 20, KMeansParameters(3, n_init=2)),
        ("scikit-learn", 20, KMeansParameters(3, init="random")),
    ],
)
def test_the_path_is_reported(path: str, n_points: int, parameters: KMeansParameters) -> None:
    points = np.random.default_rng(3).normal(size=(n_points, 2))
    assert kmeans.fit_predict(points, parameters).path == path
    assert kmeans.fit_predict(points, parameters, fast_path=False).path == "off"


def test_few_points_in_doubt_are_not_left_to_scikit_learn() -> None:
    points = np.arange(5.0)[:, None]  # ties
    fit = kmeans.fit_predict(points, KMeansParameters(2))
    assert fit.path == "direct"
    assert fit.labels.tolist() == scikit_learn(points, KMeansParameters(2))[1]


def test_numbers_that_are_not_finite_are_left_to_scikit_learn() -> None:
    for value in (np.nan, np.inf):
        points = np.random.default_rng(3).normal(size=(300, 2))
        points[7, 1] = value
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            kmeans.fit_predict(points, KMeansParameters(3))


if __name__ == "__main__":
    taken = Counter[str]()
    found = count_differences(int(sys.argv[1]), int((*sys.argv, "5")[2]), taken)
    print(dict(taken))
    sys.exit(f"{found} cases differ" if found else 0)
