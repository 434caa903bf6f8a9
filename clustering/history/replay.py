"""Clusters the points of a recorded request again, with other numbers of clusters."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score

from clustering import advice, fit_timeout, limits
from clustering.config.parameters import Parameters, check
from clustering.engine import kmeans
from clustering.engine.advice import FitPredict
from clustering.engine.parameters import KMeansParameters
from clustering.engine.partition import Partition
from clustering.models import RequestRecord
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
            clusters: int = check("clusters", self.cleaned_data["clusters"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return clusters


@dataclass(frozen=True)
class Clustering:
    """What the page shows of a fit: the labels, the sizes of clusters with points, the inertia."""

    labels: list[int]
    sizes: list[int]
    inertia: float

    @classmethod
    def of(cls, points: NDArray[np.float64], labels: NDArray[np.int32]) -> "Clustering":
        """Return the clustering of `points`, of shape (n_points, n_dimensions), by `labels`."""
        made = Partition.of(points, labels, int(labels.max()) + 1)
        return cls(labels.tolist(), [size for size in made.sizes.tolist() if size], made.inertia)

    def agreement(self, other: "Clustering") -> float:
        """Return the adjusted Rand index: 1 for the same clusters, about 0 for random ones."""
        return float(adjusted_rand_score(self.labels, other.labels))


def original(row: RequestRecord) -> Clustering | None:
    """Return the clustering that a recorded request was answered with."""
    if row.labels is None:
        return None
    return Clustering.of(_array(row.payload), np.array(row.labels, dtype=np.int32))


def parameters_of(row: RequestRecord, clusters: int) -> KMeansParameters:
    """Return the parameters of a recorded request, with another number of clusters.

    Rows of earlier releases have none, and used the defaults.
    """
    names = {field.name for field in fields(Parameters)}
    recorded = {name: value for name, value in (row.parameters or {}).items() if name in names}
    return Parameters(**(recorded | {"clusters": clusters}))


def fit(points: Any, parameters: KMeansParameters, environ: Environ) -> Clustering:
    """Cluster `points`, nested lists, as the endpoint does, for the request with this environ.

    Raises Problem (422) for points that cannot be clustered, (503) if this fit takes too long, or
    other fits take longer than a request may wait, and (499) if the caller is gone.
    """
    array = _array(points)
    limits.check(array, parameters)
    with _turn():
        return Clustering.of(array, _fit_predict(environ)(array, parameters))


def compare(points: Any, parameters: KMeansParameters, environ: Environ) -> dict[str, Any]:
    """Compare numbers of clusters as the endpoint for advice does; raises Problem as `fit` does."""
    array = _array(points)
    candidates = advice.usual_candidates(len(array))
    check_time = fit_timeout.check_of(environ)
    with _turn():
        found = advice.compare(array, parameters, candidates, _fit_predict(environ), check_time)
    return found | {"reason": str(found["reason"])}


def _fit_predict(environ: Environ) -> FitPredict:
    check_time = fit_timeout.check_of(environ)
    return lambda points, parameters: (
        kmeans.fit_predict(
            points, parameters, fast_path=settings.KMEANS_FAST_PATH, check=check_time
        ).labels
    )


@contextmanager
def _turn() -> Iterator[None]:
    if not _fit_lock.acquire(timeout=settings.KMEANS_QUEUE_TIMEOUT_SECONDS):
        raise overloaded(_("other recorded requests are being clustered again"))
    try:
        yield
    finally:
        _fit_lock.release()


def _array(points: Any) -> NDArray[np.float64]:
    return np.array(points, dtype=np.float64)
