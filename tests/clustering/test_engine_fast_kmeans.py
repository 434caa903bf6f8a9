"""The fast path compared with scikit-learn.

`python -m tests.clustering.test_engine_fast_kmeans CASES [SEED]` compares that many cases, and
prints the paths that they took.
"""

import os
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies
from hypothesis.extra import numpy as numpy_strategies
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from clustering.engine import fast_kmeans, kmeans, versions
from clustering.engine.parameters import KMeansParameters

ROOT = Path(__file__).parent.parent.parent
Points = NDArray[np.float64]
NORMAL = np.random.default_rng(9).normal(size=(9, 2))
TIE_HEAVY = ("grid", "collinear", "symmetric", "lattice")
KINDS = (
    *("normal", "uniform", "blobs", "offset", "scales", "duplicates", "tiny", "small", "huge"),
    *TIE_HEAVY,
)
# OpenBLAS kernels, with the processor flag that each needs.
CORE_FLAGS = {
    "Prescott": "pni",
    "Nehalem": "sse4_2",
    "Sandybridge": "avx",
    "Haswell": "avx2",
    "SkylakeX": "avx512dq",
}


def make_points(rng: np.random.Generator, kind: str, n: int, d: int) -> Points:  # noqa: PLR0911
    normal = rng.normal(size=(n, d))
    if kind == "uniform":
        return rng.random((n, d))
    if kind == "blobs":
        return 0.1 * normal + 3.0 * rng.integers(0, 5, size=(n, 1))
    if kind == "offset":
        return normal + 1e6
    if kind == "scales":
        return normal * 10.0 ** rng.integers(-9, 9, size=d)
    if kind == "duplicates":
        return normal[rng.integers(0, n, size=n)]
    if kind in ("tiny", "small", "huge"):
        return normal * {"tiny": 1e-300, "small": 1e-90, "huge": 1e150}[kind]
    if kind == "grid":
        return rng.integers(0, rng.integers(2, 20), size=(n, d)).astype(float)
    if kind == "collinear":
        return np.outer(rng.integers(-20, 20, size=n), rng.integers(-3, 4, size=d)).astype(float)
    if kind == "symmetric":
        half = normal[: (n + 1) // 2]
        return np.concatenate([half, -half])[:n]
    if kind == "lattice":
        side = int(np.ceil(np.sqrt(n)))
        square = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1)
        return square.reshape(-1, 2)[:n].astype(float)
    return normal


def make_cases(count: int, seed: int, kinds: tuple[str, ...] = KINDS) -> Iterator[Any]:
    """Yield (kind, points, clusters); many have few points, some have one cluster, or n."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        n = int(rng.integers(2, rng.choice([12, 12, 12, 60, 60, 260])))
        clusters = int(rng.choice([1, min(n, 20), *rng.integers(1, min(n, 10) + 1, size=18)]))
        yield kind, make_points(rng, kind, n, int(rng.integers(1, 11))), clusters


def outcome(fit_predict: Any, points: Points) -> tuple[Any, ...]:
    """Return the labels or the exception, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            labels = fit_predict(points)
            result = (labels.dtype, labels.tolist())
        except ValueError as error:
            result = (type(error), str(error))
    return *result, [(w.category, str(w.message)) for w in caught]


def scikit_learn(points: Points, clusters: int) -> tuple[Any, ...]:
    return outcome(KMeans(n_clusters=clusters, random_state=9, n_init=10).fit_predict, points)


def ours(points: Points, clusters: int) -> tuple[Any, ...]:
    return outcome(lambda p: kmeans.fit_predict(p, KMeansParameters(clusters)).labels, points)


