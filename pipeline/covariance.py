"""What the data determine: covariance of the estimates from the Jacobian at the optimum."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# A direction of the scaled Jacobian weaker than this, relative to the strongest, is not seen by the data:
# below it, rounding in a residual of order one would move the estimate by more than its own size.
RANK_TOLERANCE = 1e-7
# A parameter takes part in an undetermined direction when its share of the direction exceeds this.
_LOADING = 1e-3


@dataclass(frozen=True, slots=True)
class Covariance:
    """Covariance of the free parameters; nan where the data do not determine a parameter.

    Attributes
    ----------
    matrix
        (C, C) covariance.
    determined
        (C,) whether each parameter is determined.
    rank
        Number of directions the data see.
    condition
        Ratio of the strongest to the weakest singular value of the scaled Jacobian, inf when one vanishes.
    """

    matrix: Matrix
    determined: NDArray[np.bool_]
    rank: int
    condition: float

    @property
    def stderr(self) -> NDArray[np.float64]:
        """(C,) standard errors."""
        return np.sqrt(np.diag(self.matrix))

    @property
    def correlation(self) -> Matrix:
        """(C, C) correlations."""
        return correlation_of(self.matrix)


def covariance_of(jacobian: Matrix, variance: float) -> Covariance:
    """Estimate the covariance ``variance (J Jᵀ)⁻¹`` over the directions that the data see.

    Parameters
    ----------
    jacobian : (C, R) array
        Derivatives of R residuals in C free parameters.
    variance : float
        Variance of a residual.

    Returns
    -------
    Covariance
    """
    count = jacobian.shape[0]
    if count == 0:
        return Covariance(np.empty((0, 0)), np.empty(0, dtype=bool), 0, 1.0)
    scale = np.linalg.norm(jacobian, axis=1)
    seen = scale > 0.0
    safe = np.where(seen, scale, 1.0)
    left, singular, _ = np.linalg.svd(jacobian / safe[:, None], full_matrices=jacobian.shape[1] < count)
    singular = np.concatenate([singular, np.zeros(count - singular.size)])
    strong = singular > RANK_TOLERANCE * singular[0]
    weak = left[:, ~strong]
    determined = seen & ~np.any(np.abs(weak) > _LOADING, axis=1)
    basis = left[:, strong] / singular[strong]
    matrix = variance * (basis @ basis.T) / np.outer(safe, safe)
    matrix[~determined, :] = np.nan
    matrix[:, ~determined] = np.nan
    smallest = singular[-1]
    return Covariance(
        matrix, determined, int(strong.sum()), float(singular[0] / smallest) if smallest > 0.0 else np.inf
    )


def correlation_of(covariance: Matrix) -> Matrix:
    """Correlations from a covariance, nan where a variance is nan or 0."""
    spread = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / np.outer(spread, spread)
    np.fill_diagonal(correlation, np.where(spread > 0.0, 1.0, np.nan))
    return correlation
