"""Points that arrive in parts."""

from array import array
from collections.abc import Iterable

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from clustering import limits


class GatheredPoints:
    """Gathers points, without their numbers once it is known that they are refused."""

    def __init__(self) -> None:
        self.n_points = 0
        # Of the last point, if the next part continues it.
        self.open_length: int | None = None
        self._n_dimensions = 0
        # The first point that has no coordinates, or not as many as the first one: index, length.
        self._odd: tuple[int, int] | None = None
        self._numbers: array[float] | None = array("d")

    def add(self, lengths: list[int], numbers: Iterable[float], *, is_open: bool) -> None:
        """Add points of these lengths, the first of them to the open point if there is one.

        `is_open` says that the next part continues the last one.
        """
        if self.open_length is not None:
            lengths[0] += self.open_length
        self.open_length = lengths.pop() if is_open else None
        if lengths and not self.n_points:
            self._n_dimensions = lengths[0]
        if not self._odd and not (self._n_dimensions and set(lengths) <= {self._n_dimensions}):
            self._odd = next(
                (
                    (self.n_points + i, length)
                    for i, length in enumerate(lengths)
                    if not length or length != self._n_dimensions
                ),
                None,
            )
        self.n_points += len(lengths)
        if (
            self._odd
            or self.n_points > settings.KMEANS_MAX_POINTS
            or max(self._n_dimensions, self.open_length or 0) > settings.KMEANS_MAX_DIMENSIONS
        ):
            self._numbers = None
        elif self._numbers is not None:
            self._numbers.extend(numbers)

    def points(self) -> NDArray[np.float64]:
        """Return the points, of shape (n_points, n_dimensions); raise Problem if not accepted."""
        limits.check_shape(self.n_points, self._n_dimensions)
        if self._odd:
            raise limits.odd_point(*self._odd, self._n_dimensions)
        assert self._numbers is not None
        return np.frombuffer(self._numbers).reshape(self.n_points, self._n_dimensions)
