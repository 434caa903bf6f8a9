"""The shapes of the endpoint's request and response."""

from typing import Any, NoReturn

import numpy as np
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from numpy.typing import NDArray
from rest_framework import serializers

from clustering import limits
from serving.problems import Problem


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": settings.KMEANS_MAX_POINTS,
        "description": "One array of coordinates for each point, all of the same length.",
        "items": {
            "type": "array",
            "minItems": 1,
            "maxItems": settings.KMEANS_MAX_DIMENSIONS,
            "items": {"type": "number", "format": "double"},
        },
    }
)
class PointsField(serializers.Field[Any, Any, Any, Any]):
    """Converts the parser's array or nested lists into an array of shape (n_points, n_dimensions).

    Raises Problem for a shape that is not accepted.
    """

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        """Raise Problem for a missing field, the one error that the base class finds."""
        raise Problem("invalid-points", _("is required"), pointer="points")

    def to_internal_value(
        self, data: NDArray[np.float64] | list[list[float]]
    ) -> NDArray[np.float64]:
        n_dimensions = len(data[0]) if len(data) else 0
        limits.check_shape(len(data), n_dimensions)
        if isinstance(data, np.ndarray):
            return data
        for i, point in enumerate(data):
            if not point or len(point) != n_dimensions:
                raise limits.odd_point(i, len(point), n_dimensions)
        return np.array(data, dtype=np.float64)


class KMeansRequestSerializer(serializers.Serializer[Any]):
    """The points to cluster."""

    points = PointsField()


@extend_schema_field(
    {
        "type": "array",
        "description": "The mean of each cluster's points; null for a cluster without points.",
        "items": {
            "type": "array",
            "nullable": True,
            "items": {"type": "number", "format": "double"},
        },
    }
)
class CentersField(serializers.Field[Any, Any, Any, Any]):
    """Describes centres; the renderer writes them."""


def _sizes(*, required: bool) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.IntegerField(min_value=0),
        required=required,
        help_text="The number of points of each cluster, by label.",
    )


class KMeansResponseSerializer(serializers.Serializer[Any]):
    """The cluster of each point, in the order of the request; the rest with `details=true`."""

    results = serializers.ListField(
        child=serializers.IntegerField(min_value=0),
        help_text="The label of each point, from 0 to clusters - 1, in the order of the request.",
    )
    clusters = serializers.IntegerField(
        min_value=1, required=False, help_text="The number of clusters that was used."
    )
    centers = CentersField(required=False)
    sizes = _sizes(required=False)
    inertia = serializers.FloatField(
        required=False, help_text="The sum of the squared distances to the centres."
    )
    config_version = serializers.CharField(
        required=False, help_text="The same as the header X-Config-Version."
    )


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": limits.CANDIDATES_MAX,
        "uniqueItems": True,
        "description": "The numbers of clusters to compare; 2 to 10 by default.",
        "items": {"type": "integer", "minimum": 1, "maximum": settings.KMEANS_MAX_CLUSTERS},
    }
)
class CandidatesField(serializers.Field[Any, Any, Any, Any]):
    """Describes candidates; `clustering.advice` checks them."""


class AdviceRequestSerializer(KMeansRequestSerializer):
    """The points, and the numbers of clusters to compare."""

    candidates = CandidatesField(required=False)


class CandidateSerializer(serializers.Serializer[Any]):
    """A fit with one number of clusters; labels and centres with `details=true`."""

    clusters = serializers.IntegerField(min_value=1, help_text="The number of clusters.")
    inertia = serializers.FloatField(help_text="The sum of the squared distances to the centres.")
    silhouette = serializers.FloatField(
        allow_null=True,
        help_text="The mean silhouette, from -1 to 1; null for one cluster, or one for each point.",
    )
    sizes = _sizes(required=True)
    centers = CentersField(required=False)
    results = serializers.ListField(
        child=serializers.IntegerField(min_value=0),
        required=False,
        help_text="The label of each point, in the order of the request.",
    )


class AdviceResponseSerializer(serializers.Serializer[Any]):
    """The candidates in the order of the request, and which of them fits best."""

    candidates = CandidateSerializer(many=True)
    suggested = serializers.IntegerField(
        allow_null=True,
        help_text="The candidate with the highest silhouette; null if none has one.",
    )
    reason = serializers.CharField(help_text="Why, in the language of `Accept-Language`.")
    sample = serializers.IntegerField(
        allow_null=True,
        help_text="How many points the silhouette is of; null for all.",
    )
    config_version = serializers.CharField(help_text="The same as the header X-Config-Version.")


class ProblemSerializer(serializers.Serializer[Any]):
    """A problem document (RFC 9457)."""

    type = serializers.CharField(help_text="The kind of error; stable between releases.")
    title = serializers.CharField(
        help_text="What the status means, in the language that `Accept-Language` prefers: English "
        "(`en`) or Simplified Chinese (`zh-hans`)."
    )
    status = serializers.IntegerField()
    detail = serializers.CharField(
        help_text="What is wrong with this request, in the same language."
    )
    pointer = serializers.CharField(
        required=False, help_text="Where in the body, for example `points[17][1]`."
    )
    request_id = serializers.CharField(
        required=False,
        help_text="The `X-Request-ID` of the answer, also in the log and the history.",
    )
