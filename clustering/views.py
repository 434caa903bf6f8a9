"""The endpoint."""

import time
from typing import Any

import numpy as np
from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from numpy.typing import NDArray
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from clustering import history, services
from clustering.models import RequestRecord
from clustering.parsers import PointsParser
from clustering.problems import CONTENT_TYPE, ProblemResponse
from clustering.serializers import (
    KMeansRequestSerializer,
    KMeansResponseSerializer,
    ProblemSerializer,
)

_REFERENCE = [[1, 2], [2, 3], [3, 5], [4, 6], [8, 8], [10, 11], [12, 12], [12, 15], [10, 12]]


def _problem(description: str) -> OpenApiResponse:
    return OpenApiResponse(ProblemSerializer, description)


class KMeansView(APIView):
    """k-means over REST; open to callers inside the network."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (PointsParser,)

    @extend_schema(
        operation_id="skl_kmeans",
        summary="Cluster points with k-means",
        description=(
            "Labels each point with its cluster, as "
            "`KMeans(n_clusters=clusters, random_state=9, n_init=10)` of scikit-learn does. "
            "`clusters` is 3 unless the live config says otherwise."
        ),
        request=KMeansRequestSerializer,
        responses={
            (200, "application/json"): KMeansResponseSerializer,
            (400, CONTENT_TYPE): _problem("Not JSON, or not of this schema."),
            (405, CONTENT_TYPE): _problem("A method other than POST."),
            (406, CONTENT_TYPE): _problem("The Accept header leaves out JSON."),
            (413, CONTENT_TYPE): _problem("The body is larger than the limit."),
            (415, CONTENT_TYPE): _problem("The body is not announced as application/json."),
            (422, CONTENT_TYPE): _problem(
                "Valid by this schema, but points differ in length, are fewer than the clusters, "
                "or are too large in magnitude."
            ),
            (500, CONTENT_TYPE): _problem("An unexpected error."),
            (503, CONTENT_TYPE): _problem("Too many requests wait; see the Retry-After header."),
        },
        examples=[
            OpenApiExample("Nine points", value={"points": _REFERENCE}, request_only=True),
            OpenApiExample(
                "Their labels with three clusters",
                value={"results": [1, 1, 1, 1, 2, 0, 0, 0, 0]},
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Answer with the cluster label of each point."""
        serializer = KMeansRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        self._points: NDArray[np.float64] = serializer.validated_data["points"]
        self._clustering = services.cluster(points=self._points)
        return Response({"results": self._clustering.labels.tolist()})

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        self._started = time.perf_counter()
        return super().initialize_request(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """Record every POST, whatever became of it."""
        final = super().finalize_response(request, response, *args, **kwargs)
        if request.method == "POST":
            history.writer.record(self._as_record(request, final))
        return final

    def _as_record(self, request: Request, response: HttpResponseBase) -> RequestRecord:
        record = RequestRecord(
            created_at=timezone.now(),
            client=request.META.get("REMOTE_ADDR", ""),
            duration_ms=round(1000 * (time.perf_counter() - self._started), 3),
            status=response.status_code,
            outcome="ok",
        )
        if isinstance(response, ProblemResponse):
            where = f"{response.problem['pointer']}: " if "pointer" in response.problem else ""
            record.outcome = (where + response.problem["detail"])[:300]
        points = getattr(self, "_points", None)
        if points is not None:
            record.points, record.dimensions = points.shape
            keep = points.size <= settings.HISTORY_PAYLOAD_MAX_NUMBERS
            record.payload = points.tolist() if keep else None
        clustering = getattr(self, "_clustering", None)
        if clustering is not None:
            record.clusters = clustering.clusters
            record.config_version = clustering.config_version
            record.labels = clustering.labels.tolist() if record.payload is not None else None
        return record
