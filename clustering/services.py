"""Labels for points, with the live config."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clustering import limits
from clustering.config.parameters import Parameters
from nacos_integration import AppliedConfig, current, wait_until_synced

Config = AppliedConfig[Parameters]
# Key of the WSGI environ, set by servers that read the config before they call the view.
CONFIG_KEY: Final = "clustering.config"
# Returns the label, from 0, of each point; points have the shape (n_points, n_dimensions).
FitPredict = Callable[[NDArray[np.float64], Parameters], NDArray[np.int32]]


@dataclass(frozen=True)
class Clustering:
    """Labels, with the number of clusters and the config that produced them."""

    labels: NDArray[np.int32]
    clusters: int
    config_version: str

    @property
    def distinct_labels(self) -> int:
        """How many clusters have points; fewer than `clusters` if too few points are distinct."""
        return int(np.count_nonzero(np.bincount(self.labels)))


def cluster(
    points: NDArray[np.float64],
    fit_predict: FitPredict,
    *,
    starts: int,
    config: Config | None = None,
) -> Clustering:
    """Label `points`, of shape (n_points, n_dimensions), with `config` or the current config.

    Waits for the first config. Reads the config once, so a change during the call cannot mix two
    values. Raises Problem (422) for points that cannot be clustered.
    """
    if config is None:
        wait_until_synced()
        config = current(Parameters)
    clusters = config.value.clusters
    limits.check(points, clusters, starts)
    return Clustering(fit_predict(points, config.value), clusters, config.version)
