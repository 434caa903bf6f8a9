import numpy as np
from numpy.typing import NDArray

from clustering.api import schema
from clustering.api.points_view import PointsView
from clustering.config.parameters import Parameters
from clustering.endpoint import points_model

MINI_BATCH = points_model(
    name="mini-batch-k-means",
    path="/api/mini-batch-k-means",
    view="tests.support.mini_batch.endpoint.MiniBatchKMeansView",
)


@schema.describes(
    operation_id="mini-batch",
    summary="Cluster points with mini-batch k-means",
    description="Faster than k-means for many points, and a little less exact.",
)
class MiniBatchKMeansView(PointsView):
    def fit_predict(self, points: NDArray[np.float64], parameters: Parameters) -> NDArray[np.int32]:
        # Imported here: commands load this file too.
        from sklearn.cluster import MiniBatchKMeans

        model = MiniBatchKMeans(
            n_clusters=parameters.clusters,
            n_init=parameters.n_init,
            random_state=parameters.random_state,
        )
        labels: NDArray[np.int32] = model.fit_predict(points)
        return labels
