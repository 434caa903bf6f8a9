"""The bodies that the benchmark posts, and the labels that scikit-learn gives for them."""

import functools
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from benchmarks import load

# Of a coordinate: a JSON number then takes 8 or 9 bytes.
DECIMALS = 6


class Body(NamedTuple):
    content: bytes
    labels: list[int]


@functools.cache
def body_of(n_points: int, n_dimensions: int) -> Body:
    """Return the tutorial's nine points, or three groups of normally distributed ones.

    The groups' centres are uniformly distributed in a cube with edges of 10 standard deviations.
    """
    if (n_points, n_dimensions) == (9, 2):
        points = np.array(load.POINTS)
    else:
        points = _groups(n_points, n_dimensions)
    labels = KMeans(n_clusters=3, random_state=9, n_init=10).fit_predict(points)
    return Body(msgspec.json.encode({"points": points.tolist()}), labels.tolist())


def _groups(n_points: int, n_dimensions: int) -> NDArray[np.float64]:
    random = np.random.default_rng(9)
    centres = random.uniform(0, 10, (3, n_dimensions))
    groups = random.integers(0, 3, n_points)
    points = centres[groups] + random.normal(size=(n_points, n_dimensions))
    return np.round(points, DECIMALS)
