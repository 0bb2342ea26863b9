"""What the data determine: covariance of the estimates from the Jacobian at the optimum."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Floats, Matrix, Vector

# A direction of the scaled Jacobian weaker than this, relative to the strongest, is not seen by the data:
# below it, rounding in a residual of order one would move the estimate by more than its own size.
RANK_TOLERANCE = 1e-7
# A parameter takes part in an undetermined direction when its share of the direction exceeds this.
_LOADING = 1e-3
# A parameter that moves no residual by more than this, however far it goes, moves none: the rest is rounding.
_UNSEEN = 1e-11


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
    sensitivity
        (C,) norm of the derivatives of all residuals in each parameter, 0 where it moves none.
    singular
        (C,) singular values of the scaled Jacobian, each row divided by its norm, strongest first.
    directions
        (C, C) the direction of each singular value, a unit vector of parameters times their sensitivity, as
        columns.
    """

    matrix: Matrix
    determined: NDArray[np.bool_]
    rank: int
    condition: float
    sensitivity: Vector
    singular: Vector
    directions: Matrix

    @property
    def stderr(self) -> Vector:
        """(C,) standard errors."""
        return np.sqrt(np.diag(self.matrix))

    @property
    def correlation(self) -> Matrix:
        """(C, C) correlations."""
        return correlation_of(self.matrix)

    @property
    def basis(self) -> Matrix:
        """(C, rank) matrix B with (J Jᵀ)⁻¹ = B Bᵀ over the directions that the data see."""
        return self.filled_basis[:, : self.rank]

    @property
    def filled_basis(self) -> Matrix:
        """(C, C) the same, and columns of zeros for the directions that they do not see."""
        strong = np.arange(self.singular.size) < self.rank
        return _basis(self.directions, self.singular, strong, self.sensitivity)

    def sandwich(self, scores: Matrix) -> Matrix:
        """Covariance (J Jᵀ)⁻¹ S (J Jᵀ)⁻¹ of the estimates when scores J e have covariance S (C, C)."""
        basis = self.basis
        matrix = basis @ (basis.T @ scores @ basis) @ basis.T
        return self.masked(matrix)

    def masked(self, matrix: Matrix) -> Matrix:
        """Put nan where a parameter is not determined."""
        matrix = matrix.copy()
        matrix[~self.determined, :] = np.nan
        matrix[:, ~self.determined] = np.nan
        return matrix


def covariance_of(jacobian: Matrix, variance: float, extent: Vector | None = None) -> Covariance:
    """Estimate the covariance ``variance (J Jᵀ)⁻¹`` over the directions that the data see.

    Parameters
    ----------
    jacobian : (C, R) array
        Derivatives of R residuals in C free parameters.
    variance : float
        Variance of a residual.
    extent : (C,) array, optional
        How far each parameter may reasonably move; one that changes no residual over that length is taken as
        having no effect at all, though rounding may have left something in its derivatives.

    Returns
    -------
    Covariance
    """
    extents = None if extent is None else extent[np.newaxis]
    return covariances_of(jacobian[np.newaxis], np.array([variance]), extents)[0]


def covariances_of(jacobian: Cube, variance: Vector, extent: Matrix | None = None) -> list[Covariance]:
    """Estimate the covariances of B fits, as `covariance_of` does for one.

    Parameters
    ----------
    jacobian : (B, C, R) array
    variance : (B,) array
    extent : (B, C) array, optional
    """
    n_fits, count, n_rows = jacobian.shape
    if count == 0:
        nothing, square = np.empty(0), np.empty((0, 0))
        return [Covariance(square, np.empty(0, dtype=bool), 0, 1.0, nothing, nothing, square)] * n_fits
    scale = np.linalg.norm(jacobian, axis=-1)
    if extent is not None:
        scale = np.where(scale * extent > _UNSEEN * np.sqrt(n_rows), scale, 0.0)
    seen = scale > 0.0
    safe = np.where(seen, scale, 1.0)
    scaled = np.where(seen[..., np.newaxis], jacobian / safe[..., np.newaxis], 0.0)
    left, singular, _ = np.linalg.svd(scaled, full_matrices=n_rows < count)
    singular = np.concatenate([singular, np.zeros((n_fits, count - singular.shape[1]))], axis=1)
    strong = singular > RANK_TOLERANCE * singular[:, :1]
    loose = np.any((np.abs(left) > _LOADING) & ~strong[:, np.newaxis], axis=-1)
    determined = seen & ~loose
    with np.errstate(divide="ignore"):
        condition = np.where(singular[:, -1] > 0.0, singular[:, 0] / singular[:, -1], np.inf)
    basis = _basis(left, singular, strong, scale)
    with np.errstate(over="ignore", invalid="ignore"):
        matrix = variance[:, np.newaxis, np.newaxis] * (basis @ basis.mT)
    # What moves residuals by so little that its variance is beyond all numbers is not determined.
    determined &= ~np.isinf(np.diagonal(matrix, axis1=-2, axis2=-1))
    matrix[~(determined[:, np.newaxis] & determined[..., np.newaxis])] = np.nan
    ranks = strong.sum(axis=1)
    return [
        Covariance(
            matrix[one],
            determined[one],
            int(ranks[one]),
            float(condition[one]),
            scale[one],
            singular[one],
            left[one],
        )
        for one in range(n_fits)
    ]


def _basis(
    directions: Floats, singular: Floats, strong: NDArray[np.bool_], sensitivity: Floats
) -> NDArray[np.float64]:
    """Basis (..., C, C) over the strong directions (..., C), as columns; zero for the others."""
    length = np.where(strong, singular, np.inf)[..., np.newaxis, :]
    return directions / length / np.where(sensitivity > 0.0, sensitivity, 1.0)[..., np.newaxis]


def propagate(covariance: Matrix, matrix: Matrix) -> Matrix:
    """Covariance of ``matrix @ theta``; nan for what is fixed, or depends on something undetermined."""
    unknown = np.isnan(np.diag(covariance))
    result = matrix @ np.where(np.isnan(covariance), 0.0, covariance) @ matrix.T
    touched = (matrix[:, unknown] != 0.0).any(axis=1)
    fixed = np.diag(result) <= 0.0
    result[touched | fixed, :] = np.nan
    result[:, touched | fixed] = np.nan
    return result


def correlation_of(covariance: Matrix) -> Matrix:
    """Correlations from a covariance, nan where a variance is nan or 0."""
    spread = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / np.outer(spread, spread)
    np.fill_diagonal(correlation, np.where(spread > 0.0, 1.0, np.nan))
    return correlation
