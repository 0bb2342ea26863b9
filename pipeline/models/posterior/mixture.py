"""A mixture of normal densities: what is known of the parameters of one market."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.models.parameter_spread import principal_steps


@dataclass(frozen=True, eq=False)
class ParameterMixture:
    """K normal densities of P parameters.

    Attributes
    ----------
    weight : (K,) array
        Summing to 1.
    centre : (K, P) array
    covariance : (K, P, P) array
        0 or nan for what stays as it is.
    lower, upper : (P,) arrays
        Bounds, which draws do not leave.
    """

    weight: Vector
    centre: Matrix
    covariance: Cube
    lower: Vector
    upper: Vector

    @classmethod
    def single(cls, theta: Vector, covariance: Matrix, bounds: tuple[Vector, Vector]) -> "ParameterMixture":
        """Make one of a single density around parameters (P,) with a covariance (P, P)."""
        return cls(np.ones(1), theta[np.newaxis], covariance[np.newaxis], *bounds)

    def draw(self, count: int, rng: np.random.Generator) -> Matrix:
        """Draw parameter vectors, (count, P)."""
        chosen = rng.choice(self.weight.size, size=count, p=self.weight)
        normal = rng.standard_normal((count, self.centre.shape[1]))
        draws = self.centre[chosen]
        for number in np.unique(chosen):
            rows = chosen == number
            draws[rows] += normal[rows] @ principal_steps(self.covariance[number]).T
        # What stays as it is may lie outside its bounds by rounding.
        moved = np.nan_to_num(np.diagonal(self.covariance, axis1=1, axis2=2))[chosen] > 0.0
        return np.ascontiguousarray(np.where(moved, np.clip(draws, self.lower, self.upper), draws))

    def few(self, count: int) -> "ParameterMixture":
        """Take at most so many of the densities, in equal steps of probability, for what costs much for each.

        They have an order, as those over gains: each taken one stands for a stretch of equal weight around
        it.
        """
        if self.weight.size <= count:
            return self
        at = (np.arange(count) + 0.5) / count
        middle = np.cumsum(self.weight) - 0.5 * self.weight
        chosen, times = np.unique([np.argmin(np.abs(middle - one)) for one in at], return_counts=True)
        return ParameterMixture(
            times / count, self.centre[chosen], self.covariance[chosen], self.lower, self.upper
        )

    def __iter__(self) -> Iterator[tuple[float, Vector, Matrix]]:
        """Go through weights, centres and covariances."""
        return zip(self.weight.tolist(), self.centre, self.covariance, strict=True)
