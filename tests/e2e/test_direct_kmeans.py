"""The direct path compared with scikit-learn, in more cases than the unit tests have time for."""

import pytest

from tests.clustering.test_engine_direct_kmeans import count_differences


@pytest.mark.parametrize("seed", range(10))
def test_the_labels_are_those_of_scikit_learn(seed: int) -> None:
    assert not count_differences(30, seed)
