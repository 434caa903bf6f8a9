"""What an answer says of the clusters besides the labels, if `details=true` is asked for."""

from typing import Any, Final

import numpy as np
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from rest_framework.request import Request

from clustering.engine.partition import Partition
from clustering.services import Config
from serving.problems import Problem

PARAMETER: Final = "details"
_VALUES: Final = {"true": True, "false": False}


def are_wanted(request: Request) -> bool:
    """Return the query parameter `details`; raise Problem (400) unless it is true or false."""
    if not request.META.get("QUERY_STRING"):
        return False
    value = request.query_params.get(PARAMETER, "false")
    if value not in _VALUES:
        detail = _("the query parameter `{name}` must be true or false")
        raise Problem("invalid-query", format_lazy(detail, name=PARAMETER))
    return _VALUES[value]


def of(points: NDArray[np.float64], labels: NDArray[np.int32], config: Config) -> dict[str, Any]:
    """Return the members of an answer with details."""
    clusters = config.value.clusters
    partition = Partition.of(points, labels, clusters)
    return {
        "clusters": clusters,
        "centers": partition.nullable_centers(),
        "sizes": partition.sizes.tolist(),
        "inertia": partition.inertia,
        "config_version": config.version,
    }
