import numpy as np
from django.urls import path
from numpy.typing import NDArray
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from sklearn.cluster import MiniBatchKMeans

from clustering.api.access import ApiKeyAuthentication
from clustering.api.parsers import PointsParser
from clustering.api.renderers import LabelsRenderer
from clustering.api.serializers import KMeansRequestSerializer
from clustering.config.parameters import Parameters
from kmeans_project.urls import urlpatterns as present
from nacos_integration import live_config
from serving.problems import Problem


def fit_predict(points: NDArray[np.float64], clusters: int) -> NDArray[np.int32]:
    model = MiniBatchKMeans(n_clusters=clusters, random_state=9, n_init=10)
    labels: NDArray[np.int32] = model.fit_predict(points)
    return labels


class MiniBatchKMeansView(APIView):
    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = ()
    parser_classes = (PointsParser,)
    renderer_classes = (LabelsRenderer,)

    def post(self, request: Request) -> Response:
        points = KMeansRequestSerializer().run_validation(request.data)["points"]
        live_config.wait_until_synced()
        clusters = live_config.current(Parameters).value.clusters
        if len(points) < clusters:
            raise Problem("too-few-points", f"{len(points)} points, {clusters} clusters")
        return Response({"results": fit_predict(points, clusters)})


urlpatterns = [*present, path("api/mini-batch-k-means", MiniBatchKMeansView.as_view())]
