"""Covariances of the estimates when the errors are no white noise.

Both are sandwiches (J Jᵀ)⁻¹ S (J Jᵀ)⁻¹ around the covariance S of the scores J e; they differ in S:

- ``hac``: sums of products of the scores of periods up to some lag apart, with falling weights; consistent
  under any heteroscedasticity and autocorrelation. Newey & West (1987), Econometrica 55, 703; lag and degrees
  of freedom after Lazarus, Lewis, Stock & Watson (2018), J. Business & Economic Statistics 36, 541.
- ``autoregressive``: errors of one variance that follow an autoregression as measured, of order 1, or 2 where
  order 1 is not enough, which needs far fewer periods.

Beliefs about parameters are known with an error, too: that of their rows is added to S. Else an estimate that
rests on its belief would seem to be known.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernels.numeric.arrays import Cube, Floats
from pipeline.fitting.uncertainty.covariance import Covariance
from pipeline.fitting.uncertainty.residual_space import ResidualSpace
from pipeline.fitting.uncertainty.serial import SerialCorrelation, correlation_matrix

# Of the square root of the number of periods: the lag that keeps tests near their size.
_LAG_FACTOR = 1.3


@dataclass(frozen=True, slots=True)
class RobustCovariance:
    """Covariances (..., C, C) of one fit or of many, and the degrees of freedom (...) of Student's t."""

    matrix: Floats
    degrees: Floats


def newey_west(
    covariance: Covariance,
    space: ResidualSpace,
    jacobian: Floats,
    residual: Floats,
    lag: int | None = None,
    beliefs: Floats | None = None,
) -> RobustCovariance:
    """Covariance that is consistent under heteroscedasticity and autocorrelation (HAC).

    Parameters
    ----------
    covariance : Covariance
        Made from the same Jacobian.
    space : ResidualSpace
        Layout of the R rows.
    jacobian : (..., C, R) array
        Derivatives of the rows that compare shares.
    residual : (..., R) array
    lag : int, optional
        Largest lag with a weight; by default 1.3 times the square root of the number of periods.
    beliefs : (..., C, C) array, optional
        Covariance of the scores of beliefs.

    Returns
    -------
    RobustCovariance
    """
    periods = len(space.row)
    basis = covariance.basis
    along = space.by_period(basis.mT @ jacobian)
    scores = np.vecdot(along, space.by_period(residual)[..., np.newaxis, :, :])
    lag = int(np.ceil(_LAG_FACTOR * np.sqrt(periods))) if lag is None else lag
    lag = min(lag, periods - 1)
    middle = scores @ scores.mT
    for step in range(1, lag + 1):
        product = scores[..., step:] @ scores[..., :-step].mT
        middle += (1.0 - step / (lag + 1.0)) * (product + product.mT)
    used = covariance.rank / max(residual.shape[-1] / periods, 1.0)
    scale = periods / np.maximum(periods - used, 1.0)
    # Bartlett weights of a truncated series: as many independent periods as 1.5 series lengths over the lag.
    degrees = np.full(scale.shape, max(1.5 * periods / (lag + 1.0), 1.0))
    middle *= scale[..., np.newaxis, np.newaxis]
    return RobustCovariance(covariance.sandwich(middle + _along(basis, beliefs)), degrees)


def autoregressive(
    covariance: Covariance,
    space: ResidualSpace,
    jacobian: Cube,
    serials: Sequence[SerialCorrelation],
    beliefs: Cube | None = None,
) -> RobustCovariance:
    """Covariances under errors that follow an autoregression over time, the same for all firms.

    Parameters
    ----------
    covariance : Covariance
        Of B fits, made from the same Jacobian.
    space : ResidualSpace
        Layout of the R rows.
    jacobian : (B, C, R) array
        Derivatives of the rows that compare shares.
    serials : sequence of SerialCorrelation
        As measured in each fit.
    beliefs : (B, C, C) array, optional
        Covariance of the scores of beliefs.
    """
    basis = covariance.basis
    series = space.over_time(basis.mT @ jacobian)
    fits, count, periods, width = series.shape
    measured = ((one.correlation, one.partial, one.variance, one.degrees) for one in serials)
    rho, partial, variance, degrees = np.array(list(measured)).reshape(-1, 4).T
    omega = correlation_matrix(space.elapsed, rho, partial)
    spread = omega @ series.swapaxes(1, 2).reshape(fits, periods, -1)
    spread = spread.reshape(fits, periods, count, width).swapaxes(1, 2)
    middle = series.reshape(fits, count, -1) @ spread.reshape(fits, count, -1).mT
    middle *= variance[:, np.newaxis, np.newaxis]
    return RobustCovariance(covariance.sandwich(middle + _along(basis, beliefs)), degrees)


def _along(basis: Floats, beliefs: Floats | None) -> Floats | float:
    """Covariance of the scores of beliefs along a basis."""
    return 0.0 if beliefs is None else basis.mT @ beliefs @ basis
