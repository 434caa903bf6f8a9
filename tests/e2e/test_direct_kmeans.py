"""The direct path compared with scikit-learn, in more cases than the unit tests have time for."""

import os
import subprocess
import sys

import pytest

from tests.clustering.test_engine_direct_kmeans import count_differences
from tests.support.service import ROOT


@pytest.mark.parametrize("seed", range(10))
def test_the_labels_are_those_of_scikit_learn(seed: int) -> None:
    assert not count_differences(30, seed)


def test_two_threads_give_the_labels_of_two_threads() -> None:
    environment = {
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
        "OMP_WAIT_POLICY": "passive",
    }
    command = [sys.executable, "-m", "tests.clustering.test_engine_direct_kmeans", "39"]
    subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=True)
