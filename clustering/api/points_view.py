"""The view that all models of points share; it imports no scikit-learn."""

import json
import time
from typing import Any, ClassVar, Final, NoReturn

import numpy as np
from django.http import HttpResponse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from clustering import services
from clustering.api import details
from clustering.api.access import ApiKeyAuthentication
from clustering.api.body.strict_json import Members
from clustering.api.parsers import PointsParser
from clustering.api.renderers import LabelsRenderer
from clustering.api.serializers import KMeansRequestSerializer
from clustering.config.parameters import Parameters
from clustering.history import recording
from serving.contract import ServedModel
from serving.problems import Problem, Text
from serving.request_context import ARRIVED_AT

_JSON: Final = "application/json"
# Of ignored members, in a header.
_NAMES_MAX: Final = 5
_NAME_MAX: Final = 40
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
    # The members of the body that are read besides the points.
    members: ClassVar[frozenset[str]] = frozenset()

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = ()
    parser_classes = (PointsParser,)
    renderer_classes = (LabelsRenderer,)
    content_negotiation_class = JSONNegotiation

    # Each request has its own view object. None until the points are parsed, the config is read,
    # or the points are labelled.
    _points: NDArray[np.float64] | None = None
    _config: services.Config | None = None
    _labels: NDArray[np.int32] | None = None

    def fit_predict(self, points: NDArray[np.float64], parameters: Parameters) -> NDArray[np.int32]:
        """Return the label, from 0, of each point; there are at least `parameters.clusters`."""
        raise NotImplementedError

    def post(self, request: Request) -> HttpResponse:
        """Answer with the cluster label of each point."""
        data: dict[str, Any] = request.data  # type: ignore[assignment]  # see PointsParser
        self._points = _request_serializer.run_validation(data)["points"]
        others = data.get("others", {})
        # DRF's request objects form reference cycles, and live until the next garbage collection.
        # They must not keep the nested lists, which need far more memory than the array.
        data.clear()
        self._config = services.config_of(request.META)
        content, warnings = self.answer(request, self._points, self._config, others)
        if ignored := [name for name in others if name not in self.members]:
            warnings.append(_ignored(ignored))
        headers = {"X-Config-Version": self._config.version}
        if self._labels is not None:
            headers["X-KMeans-Clusters"] = str(self._config.value.clusters)
        if warnings:
            headers["X-KMeans-Warning"] = "; ".join(warnings)
        # Rendered here, because DRF's Response is slower.
        body = request.accepted_renderer.render(content)
        return HttpResponse(body, content_type=LabelsRenderer.media_type, headers=headers)

    def answer(
        self,
        request: Request,
        points: NDArray[np.float64],
        config: services.Config,
        others: Members,
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the content of the answer, and warnings; `others` are the other members."""
        with_details = details.are_wanted(request)
        labels = self._labels = services.cluster(points, self.fit_predict, config)
        clusters = config.value.clusters
        warnings = []
        distinct = int(np.count_nonzero(np.bincount(labels)))
        if distinct < clusters:
            warnings.append(
                f"only {distinct} of {clusters} clusters have points: "
                "fewer points are distinct than clusters"
            )
        content: dict[str, Any] = {"results": labels}
        if with_details:
            content |= details.of(points, labels, config)
        return content, warnings

    def http_method_not_allowed(  # type: ignore[override]  # DRF passes its own requests
        self, request: Request, *args: Any, **kwargs: Any
    ) -> NoReturn:
        detail = _("send a POST request, not {method}")
        raise Problem("method-not-allowed", format_lazy(detail, method=request.method))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check the request before its body is parsed."""
        super().initial(request, *args, **kwargs)
        details.are_wanted(request)
        sent = request.content_type
        has_body = request.method == "POST" and request.stream is not None
        if has_body and sent.partition(";")[0].strip().lower() != _JSON:
            if not sent:
                detail: Text = _("send the header `Content-Type: application/json`")
            else:
                detail = format_lazy(
                    _("send the header `Content-Type: application/json`, not `{sent}`"), sent=sent
                )
            raise Problem("unsupported-media-type", detail)

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
                config=self._config,
                labels=self._labels,
            )
            self._points = self._labels = None
        return final


def _ignored(names: list[str]) -> str:
    # A header has no other characters than those of ASCII.
    shown = ", ".join(json.dumps(name[:_NAME_MAX]) for name in names[:_NAMES_MAX])
    more = ", ..." if len(names) > _NAMES_MAX else ""
    return f"these members of the body have no effect: {shown}{more}"
