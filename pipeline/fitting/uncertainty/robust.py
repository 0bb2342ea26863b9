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

from dataclasses import dataclass

import numpy as np

from kernels.numeric.arrays import Matrix, Vector
from pipeline.fitting.uncertainty.covariance import Covariance
from pipeline.fitting.uncertainty.residual_space import ResidualSpace
from pipeline.fitting.uncertainty.serial import SerialCorrelation, correlation_matrix

# Of the square root of the number of periods: the lag that keeps tests near their size.
_LAG_FACTOR = 1.3


@dataclass(frozen=True, slots=True)
class RobustCovariance:
    """A covariance (C, C), and the degrees of freedom of Student's t that go with it."""

    matrix: Matrix
    degrees: float


def newey_west(
    covariance: Covariance,
    space: ResidualSpace,
    jacobian: Matrix,
    residual: Vector,
    lag: int | None = None,
    beliefs: Matrix | float = 0.0,
) -> RobustCovariance:
    """Covariance that is consistent under heteroscedasticity and autocorrelation (HAC).

    Parameters
    ----------
    covariance : Covariance
        Made from the same Jacobian.
    space : ResidualSpace
        Layout of the R rows.
    jacobian : (C, R) array
        Derivatives of the rows that compare shares.
    residual : (R,) array
    lag : int, optional
        Largest lag with a weight; by default 1.3 times the square root of the number of periods.
    beliefs : (C, C) array, optional
        Covariance of the scores of beliefs.

    Returns
    -------
    RobustCovariance
    """
    periods = len(space.row)
    scores = np.einsum("csk,sk->sc", space.by_period(jacobian), space.by_period(residual))
    lag = int(np.ceil(_LAG_FACTOR * np.sqrt(periods))) if lag is None else lag
    lag = min(lag, periods - 1)
    middle = scores.T @ scores
    for step in range(1, lag + 1):
        product = scores[step:].T @ scores[:-step]
        middle += (1.0 - step / (lag + 1.0)) * (product + product.T)
    used = covariance.rank / max(residual.size / periods, 1.0)
    scale = periods / max(periods - used, 1.0)
    # Bartlett weights of a truncated series: as many independent periods as 1.5 series lengths over the lag.
    degrees = max(1.5 * periods / (lag + 1.0), 1.0)
    return RobustCovariance(covariance.sandwich(scale * middle + beliefs), degrees)


def autoregressive(
    covariance: Covariance,
    space: ResidualSpace,
    jacobian: Matrix,
    serial: SerialCorrelation,
    beliefs: Matrix | float = 0.0,
) -> RobustCovariance:
    """Covariance under errors that follow an autoregression over time, the same for all firms.

    Parameters
    ----------
    covariance : Covariance
        Made from the same Jacobian.
    space : ResidualSpace
        Layout of the R rows.
    jacobian : (C, R) array
        Derivatives of the rows that compare shares.
    serial : SerialCorrelation
        As measured.
    beliefs : (C, C) array, optional
        Covariance of the scores of beliefs.
    """
    firms = space.to_firms(jacobian)
    omega = correlation_matrix(space.elapsed, serial.correlation, serial.partial)
    spread = np.tensordot(firms, omega, axes=(1, 0)).swapaxes(1, 2)
    middle = firms.reshape(len(firms), -1) @ spread.reshape(len(firms), -1).T
    return RobustCovariance(covariance.sandwich(serial.variance * middle + beliefs), serial.degrees)
