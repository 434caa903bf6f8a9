"""What the clusters of labelled points are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Partition:
    """The clusters of points; labels are from 0 to `clusters - 1`, and a cluster may be empty."""

    # The cluster of each point.
    labels: NDArray[np.int32]
    # (clusters,): how many points each cluster has.
    sizes: NDArray[np.int64]
    # (clusters, n_dimensions): the mean of each cluster's points, NaN for an empty one.
    centers: NDArray[np.float64]
    # The sum of the squared distances of the points to their centres.
    inertia: float

    @classmethod
    def of(
        cls, points: NDArray[np.float64], labels: NDArray[np.int32], clusters: int
    ) -> "Partition":
        """Return the partition of `points`, of shape (n_points, n_dimensions), by `labels`.

        Takes memory for a few columns of the points.
        """
        sizes = np.bincount(labels, minlength=clusters)
        centers = np.full((clusters, points.shape[1]), np.nan)
        inertia = 0.0
        for j, column in enumerate(points.T):
            sums = np.bincount(labels, weights=column, minlength=clusters)
            np.divide(sums, sizes, out=centers[:, j], where=sizes > 0)
            differences = column - centers[labels, j]
            inertia += float(differences @ differences)
        return cls(labels, sizes, centers, inertia)

    def nullable_centers(self) -> list[list[float] | None]:
        """Return the centres as lists for JSON, None for an empty cluster."""
        return [
            center if size else None
            for size, center in zip(self.sizes.tolist(), self.centers.tolist(), strict=True)
        ]
