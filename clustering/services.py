"""What a request asks for: labels for points, with the parameters in force."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clustering.api import limits
from clustering.config.parameters import Parameters
from nacos_integration import AppliedConfig, current, wait_until_synced

Config = AppliedConfig[Parameters]
# Key of the WSGI environ, for servers that read the config before they give a request to a view.
CONFIG_KEY: Final = "clustering.config"
# Labels points, of shape (n_points, n_dimensions), from 0 on.
FitPredict = Callable[[NDArray[np.float64], Parameters], NDArray[np.int32]]


@dataclass(frozen=True)
class Clustering:
    """Labels, and the clusters and the config that produced them."""

    labels: NDArray[np.int32]
    clusters: int
    config_version: str

    @property
    def distinct_labels(self) -> int:
        """How many clusters have points: fewer than asked for, if fewer points are distinct."""
        return int(np.count_nonzero(np.bincount(self.labels)))


def cluster(
    points: NDArray[np.float64],
    fit_predict: FitPredict,
    *,
    starts: int,
    config: Config | None = None,
) -> Clustering:
    """Label `points`, of shape (n_points, n_dimensions), with `config`, else the one in force.

    The config is read once, so a change during the call cannot mix two values; the first one is
    waited for. Raises Problem (422) for points that cannot be clustered so.
    """
    if config is None:
        wait_until_synced()
        config = current(Parameters)
    clusters = config.value.clusters
    limits.check(points, clusters, starts)
    return Clustering(fit_predict(points, config.value), clusters, config.version)
