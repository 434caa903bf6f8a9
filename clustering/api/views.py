"""The endpoint of k-means."""

import time

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from clustering import fit_timeout, metrics
from clustering.api import schema
from clustering.api.points_view import PointsView
from clustering.config.parameters import Parameters
from clustering.engine import kmeans
from clustering.history.writer import keeps


@schema.describes(
    operation_id="cluster",
    summary="Cluster points with k-means",
    description=(
        "Labels each point with its cluster, as "
        "`KMeans(n_clusters=clusters, random_state=9, n_init=10)` of scikit-learn does. "
        "`clusters` is 3 unless the live config says otherwise."
    ),
)
class KMeansView(PointsView):
    """k-means over REST."""

    starts = kmeans.N_INIT

    def fit_predict(self, points: NDArray[np.float64], parameters: Parameters) -> NDArray[np.int32]:
        started = time.perf_counter()
        fit = kmeans.fit_predict(
            points,
            parameters.clusters,
            fast_path=settings.KMEANS_FAST_PATH,
            # The history keeps the points, so they must not change.
            copy_x=keeps(points),
            check=fit_timeout.check_of(self.request.META),
        )
        metrics.FIT.observe(time.perf_counter() - started)
        metrics.FITS.labels(fit.path).inc()
        return fit.labels
