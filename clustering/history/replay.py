"""Clusters the points of a recorded request again, with another number of clusters."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from clustering import fit_timeout, limits
from clustering.config.parameters import check_clusters
from clustering.engine import kmeans
from serving.admission import overloaded
from serving.contract import Environ

# One fit at a time per process, since each slows down the requests beside it. It does not use the
# endpoint's queue, so no caller waits for it.
_fit_lock = threading.Lock()


class ReplayForm(forms.Form):
    """The number of clusters."""

    clusters = forms.IntegerField(
        label=_("Number of clusters"),
        widget=forms.NumberInput(attrs={"min": 1, "inputmode": "numeric"}),
    )

    def clean_clusters(self) -> int:
        """Check the number like one in the live config."""
        try:
            return check_clusters(self.cleaned_data["clusters"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


@dataclass(frozen=True)
class Partition:
    """Labels, the number of points with each, and the sum of squared distances to the means."""

    labels: list[int]
    sizes: list[int]
    inertia: float

    @classmethod
    def of(cls, points: NDArray[np.float64], labels: NDArray[np.int32]) -> "Partition":
        """Return the partition of `points`, of shape (n_points, n_dimensions), by `labels`."""
        _labels, members, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        sums = np.zeros((len(sizes), points.shape[1]))
        np.add.at(sums, members, points)
        inertia = float(np.square(points - (sums / sizes[:, None])[members]).sum())
        return cls(labels.tolist(), sizes.tolist(), inertia)

    def agreement(self, other: "Partition") -> float:
        """Return the adjusted Rand index: 1 for the same clusters, about 0 for random ones."""
        return float(adjusted_rand_score(self.labels, other.labels))


def partition(points: Any, labels: Any) -> Partition:
    """Return the partition of a recorded request: nested lists, and a list."""
    return Partition.of(np.array(points, dtype=np.float64), np.array(labels, dtype=np.int32))


def fit(points: Any, clusters: int, environ: Environ) -> Partition:
    """Cluster `points`, nested lists, as the endpoint does, for the request with this environ.

    Raises Problem (422) for points that cannot be clustered, (503) if this fit takes too long, or
    other fits take longer than a request may wait, and (499) if the caller is gone.
    """
    array = np.array(points, dtype=np.float64)
    limits.check(array, clusters, kmeans.N_INIT)
    if not _fit_lock.acquire(timeout=settings.KMEANS_QUEUE_TIMEOUT_SECONDS):
        raise overloaded("other recorded requests are being clustered again")
    try:
        labels = kmeans.fit_predict(
            array,
            clusters,
            fast_path=settings.KMEANS_FAST_PATH,
            check=fit_timeout.check_of(environ),
        ).labels
    finally:
        _fit_lock.release()
    return Partition.of(array, labels)
