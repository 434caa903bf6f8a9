"""k-means compared with golden labels, and with scikit-learn.

`python -m tests.clustering.test_engine_kmeans CASES [SEED]` compares that many fits that can be
given up with scikit-learn's.
"""

import subprocess
import sys
import warnings
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pytest
from sklearn.cluster import KMeans

from clustering.engine import direct_kmeans, fast_kmeans, kmeans, overflow
from clustering.engine.parameters import KMeansParameters
from tests.clustering.test_engine_fast_kmeans import make_cases
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS
from tests.support.service import ROOT


@pytest.mark.parametrize("clusters", [3, 4])
def test_reference_points_get_the_golden_labels(clusters: int) -> None:
    fit = kmeans.fit_predict(np.array(REFERENCE_POINTS, dtype=float), KMeansParameters(clusters))
    assert fit.labels.tolist() == REFERENCE_LABELS[clusters]


@pytest.mark.parametrize("dimensions", [1, 2, 8])
@pytest.mark.parametrize("clusters", [1, 2, 7])
def test_labels_are_those_of_scikit_learn(dimensions: int, clusters: int) -> None:
    points = np.random.default_rng(dimensions).normal(size=(60, dimensions))
    expected = KMeans(n_clusters=clusters, random_state=9, n_init=10).fit_predict(points)
    assert (
        kmeans.fit_predict(points, KMeansParameters(clusters)).labels.tolist() == expected.tolist()
    )


def test_fewer_distinct_points_than_clusters_is_no_error() -> None:
    labels = kmeans.fit_predict(np.ones((5, 2)), KMeansParameters(3)).labels
    assert set(labels.tolist()) == {0}


@pytest.mark.parametrize(("points", "dimensions"), [(3, 1), (9, 2), (500, 8)])
def test_largest_magnitude_keeps_the_inertia_finite(points: int, dimensions: int) -> None:
    limit = overflow.largest_magnitude(points, dimensions)
    signs = np.where(np.arange(points) % 2, 1.0, -1.0)[:, None]
    extreme = np.repeat(signs * limit, dimensions, axis=1)
    model = KMeans(n_clusters=1, random_state=9, n_init=1).fit(extreme)
    assert np.isfinite(model.inertia_)


@pytest.mark.parametrize("fast_path", [True, False])
def test_points_that_are_not_copied_get_the_same_labels(*, fast_path: bool) -> None:
    points = np.random.default_rng(9).normal(size=(1000, 3)) + 1e3
    copied = kmeans.fit_predict(points, KMeansParameters(5))
    before = points.copy()
    assert (
        kmeans.fit_predict(
            points, KMeansParameters(5), fast_path=fast_path, copy_x=False
        ).labels.tolist()
        == copied.labels.tolist()
    )
    np.testing.assert_allclose(points, before, rtol=1e-12)


@pytest.mark.parametrize(
    "parameters",
    [
        KMeansParameters(3, n_init=2),
        KMeansParameters(3, max_iter=2),
        KMeansParameters(3, tol=0.5),
        KMeansParameters(3, init="random"),
        KMeansParameters(3, random_state=0),
    ],
    ids=repr,
)
def test_other_parameters_get_the_labels_of_scikit_learn(parameters: KMeansParameters) -> None:
    points = np.random.default_rng(5).normal(size=(60, 2))
    options = asdict(parameters)
    expected = KMeans(n_clusters=options.pop("clusters"), **options).fit_predict(points)
    for check in (None, lambda: None):
        fit = kmeans.fit_predict(points, parameters, check=check)
        path = "direct" if parameters.init == "k-means++" else "scikit-learn"
        assert (fit.path, fit.labels.tolist()) == (path, expected.tolist())


def test_a_parameter_that_no_fast_path_knows_is_left_to_scikit_learn() -> None:
    @dataclass(frozen=True, repr=False)
    class NewParameters(KMeansParameters):
        new: str = "default"

    for path in (fast_kmeans, direct_kmeans):
        assert path.knows(NewParameters())
        assert not path.knows(NewParameters(new="other"))


def test_another_release_without_the_private_names_still_answers() -> None:
    code = """
import sys
import numpy as np
import sklearn.cluster
from clustering.engine import versions
versions.TESTED_VERSIONS["scikit-learn"] = "0"
sys.modules["sklearn.cluster._k_means_lloyd"] = None
from clustering.engine import kmeans
from clustering.engine.parameters import KMeansParameters
fit = kmeans.fit_predict(np.arange(8.0)[:, None], KMeansParameters(2))
assert not {"clustering.engine.fast_kmeans", "clustering.engine.direct_kmeans"} & set(sys.modules)
print(fit.path, len(set(fit.labels.tolist())))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "off 2\n", done.stderr


def test_random_starts_are_checked_before_each_restart() -> None:
    checks: list[None] = []
    points = np.random.default_rng(5).normal(size=(60, 2))
    parameters = KMeansParameters(3, init="random")
    kmeans.fit_predict(points, parameters, check=partial(checks.append, None))
    assert len(checks) == parameters.n_init


def count_differences(count: int, seed: int) -> int:
    """Return how many fits that can be given up differ from scikit-learn's own."""
    differences = 0
    for kind, points, clusters in make_cases(count, seed):
        checks: list[None] = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            expected = KMeans(clusters, random_state=9, n_init=10).fit_predict(points)
            expected_warnings = [str(warning.message) for warning in caught]
            caught.clear()
            check = partial(checks.append, None)
            labels = kmeans.fit_predict(
                points, KMeansParameters(clusters), fast_path=False, check=check
            ).labels
        found = (labels.dtype, labels.tolist(), [str(w.message) for w in caught], len(checks))
        if found != (expected.dtype, expected.tolist(), expected_warnings, 10 * clusters):
            differences += 1
            print("differs:", kind, clusters, repr(points.tolist()))
    return differences


def test_a_fit_that_can_be_given_up_gets_the_same_labels_and_warnings() -> None:
    assert not count_differences(300, seed=4)


@pytest.mark.parametrize("fast_path", [True, False])
def test_many_points_get_the_same_labels_if_the_fit_can_be_given_up(*, fast_path: bool) -> None:
    points = np.random.default_rng(9).integers(0, 40, size=(20_000, 3)).astype(float)
    expected = KMeans(5, random_state=9, n_init=10).fit_predict(points)
    fit = kmeans.fit_predict(
        points, KMeansParameters(5), fast_path=fast_path, copy_x=False, check=lambda: None
    )
    assert fit.labels.tolist() == expected.tolist()


@pytest.mark.parametrize("n_points", [300, 1000, 5000, 20_001])
def test_a_fit_ends_at_the_check_that_fails(n_points: int) -> None:
    points = np.random.default_rng(9).normal(size=(n_points, 2))
    checks: list[None] = []

    def fail_at_the_third() -> None:
        checks.append(None)
        if len(checks) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        kmeans.fit_predict(points, KMeansParameters(3), check=fail_at_the_third)
    assert len(checks) == 3


if __name__ == "__main__":
    print(count_differences(int(sys.argv[1]), int((*sys.argv, "1")[2])), "differ")
