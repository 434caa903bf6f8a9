"""Labels for points, with the live config."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clustering import limits
from clustering.config.parameters import Parameters
from nacos_integration import AppliedConfig, current, wait_until_synced
from serving.contract import Environ

Config = AppliedConfig[Parameters]
# Key of the WSGI environ, set by servers that read the config before they call the view.
CONFIG_KEY: Final = "clustering.config"


def config_of(environ: Environ) -> Config:
    """Return the config for the request with this WSGI environ; wait for the first one.

    A request reads the config once, so a change meanwhile cannot mix two values.
    """
    config: Config | None = environ.get(CONFIG_KEY)
    if config is None:
        wait_until_synced()
        config = environ[CONFIG_KEY] = current(Parameters)
    return config


def cluster(
    points: NDArray[np.float64],
    fit_predict: Callable[[NDArray[np.float64], Parameters], NDArray[np.int32]],
    config: Config,
) -> NDArray[np.int32]:
    """Return the label of each of `points`, of shape (n_points, n_dimensions).

    Raises Problem (422) for points that cannot be clustered.
    """
    limits.check(points, config.value)
    return fit_predict(points, config.value)
