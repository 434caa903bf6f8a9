"""k-means compared with golden labels, and with scikit-learn."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from clustering.engine import kmeans, overflow
from tests.support.reference import REFERENCE_LABELS, REFERENCE_POINTS


@pytest.mark.parametrize("clusters", [3, 4])
def test_reference_points_get_the_golden_labels(clusters: int) -> None:
    fit = kmeans.fit_predict(np.array(REFERENCE_POINTS, dtype=float), clusters)
    assert fit.labels.tolist() == REFERENCE_LABELS[clusters]


@pytest.mark.parametrize("dimensions", [1, 2, 8])
@pytest.mark.parametrize("clusters", [1, 2, 7])
def test_labels_are_those_of_scikit_learn(dimensions: int, clusters: int) -> None:
    points = np.random.default_rng(dimensions).normal(size=(60, dimensions))
    expected = KMeans(n_clusters=clusters, random_state=9, n_init=10).fit_predict(points)
    assert kmeans.fit_predict(points, clusters).labels.tolist() == expected.tolist()


def test_fewer_distinct_points_than_clusters_is_no_error() -> None:
    labels = kmeans.fit_predict(np.ones((5, 2)), 3).labels
    assert set(labels.tolist()) == {0}


@pytest.mark.parametrize(("points", "dimensions"), [(3, 1), (9, 2), (500, 8)])
def test_largest_magnitude_keeps_the_inertia_finite(points: int, dimensions: int) -> None:
    limit = overflow.largest_magnitude(points, dimensions)
    signs = np.where(np.arange(points) % 2, 1.0, -1.0)[:, None]
    extreme = np.repeat(signs * limit, dimensions, axis=1)
    model = KMeans(n_clusters=1, random_state=9, n_init=1).fit(extreme)
    assert np.isfinite(model.inertia_)


def test_points_that_are_not_copied_get_the_same_labels() -> None:
    points = np.random.default_rng(9).normal(size=(1000, 3)) + 1e3
    copied = kmeans.fit_predict(points, 5)
    before = points.copy()
    assert kmeans.fit_predict(points, 5, copy_x=False).labels.tolist() == copied.labels.tolist()
    np.testing.assert_allclose(points, before, rtol=1e-12)
