"""What is not known of the parameters: their covariance by trusted intervals, and what it does ahead.

`beed forecast` draws parameters from it; the densities of validation hold the variance that it gives to the
log shares ahead. Both take it from here.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Cube, Floats, Matrix, Vector
from pipeline.models.predictive import log_errors

# Variance along a direction, in units of standard errors, below which it moves nothing.
_NOTHING = 1e-10


def trusted_covariance(covariance: Floats, ends: Floats, level: float) -> Floats:
    """Widen covariances that take errors as independent to the intervals of a more trusted method.

    Parameters
    ----------
    covariance : (..., P, P) array
        Of one fit or of many; nan for what is not determined.
    ends : (..., P, 2) array
        Intervals of that method; those that are nan or infinite do not count.
    level : float
        Their probability.

    Notes
    -----
    All are widened alike, by the median factor: parameters that trade off would no longer do so if one of
    them were widened alone, and what they do together, which data see well, would be taken for unknown.
    """
    half = (ends[..., 1] - ends[..., 0]) / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
        factor = half / special.ndtri(0.5 + 0.5 * level) / spread
    known = np.isfinite(factor) & (factor > 0.0)
    # Without any they stay as they are.
    factor = np.where(known, factor, np.nan)
    factor[~known.any(axis=-1)] = 1.0
    middle = np.asarray(np.nanmedian(factor, axis=-1) if factor.size else np.ones(factor.shape[:-1]))
    return covariance * middle[..., np.newaxis, np.newaxis] ** 2


def principal_steps(covariance: Matrix) -> Matrix:
    """Give steps (P, P), as columns, whose products sum to a covariance (P, P); none where it is nan.

    Parameters differ in size by many orders, so directions are taken from the correlations.
    """
    known = np.where(np.isnan(covariance), 0.0, covariance)
    scale = np.sqrt(np.diag(known))
    safe = np.where(scale > 0.0, scale, 1.0)
    values, vectors = np.linalg.eigh(known / np.outer(safe, safe))
    steps: Matrix = scale[:, np.newaxis] * vectors * np.sqrt(np.maximum(values, 0.0))
    return steps


def parameter_spread(
    follow: Callable[[Vector], Matrix | None],
    theta: Vector,
    covariance: Matrix,
    bounds: tuple[Vector, Vector],
    moving: NDArray[np.bool_],
) -> Cube:
    """Compute the covariance of log shares ahead that comes from parameters alone.

    Parameters
    ----------
    follow : callable
        Takes parameters (P,) to shares (H, N), or to None or an arithmetic error.
    theta : (P,) array
        The estimates.
    covariance : (P, P) array
        Of the estimates; nan for what is not determined, which stays as it is.
    bounds : pair of (P,) arrays
        Parameters do not leave them.
    moving : (H, N) array of bool

    Returns
    -------
    (H, N, N) array
        Up to a term common to all firms; 0 for those that do not move.

    Notes
    -----
    Central differences one standard error either way along the principal directions (Schei 1997, Automatica
    33, 2053): exact where log shares are straight in the parameters, and without random numbers.
    """
    total = np.zeros((*moving.shape, moving.shape[1]))
    centre = _followed(follow, theta)
    if centre is None:
        return total
    for step in principal_steps(covariance).T:
        if not np.any(step**2 > _NOTHING * np.nan_to_num(np.diag(covariance))):
            continue
        up, down = (_followed(follow, np.clip(theta + side * step, *bounds)) for side in (1.0, -1.0))
        if up is None and down is None:
            continue
        # One side alone where the other cannot be followed.
        size = 0.5 if up is not None and down is not None else 1.0
        change = log_errors(centre if up is None else up, centre if down is None else down, moving)
        change = size * np.nan_to_num(change)
        total += change[:, :, np.newaxis] * change[:, np.newaxis, :]
    return total


def _followed(follow: Callable[[Vector], Matrix | None], theta: Vector) -> Matrix | None:
    try:
        return follow(theta)
    except (ValueError, ArithmeticError):
        return None
