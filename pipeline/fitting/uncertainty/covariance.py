"""What the data determine: covariance of the estimates from the Jacobian at the optimum."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats, Matrix

# A direction of the scaled Jacobian weaker than this, relative to the strongest, is not seen by the data:
# below it, rounding in a residual of order one would move the estimate by more than its own size.
RANK_TOLERANCE = 1e-7
# A parameter takes part in an undetermined direction when its share of the direction exceeds this.
_LOADING = 1e-3
# A parameter that moves no residual by more than this, however far it goes, moves none: the rest is rounding.
_UNSEEN = 1e-11


@dataclass(frozen=True, slots=True)
class Covariance:
    """Covariance of the C free parameters of a fit, or of those of many (...), each nan where not determined.

    Attributes
    ----------
    matrix
        (..., C, C) covariance; nan where the data do not determine a parameter.
    determined
        (..., C) whether each parameter is determined.
    rank
        (...) number of directions the data see.
    condition
        (...) ratio of the strongest to the weakest singular value of the scaled Jacobian, inf when one
        vanishes.
    sensitivity
        (..., C) norm of the derivatives of all residuals in each parameter, 0 where it moves none.
    singular
        (..., C) singular values of the scaled Jacobian, each row divided by its norm, strongest first.
    directions
        (..., C, C) the direction of each singular value, a unit vector of parameters times their sensitivity,
        as columns.
    """

    matrix: Floats
    determined: NDArray[np.bool_]
    rank: NDArray[np.int64]
    condition: Floats
    sensitivity: Floats
    singular: Floats
    directions: Floats

    def __getitem__(self, fit: int) -> "Covariance":
        """Give that of one of many fits."""
        return Covariance(
            self.matrix[fit],
            self.determined[fit],
            self.rank[fit],
            self.condition[fit],
            self.sensitivity[fit],
            self.singular[fit],
            self.directions[fit],
        )

    @property
    def stderr(self) -> Floats:
        """(..., C) standard errors."""
        return np.sqrt(np.diagonal(self.matrix, axis1=-2, axis2=-1))

    @property
    def correlation(self) -> Floats:
        """(..., C, C) correlations."""
        return correlation_of(self.matrix)

    @property
    def basis(self) -> Floats:
        """(..., C, C) matrices B with (J Jᵀ)⁻¹ = B Bᵀ over the directions that the data see.

        Their columns come first; those of directions that the data do not see are zeros.
        """
        strong = np.arange(self.singular.shape[-1]) < self.rank[..., np.newaxis]
        return _basis(self.directions, self.singular, strong, self.sensitivity)

    def sandwich(self, scores: Floats) -> Floats:
        """Covariance (J Jᵀ)⁻¹ S (J Jᵀ)⁻¹ of the estimates from that of scores along the basis, Bᵀ S B.

        Where the data hardly see a direction, S itself would hold nothing but rounding of it.
        """
        basis = self.basis
        return self.masked(basis @ scores @ basis.mT)

    def masked(self, matrix: Floats) -> Floats:
        """Put nan where a parameter is not determined."""
        both = self.determined[..., np.newaxis] & self.determined[..., np.newaxis, :]
        return np.where(both, matrix, np.nan)


def covariance_of(jacobian: Floats, variance: Floats | float, extent: Floats | None = None) -> Covariance:
    """Estimate the covariance ``variance (J Jᵀ)⁻¹`` over the directions that the data see.

    Parameters
    ----------
    jacobian : (..., C, R) array
        Derivatives of R residuals in C free parameters, of one fit or of many.
    variance : (...) array
        Variance of a residual.
    extent : (..., C) array, optional
        How far each parameter may reasonably move; one that changes no residual over that length is taken as
        having no effect at all, though rounding may have left something in its derivatives.

    Returns
    -------
    Covariance
    """
    *fits, count, n_rows = jacobian.shape
    if count == 0:
        nothing, square = np.empty((*fits, 0)), np.empty((*fits, 0, 0))
        none = np.empty((*fits, 0), dtype=np.bool_)
        return Covariance(
            square, none, np.zeros(fits, dtype=np.int64), np.ones(fits), nothing, nothing, square
        )
    scale = np.linalg.norm(jacobian, axis=-1)
    if extent is not None:
        scale = np.where(scale * extent > _UNSEEN * np.sqrt(n_rows), scale, 0.0)
    seen = scale > 0.0
    safe = np.where(seen, scale, 1.0)
    scaled = np.where(seen[..., np.newaxis], jacobian / safe[..., np.newaxis], 0.0)
    left, singular, _ = np.linalg.svd(scaled, full_matrices=n_rows < count)
    singular = np.concatenate([singular, np.zeros((*fits, count - singular.shape[-1]))], axis=-1)
    strong = singular > RANK_TOLERANCE * singular[..., :1]
    loose = np.any((np.abs(left) > _LOADING) & ~strong[..., np.newaxis, :], axis=-1)
    determined = seen & ~loose
    with np.errstate(divide="ignore", invalid="ignore"):
        condition = np.where(singular[..., -1] > 0.0, singular[..., 0] / singular[..., -1], np.inf)
    basis = _basis(left, singular, strong, scale)
    with np.errstate(over="ignore", invalid="ignore"):
        matrix = np.asarray(variance)[..., np.newaxis, np.newaxis] * (basis @ basis.mT)
    # What moves residuals by so little that its variance is beyond all numbers is not determined.
    determined &= ~np.isinf(np.diagonal(matrix, axis1=-2, axis2=-1))
    found = Covariance(matrix, determined, np.asarray(strong.sum(axis=-1)), condition, scale, singular, left)
    return replace(found, matrix=found.masked(matrix))


def _basis(
    directions: Floats, singular: Floats, strong: NDArray[np.bool_], sensitivity: Floats
) -> NDArray[np.float64]:
    """Basis (..., C, C) over the strong directions (..., C), as columns; zero for the others."""
    length = np.where(strong, singular, np.inf)[..., np.newaxis, :]
    return directions / length / np.where(sensitivity > 0.0, sensitivity, 1.0)[..., np.newaxis]


def propagate(covariance: Floats, matrix: Matrix) -> Floats:
    """Covariances (..., Q, Q) of ``matrix @ theta`` from those (..., P, P) of theta.

    nan for what is fixed, or depends on something undetermined.
    """
    unknown = np.isnan(np.diagonal(covariance, axis1=-2, axis2=-1))
    result = matrix @ np.where(np.isnan(covariance), 0.0, covariance) @ matrix.T
    fixed = np.diagonal(result, axis1=-2, axis2=-1) <= 0.0
    known = ~(fixed | ((matrix != 0.0) & unknown[..., np.newaxis, :]).any(axis=-1))
    return np.where(known[..., np.newaxis] & known[..., np.newaxis, :], result, np.nan)


def correlation_of(covariance: Floats) -> Floats:
    """Correlations from covariances (..., C, C), nan where a variance is nan or 0."""
    spread = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation: Floats = covariance / (spread[..., np.newaxis] * spread[..., np.newaxis, :])
    places = np.arange(spread.shape[-1])
    correlation[..., places, places] = np.where(spread > 0.0, 1.0, np.nan)
    return correlation
