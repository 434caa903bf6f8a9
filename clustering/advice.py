"""Which number of clusters fits points, in the words of the answer."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from clustering import limits
from clustering.engine import advice
from clustering.engine.parameters import KMeansParameters
from serving.problems import Problem, Text

USUAL_CANDIDATES: Final = range(2, 11)


def usual_candidates(n_points: int) -> list[int]:
    """Return the candidates for requests that name none: 2 to 10, at most one per point.

    None of them is larger than KMEANS_MAX_CLUSTERS.
    """
    most = min(max(2, n_points), settings.KMEANS_MAX_CLUSTERS)
    return [clusters for clusters in USUAL_CANDIDATES if clusters <= most] or [1]


def compare(
    points: NDArray[np.float64],
    parameters: KMeansParameters,
    candidates: Sequence[int],
    fit_predict: advice.FitPredict,
    check: Callable[[], None],
    *,
    with_labels: bool = False,
) -> dict[str, Any]:
    """Return the members of an answer: candidates, suggested, reason, and sample.

    `reason` is lazy text. Raises Problem (422) for points that cannot be clustered, or too much
    work for all candidates together.
    """
    limits.check(points, parameters, candidates)
    found = advice.compare(points, parameters, candidates, fit_predict, check)
    best = advice.best_of(found)
    return {
        "candidates": [_shown(each, with_labels=with_labels) for each in found],
        "suggested": best and best.clusters,
        "reason": _reason(best),
        "sample": advice.SAMPLE_MAX if len(points) > advice.SAMPLE_MAX else None,
    }


def check_candidates(candidates: Sequence[int]) -> list[int]:
    """Return the candidates; raise Problem (400) if none, too many, or one out of range."""
    if not candidates:
        raise Problem("invalid-candidates", _("must hold at least one"), pointer="candidates")
    if len(candidates) > limits.CANDIDATES_MAX:
        detail = format_lazy(
            _("holds {count} candidates; at most {most} are accepted"),
            count=len(candidates),
            most=limits.CANDIDATES_MAX,
        )
        raise Problem("invalid-candidates", detail, pointer="candidates")
    for i, clusters in enumerate(candidates):
        if not 1 <= clusters <= settings.KMEANS_MAX_CLUSTERS:
            detail = format_lazy(
                _("must be from 1 to {most} (KMEANS_MAX_CLUSTERS)"),
                most=settings.KMEANS_MAX_CLUSTERS,
            )
            raise Problem("invalid-candidates", detail, pointer=f"candidates[{i}]")
        if clusters in candidates[:i]:
            detail = _("is there already")
            raise Problem("invalid-candidates", detail, pointer=f"candidates[{i}]")
    return list(candidates)


def _shown(candidate: advice.Candidate, *, with_labels: bool) -> dict[str, Any]:
    partition = candidate.partition
    shown = {
        "clusters": candidate.clusters,
        "inertia": partition.inertia,
        "silhouette": candidate.silhouette,
        "sizes": partition.sizes.tolist(),
    }
    if with_labels:
        shown |= {"centers": partition.nullable_centers(), "results": partition.labels}
    return shown


def _reason(best: advice.Candidate | None) -> Text:
    if not best:
        return _("no candidate has a silhouette: it needs two clusters, and more points than that")
    return format_lazy(
        _(
            "{clusters} clusters have the highest silhouette, {silhouette}: from -1 to 1, higher "
            "means that points are nearer to their own cluster than to the next one"
        ),
        clusters=best.clusters,
        silhouette=f"{best.silhouette:.3f}",
    )
