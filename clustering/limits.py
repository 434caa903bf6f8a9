"""Limits of requests: body, points, dimensions, too few points, too much work, large numbers."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from numpy.typing import NDArray

from clustering.engine import overflow
from clustering.engine.parameters import KMeansParameters
from serving.conf import Setting
from serving.problems import Problem

MAX_BODY_BYTES: Final = Setting[int]("KMEANS_MAX_BODY_BYTES")
# Of a request for advice. Each takes time besides its work: a silhouette, the start of a fit.
CANDIDATES_MAX: Final = 100
# What the distance of a point to a centre costs besides its coordinates, in coordinates. Measured:
# with it, the work of most shapes takes time in proportion, from 1 to 1,000 dimensions.
_DISTANCE_COST: Final = 32
# A restart with more iterations than by default counts as several.
_ITERATIONS: Final = KMeansParameters().max_iter


def check_shape(n_points: int, n_dimensions: int) -> None:
    """Raise Problem (400) for no points, too many, or too many coordinates of the first one."""
    if not n_points:
        raise Problem("invalid-points", _("must hold at least one point"), pointer="points")
    if n_points > settings.KMEANS_MAX_POINTS:
        raise Problem(
            "too-many-points",
            format_lazy(
                _("holds {n_points} points; at most {limit} are accepted (KMEANS_MAX_POINTS)"),
                n_points=n_points,
                limit=settings.KMEANS_MAX_POINTS,
            ),
            pointer="points",
        )
    if n_dimensions > settings.KMEANS_MAX_DIMENSIONS:
        raise Problem(
            "too-many-dimensions",
            format_lazy(
                _("has {length} coordinates; at most {limit} are accepted (KMEANS_MAX_DIMENSIONS)"),
                length=n_dimensions,
                limit=settings.KMEANS_MAX_DIMENSIONS,
            ),
            pointer="points[0]",
        )


def odd_point(i: int, length: int, n_dimensions: int) -> Problem:
    """Return the problem of a point without coordinates, or with others than the first one."""
    pointer = f"points[{i}]"
    if not length:
        return Problem("invalid-points", _("has no coordinates"), pointer=pointer)
    return Problem(
        "ragged-points",
        format_lazy(
            ngettext_lazy(
                "has {length} coordinate where points[0] has {n_dimensions}",
                "has {length} coordinates where points[0] has {n_dimensions}",
                length,
            ),
            length=length,
            n_dimensions=n_dimensions,
        ),
        pointer=pointer,
    )


def check(
    points: NDArray[np.float64], parameters: KMeansParameters, candidates: Sequence[int] = ()
) -> None:
    """Raise Problem (422) for points that cannot be clustered, or take too much work.

    `candidates` are the numbers of clusters of several fits, which count together.
    """
    n_points, n_dimensions = points.shape
    clusters = max(candidates, default=parameters.clusters)
    if n_points < clusters:
        raise Problem(
            "too-few-points",
            format_lazy(
                ngettext_lazy(
                    "{n_points} point cannot form {clusters} clusters; send at least {clusters}",
                    "{n_points} points cannot form {clusters} clusters; send at least {clusters}",
                    n_points,
                ),
                n_points=n_points,
                clusters=clusters,
            ),
            pointer="points",
        )
    clusters = sum(candidates) or clusters
    starts = parameters.n_init * -(-parameters.max_iter // _ITERATIONS)
    work = n_points * (n_dimensions + _DISTANCE_COST) * clusters * starts
    if work > settings.KMEANS_MAX_WORK:
        raise Problem(
            "too-much-work",
            format_lazy(
                _(
                    "{n_points} points * ({n_dimensions} dimensions + {cost}) * {clusters} "
                    "clusters * {starts} starts are {work} steps; at most {limit} are accepted "
                    "(KMEANS_MAX_WORK); send fewer points, dimensions or candidates"
                ),
                n_points=n_points,
                n_dimensions=n_dimensions,
                cost=_DISTANCE_COST,
                clusters=clusters,
                starts=starts,
                work=work,
                limit=settings.KMEANS_MAX_WORK,
            ),
            pointer="points",
        )
    limit = overflow.largest_magnitude(n_points, n_dimensions)
    if not (points.max() <= limit and points.min() >= -limit):
        i, j = np.argwhere(~(np.abs(points) <= limit))[0]
        raise Problem(
            "overflow",
            format_lazy(
                ngettext_lazy(
                    "the magnitude of {value} is beyond {limit}, where squared distances of "
                    "{n_points} point overflow",
                    "the magnitude of {value} is beyond {limit}, where squared distances of "
                    "{n_points} points overflow",
                    n_points,
                ),
                value=f"{points[i, j]:g}",
                limit=f"{limit:.3g}",
                n_points=n_points,
            ),
            pointer=f"points[{i}][{j}]",
        )
