"""The endpoints of k-means."""

import time
from typing import Any

import msgspec
import numpy as np
from django.conf import settings
from django.utils.translation import override
from numpy.typing import NDArray
from rest_framework.request import Request

from clustering import advice, fit_timeout, metrics
from clustering.api import details, schema
from clustering.api.body import strict_json
from clustering.api.points_view import PointsView
from clustering.api.serializers import AdviceRequestSerializer, AdviceResponseSerializer
from clustering.engine import kmeans
from clustering.engine.parameters import KMeansParameters
from clustering.history.writer import keeps
from clustering.services import Config
from serving.status_titles import language_of

_candidates_decoder = msgspec.json.Decoder(list[int])


class _FittingView(PointsView):
    def fit_predict(
        self, points: NDArray[np.float64], parameters: KMeansParameters
    ) -> NDArray[np.int32]:
        started = time.perf_counter()
        fit = kmeans.fit_predict(
            points,
            parameters,
            fast_path=settings.KMEANS_FAST_PATH,
            copy_x=self.must_copy(points),
            check=fit_timeout.check_of(self.request.META),
        )
        metrics.FIT.observe(time.perf_counter() - started)
        metrics.FITS.labels(fit.path).inc()
        return fit.labels

    def must_copy(self, points: NDArray[np.float64]) -> bool:
        """Return whether the points are needed unchanged after the fit."""
        raise NotImplementedError


@schema.describes(
    operation_id="cluster",
    summary="Cluster points with k-means",
    description=(
        "Labels each point with its cluster, as "
        "`KMeans(n_clusters=clusters, random_state=9, n_init=10)` of scikit-learn does. "
        "`clusters` is 3 unless the live config says otherwise, which may set the other "
        "parameters too."
    ),
)
class KMeansView(_FittingView):
    """k-means over REST."""

    def must_copy(self, points: NDArray[np.float64]) -> bool:
        # The history keeps the points, and details are computed of them.
        return keeps(points) or details.are_wanted(self.request)


@schema.describes(
    operation_id="advise",
    summary="Compare numbers of clusters",
    description=(
        "Fits the points with each candidate for the number of clusters, and suggests the one with "
        "the highest silhouette. Changes nothing, and does not depend on `clusters` in the live "
        "config."
    ),
    request=AdviceRequestSerializer,
    response=AdviceResponseSerializer,
    examples=schema.ADVICE_EXAMPLES,
)
class AdviceView(_FittingView):
    """Which number of clusters fits the points."""

    members = frozenset({"candidates"})

    def must_copy(self, points: NDArray[np.float64]) -> bool:
        return True

    def answer(
        self,
        request: Request,
        points: NDArray[np.float64],
        config: Config,
        others: strict_json.Members,
    ) -> tuple[dict[str, Any], list[str]]:
        """Return the content of the answer, and no warnings."""
        with_labels = details.are_wanted(request)
        if "candidates" in others:
            candidates = _candidates(others["candidates"])
        else:
            candidates = advice.usual_candidates(len(points))
        content = advice.compare(
            points,
            config.value,
            candidates,
            self.fit_predict,
            fit_timeout.check_of(request.META),
            with_labels=with_labels,
        )
        with override(language_of(request.META)):
            reason = str(content["reason"])
        return content | {"reason": reason, "config_version": config.version}, []


def _candidates(text: msgspec.Raw) -> list[int]:
    try:
        candidates = _candidates_decoder.decode(text)
    except msgspec.DecodeError as error:
        raise strict_json.problem_of_member("candidates", "invalid-candidates", error) from error
    return advice.check_candidates(candidates)
