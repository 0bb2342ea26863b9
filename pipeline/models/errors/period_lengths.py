"""How long the periods of a market are in common ones, and what that makes of their gains and errors."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.lengths import follow_lengths
from kernels.numeric.arrays import Vector


@dataclass(frozen=True, slots=True)
class PeriodLengths:
    """Lengths of T periods, as `kernels.least_squares.lengths` takes them.

    Attributes
    ----------
    length
        (T,) in common periods of the market.
    pull
        (T,) how far deviations of shares fade in each.
    first
        First fitted period.
    """

    length: Vector
    pull: Vector
    first: int

    @property
    def uneven(self) -> bool:
        """Whether they differ in length."""
        return bool((self.length[max(self.first, 1) :] != 1.0).any())

    def scales(self, gain: float | NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the gain of every period, and the spread of its errors in that of a common one.

        Both (T,) for one gain of a common period, and (T, D, 1) for several, (D, 1).
        """
        common = np.asarray(gain, dtype=np.float64)
        gains = np.broadcast_to(common, (self.length.size, *common.shape)).copy()
        variance = np.ones_like(gains)
        if self.uneven:
            one, other = np.empty((2, self.length.size))
            pull, length = np.ascontiguousarray(self.pull), np.ascontiguousarray(self.length)
            for place in np.ndindex(common.shape):
                follow_lengths(float(common[place]), pull, length, self.first, one, other)
                gains[:, *place], variance[:, *place] = one, other
        return gains, np.sqrt(variance)

    def going_on(self, length: Vector) -> "PeriodLengths":
        """Add periods (H,) in which shares go on to adjust as fast as in the last one."""
        rate = self.pull[-1] / self.length[-1]
        return replace(
            self,
            length=np.concatenate([self.length, length]),
            pull=np.concatenate([self.pull, rate * length]),
        )
