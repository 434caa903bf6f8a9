"""Limits of requests: body, points, dimensions, too few points, too much work, large numbers."""

from typing import Final

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from clustering.engine import overflow
from serving.conf import Setting
from serving.problems import Problem

MAX_BODY_BYTES: Final = Setting[int]("KMEANS_MAX_BODY_BYTES")
# What the distance of a point to a centre costs besides its coordinates, in coordinates. Measured:
# with it, the work of most shapes takes time in proportion, from 1 to 1,000 dimensions.
_DISTANCE_COST: Final = 32


def check_shape(n_points: int, n_dimensions: int) -> None:
    """Raise Problem (400) for no points, too many, or too many coordinates of the first one."""
    if not n_points:
        raise Problem("invalid-points", "must hold at least one point", pointer="points")
    if n_points > settings.KMEANS_MAX_POINTS:
        raise Problem(
            "too-many-points",
            f"holds {n_points} points; at most {settings.KMEANS_MAX_POINTS} are accepted "
            "(KMEANS_MAX_POINTS)",
            pointer="points",
        )
    if n_dimensions > settings.KMEANS_MAX_DIMENSIONS:
        raise Problem(
            "too-many-dimensions",
            f"has {n_dimensions} coordinates; at most {settings.KMEANS_MAX_DIMENSIONS} are "
            "accepted (KMEANS_MAX_DIMENSIONS)",
            pointer="points[0]",
        )


def odd_point(i: int, length: int, n_dimensions: int) -> Problem:
    """Return the problem of a point without coordinates, or with others than the first one."""
    pointer = f"points[{i}]"
    if not length:
        return Problem("invalid-points", "has no coordinates", pointer=pointer)
    return Problem(
        "ragged-points",
        f"has {length} coordinates where points[0] has {n_dimensions}",
        pointer=pointer,
    )


def check(points: NDArray[np.float64], clusters: int, starts: int) -> None:
    """Raise Problem (422) for points that cannot be clustered, or take too much work.

    `starts` is how often the model restarts.
    """
    n_points, n_dimensions = points.shape
    if n_points < clusters:
        raise Problem(
            "too-few-points",
            f"{n_points} points cannot form {clusters} clusters; send at least {clusters}",
            pointer="points",
        )
    work = n_points * (n_dimensions + _DISTANCE_COST) * clusters * starts
    if work > settings.KMEANS_MAX_WORK:
        raise Problem(
            "too-much-work",
            f"{n_points} points * ({n_dimensions} dimensions + {_DISTANCE_COST}) * {clusters} "
            f"clusters * {starts} starts are {work} steps; at most {settings.KMEANS_MAX_WORK} "
            "are accepted (KMEANS_MAX_WORK)",
            pointer="points",
        )
    limit = overflow.largest_magnitude(n_points, n_dimensions)
    if not (points.max() <= limit and points.min() >= -limit):
        i, j = np.argwhere(~(np.abs(points) <= limit))[0]
        raise Problem(
            "overflow",
            f"the magnitude of {points[i, j]:g} is beyond {limit:.3g}, where squared distances "
            f"of {n_points} points overflow",
            pointer=f"points[{i}][{j}]",
        )
