"""Bounded points scaled to the unit box, where an optimiser's steps and tolerances mean the same for all."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class UnitBox:
    """Points between two corners of one shape, each coordinate in units of the room it has.

    Parameters
    ----------
    one, other : arrays of one shape
        Opposite corners, in any order.
    """

    def __init__(self, one: Floats, other: Floats) -> None:
        self.low, self.high = np.minimum(one, other), np.maximum(one, other)

    @cached_property
    def width(self) -> Floats:
        """Room of each coordinate; 1 where there is none."""
        return np.where(self.high > self.low, self.high - self.low, 1.0)

    @cached_property
    def bounds(self) -> list[tuple[float, float]]:
        """Bounds of the flat scaled coordinates, as `scipy.optimize.minimize` takes them."""
        return [(0.0, 1.0 if wide else 0.0) for wide in (self.high > self.low).ravel()]

    def scaled(self, point: Floats) -> Floats:
        """Coordinates of a point, flat."""
        return ((point - self.low) / self.width).ravel()

    def point(self, scaled: Floats) -> Floats:
        """Give the point of some coordinates, also outside the box."""
        return self.low + scaled.reshape(self.low.shape) * self.width

    def nearest(self, scaled: Floats) -> Floats:
        """Give the point of the box nearest to some coordinates."""
        return self.point(np.clip(scaled, 0.0, 1.0))
