"""The releases with which the fast paths are known to give scikit-learn's labels, bit by bit."""

from functools import cache
from importlib.metadata import version
from typing import Final

# Before changing one, run `python -m tests.clustering.test_engine_fast_kmeans 60000` and
# `python -m tests.clustering.test_engine_direct_kmeans 60000`.
TESTED_VERSIONS: Final = {"numpy": "2.4.6", "scikit-learn": "1.9.1", "scipy": "1.17.1"}


@cache
def unknown() -> list[str]:
    """Return the packages with other releases, such as `numpy 2.5.0 instead of 2.4.6`."""
    return [
        f"{name} {version(name)} instead of {wanted}"
        for name, wanted in TESTED_VERSIONS.items()
        if version(name) != wanted
    ]
