"""Which coordinates are too large for squared distances."""

import numpy as np


def largest_magnitude(n_points: int, n_dimensions: int) -> float:
    """Return the largest |coordinate| for which no squared distance or inertia can overflow.

    Centring at most doubles a coordinate, so a difference of two is at most four times as large.
    The inertia is the sum of `n_points * n_dimensions` squares of such differences.
    """
    return float(np.sqrt(np.finfo(np.float64).max / (16.0 * n_points * n_dimensions)))
