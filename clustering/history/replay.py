"""The points of a recorded request once more, with another number of clusters."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from clustering import services
from clustering.config.parameters import check_clusters
from clustering.engine import kmeans
from serving.admission import overloaded

# One at a time in a process. Not in the endpoint's turn, so that no caller waits for a look at the
# past: small requests, which a fit beside them makes slower, have that of one, not of any number.
_turn = threading.Lock()


class ReplayForm(forms.Form):
    """How many clusters there shall be."""

    clusters = forms.IntegerField(
        label=_("Number of clusters"),
        widget=forms.NumberInput(attrs={"min": 1, "inputmode": "numeric"}),
    )

    def clean_clusters(self) -> int:
        """Judge the number as one of the live config is judged."""
        try:
            return check_clusters(self.cleaned_data["clusters"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


@dataclass(frozen=True)
class Partition:
    """Labelled points: how many have each label, and the sum of squared distances to the means."""

    labels: list[int]
    sizes: list[int]
    inertia: float

    @classmethod
    def of(cls, points: NDArray[np.float64], labels: NDArray[np.int32]) -> "Partition":
        """Return the partition of `points`, of shape (n_points, n_dimensions), by their labels."""
        _found, members, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        sums = np.zeros((len(sizes), points.shape[1]))
        np.add.at(sums, members, points)
        inertia = float(np.square(points - (sums / sizes[:, None])[members]).sum())
        return cls(labels.tolist(), sizes.tolist(), inertia)

    def agreement(self, other: "Partition") -> float:
        """Return the adjusted Rand index: 1 for the same clusters, about 0 for chance."""
        return float(adjusted_rand_score(self.labels, other.labels))


def partition(points: Any, labels: Any) -> Partition:
    """Return the partition that the history has of a request: nested lists, and a list."""
    return Partition.of(np.array(points, dtype=np.float64), np.array(labels, dtype=np.int32))


def fit(points: Any, clusters: int) -> Partition:
    """Cluster `points`, nested lists, as the endpoint does.

    Raises Problem (422) for points that cannot be clustered so, and (503) when others take all the
    time that a request may wait.
    """
    array = np.array(points, dtype=np.float64)
    services.check(array, clusters)
    if not _turn.acquire(timeout=settings.KMEANS_QUEUE_TIMEOUT_SECONDS):
        raise overloaded("other requests are clustered once more")
    try:
        labels = kmeans.fit_predict(array, clusters, fast_path=settings.KMEANS_FAST_PATH).labels
    finally:
        _turn.release()
    return Partition.of(array, labels)
