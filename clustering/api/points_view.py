"""The view that all models of points share; it imports no scikit-learn."""

import time
from typing import Any, ClassVar

import numpy as np
from django.http import HttpResponse
from numpy.typing import NDArray
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from clustering import services
from clustering.api.access import ApiKeyAuthentication
from clustering.api.parsers import PointsParser
from clustering.api.renderers import LabelsRenderer
from clustering.api.serializers import KMeansRequestSerializer
from clustering.config.parameters import Parameters
from clustering.history import recording
from serving.contract import ServedModel
from serving.request_context import ARRIVED_AT

# Shared by all requests, so that its fields are created only once. It holds no request's data.
_request_serializer = KMeansRequestSerializer()


class JSONNegotiation(DefaultContentNegotiation):
    """DRF's content negotiation, with a shortcut for the usual Accept headers."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        meta = request.META
        accepted = meta.get("HTTP_ACCEPT", "*/*")
        if accepted in ("*/*", LabelsRenderer.media_type) and not meta.get("QUERY_STRING"):
            return renderers[0], renderers[0].media_type
        chosen: tuple[BaseRenderer, str] = super().select_renderer(
            request, renderers, format_suffix
        )
        return chosen


class PointsView(APIView):
    """Answers with the label of each point; open to all callers unless API keys are required.

    A subclass implements `fit_predict`, and `schema.describes` adds it to the OpenAPI schema.
    """

    # Set by the route.
    model: ServedModel = None  # type: ignore[assignment]
    # How often `fit_predict` restarts: a factor of the work, which is limited.
    starts: ClassVar[int] = 10

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = ()
    parser_classes = (PointsParser,)
    renderer_classes = (LabelsRenderer,)
    content_negotiation_class = JSONNegotiation

    # Each request has its own view object. None until the points are parsed, or labelled.
    _points: NDArray[np.float64] | None = None
    _clustering: services.Clustering | None = None

    def fit_predict(self, points: NDArray[np.float64], parameters: Parameters) -> NDArray[np.int32]:
        """Return the label, from 0, of each point; there are at least `parameters.clusters`."""
        raise NotImplementedError

    def post(self, request: Request) -> HttpResponse:
        """Answer with the cluster label of each point."""
        self._points = _request_serializer.run_validation(request.data)["points"]
        # DRF's request objects form reference cycles, and live until the next garbage collection.
        # They must not keep the nested lists, which need far more memory than the array.
        request.data.clear()
        self._clustering = done = services.cluster(
            self._points,
            self.fit_predict,
            starts=self.starts,
            config=request.META.get(services.CONFIG_KEY),
        )
        headers = {
            "X-KMeans-Clusters": str(done.clusters),
            "X-Config-Version": done.config_version,
        }
        if (distinct := done.distinct_labels) < done.clusters:
            headers["X-KMeans-Warning"] = (
                f"only {distinct} of {done.clusters} clusters have points: "
                "fewer points are distinct than clusters"
            )
        # Rendered here, because DRF's Response is slower.
        content = request.accepted_renderer.render({"results": done.labels})
        return HttpResponse(content, content_type=LabelsRenderer.media_type, headers=headers)

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        self._started = request.META.get(ARRIVED_AT) or time.perf_counter()
        return super().initialize_request(request, *args, **kwargs)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Record every POST, whatever its outcome."""
        final = super().finalize_response(request, response, *args, **kwargs)
        if request.method == "POST":
            recording.record(
                self.model.name,
                request.META,
                final,
                self._started,
                points=self._points,
                clustering=self._clustering,
            )
            self._points = self._clustering = None
        return final