def compare(count: int, seed: int) -> tuple[int, Counter[tuple[str, str]]]:
    """Return how many cases differ, and the paths by kind."""
    differences, paths = 0, Counter[tuple[str, str]]()
    for kind, points, clusters in make_cases(count, seed):
        expected = scikit_learn(points, clusters)
        if ours(points, clusters) != expected:
            differences += 1
            print("differs:", kind, clusters, repr(points.tolist()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            paths[kind, kmeans.fit_predict(points, KMeansParameters(clusters)).path] += 1
    return differences, paths


def test_the_labels_are_those_of_scikit_learn() -> None:
    differences, paths = compare(count=650, seed=1)
    assert not differences
    # A path that refuses everything would also give the same labels.
    for kind in ("normal", "uniform", "blobs", "offset", "scales", "small"):
        fits = {path: count for (k, path), count in paths.items() if k == kind}
        assert fits["certified"] > 0.9 * sum(fits.values()), (kind, fits)


coordinates = strategies.one_of(
    strategies.integers(-9, 9).map(float),
    strategies.floats(allow_nan=True, allow_infinity=True),
    strategies.floats(-10.0, 10.0, width=16),
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    points=numpy_strategies.arrays(
        np.float64,
        numpy_strategies.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=12),
        elements=coordinates,
    ),
    clusters=strategies.integers(0, 6),
)
def test_anything_gets_the_same_labels_warnings_and_exceptions(
    points: Points, clusters: int
) -> None:
    assert ours(points, clusters) == scikit_learn(points, clusters)


def test_the_order_in_memory_does_not_matter() -> None:
    for kind, points, clusters in make_cases(60, seed=2):
        transposed, every_second = np.asfortranarray(points), np.repeat(points, 2, axis=0)[::2]
        for other in (transposed, every_second):
            assert ours(other, clusters) == scikit_learn(points, clusters), kind


def test_without_the_error_bound_labels_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = list(make_cases(400, seed=3, kinds=TIE_HEAVY))
    expected = [scikit_learn(points, clusters) for _, points, clusters in cases]
    assert [ours(points, clusters) for _, points, clusters in cases] == expected
    monkeypatch.setattr(fast_kmeans, "_EPSILON", 0.0)
    assert [ours(points, clusters) for _, points, clusters in cases] != expected


def test_restarts_in_doubt_run_again() -> None:
    points = np.arange(8.0)[:, None]  # of three neighbours, the middle one is as near to both
    assert kmeans.fit_predict(points, KMeansParameters(2)).path == "certified"
    assert ours(points, 2) == scikit_learn(points, 2)


@pytest.mark.parametrize(
    ("reason", "points", "clusters"),
    [
        ("magnitude", NORMAL * 1e-300, 3),
        ("magnitude", NORMAL * 1e120, 3),
        ("empty-cluster", np.array([[0.0], [0.0], [1.0]]), 3),
        ("tie", np.arange(5.0)[:, None], 2),
    ],
)
def test_the_reason_for_no_certificate_is_reported(
    reason: str, points: Points, clusters: int
) -> None:
    assert fast_kmeans.accepts(points, clusters)
    with pytest.raises(fast_kmeans.UncertifiedError, match=reason):
        fast_kmeans.fit_predict(points, clusters)


@pytest.mark.parametrize(
    ("is_accepted", "points", "clusters"),
    [
        (True, NORMAL, 3),
        (True, np.full((5, 2), 7.0) * np.arange(5)[:, None], 1),
        (False, np.random.default_rng(1).normal(size=(8739, 2)), 3),
        (False, np.random.default_rng(1).normal(size=(10_001, 1)), 2),
        (False, np.random.default_rng(1).normal(size=(1025, 256)), 4),
    ],
)
def test_large_fits_are_not_accepted(*, is_accepted: bool, points: Points, clusters: int) -> None:
    assert fast_kmeans.accepts(points, clusters) == is_accepted
    is_certified = kmeans.fit_predict(points, KMeansParameters(clusters)).path == "certified"
    assert is_certified == is_accepted


def test_fits_are_thread_safe() -> None:
    cases = [(p, k) for _, p, k in make_cases(60, seed=4, kinds=("normal", "grid"))]
    expected = [
        kmeans.fit_predict(points, KMeansParameters(k)).labels.tolist() for points, k in cases
    ]
    with ThreadPoolExecutor(8) as pool:
        fits = list(
            pool.map(lambda case: kmeans.fit_predict(case[0], KMeansParameters(case[1])), cases * 9)
        )
    assert [fit.labels.tolist() for fit in fits] == expected * 9


def _cores() -> list[str]:
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return []
    return [core for core, flag in CORE_FLAGS.items() if flag in flags]


@pytest.mark.parametrize(
    "environment",
    [{"OPENBLAS_CORETYPE": core} for core in _cores()]
    + [{"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}],
    ids=lambda environment: "-".join(environment.values()),
)
def test_other_kernels_and_two_threads(environment: dict[str, str]) -> None:
    """Each OpenBLAS kernel rounds differently, in scikit-learn too."""
    # Threads that wait actively would take the processor from the tests beside this one.
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    subprocess.run(
        [sys.executable, "-m", "tests.clustering.test_engine_fast_kmeans", "260"],
        cwd=ROOT,
        env=os.environ | threads | environment,
        check=True,
    )


def test_other_releases_disable_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not versions.unknown()
    monkeypatch.setitem(versions.TESTED_VERSIONS, "numpy", "2.4.0")
    versions.unknown.cache_clear()
    try:
        assert kmeans.fit_predict(NORMAL, KMeansParameters(3)).path == "off"
        assert versions.unknown() == [f"numpy {np.__version__} instead of 2.4.0"]
    finally:
        versions.unknown.cache_clear()


if __name__ == "__main__":
    found, taken = compare(int(sys.argv[1]), seed=int((*sys.argv, "5")[2]))
    for kind in KINDS:
        print(
            f"{kind:12}", {path: count for (k, path), count in sorted(taken.items()) if k == kind}
        )
    sys.exit(f"{found} cases differ" if found else 0)
