"""How residuals hang together over time, corrected for what the fit took out of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Matrix, Vector
from pipeline.fitting.uncertainty.residual_space import ResidualSpace

# Correlations at which the expected one is computed; between them it is nearly straight. Beyond the last one,
# errors are hardly to be told from a trend, and the variance that the fit took out of them is a guess.
_GRID = np.array([-0.9, -0.6, -0.3, 0.0, 0.2, 0.4, 0.55, 0.7, 0.8, 0.88, 0.95])
_WHITE = int(np.flatnonzero(_GRID == 0.0)[0])


@dataclass(frozen=True, slots=True)
class SerialCorrelation:
    """Autoregression of the errors from period to period.

    Attributes
    ----------
    coefficient
        Correlation of errors one period apart: the one whose residuals, after such a fit, would be correlated
        as those found, at most 0.95; nan with fewer than 4 periods.
    variance
        Of an error, given this correlation.
    degrees
        Independent residuals that there would be in its place, less what the fit used.
    significant
        Whether the correlation differs from 0 by more than chance would have it in 1 of 20 markets.
    """

    coefficient: float
    variance: float
    degrees: float
    significant: bool


def measure_serial_correlation(
    space: ResidualSpace, residual: Vector, directions: Matrix
) -> SerialCorrelation:
    """Measure the autocorrelation of errors at lag one.

    Residuals are less correlated than errors, because the fit removes slow movements; the expected
    correlation of residuals is computed for every correlation of errors, and inverted.

    Parameters
    ----------
    space : ResidualSpace
        Layout of the R rows.
    residual : (R,) array
    directions : (C, R) array
        Orthonormal rows that span the derivatives of the residual.
    """
    white_variance = float(residual @ residual) / max(residual.size - len(directions), 1)
    degrees = float(residual.size - len(directions))
    if len(space.row) < 4 or degrees <= 0:
        return SerialCorrelation(np.nan, white_variance, degrees, False)
    firms = space.to_firms(residual)
    taken = space.to_firms(directions)
    square = float(np.sum(firms**2))
    if square == 0.0:
        return SerialCorrelation(np.nan, 0.0, degrees, False)
    observed = float(np.sum(firms[1:] * firms[:-1])) / square
    overlap = space.overlap(1)
    expected = np.array([_expected(space, overlap, taken, rho) for rho in _GRID])
    ratio = expected[:, 0] / expected[:, 1]
    # A ratio that stops rising says that more correlation of errors would not show.
    last = int(np.argmax(ratio)) + 1
    coefficient = float(np.interp(observed, ratio[:last], _GRID[:last]))
    _, kept = _expected(space, overlap, taken, coefficient)
    significant = abs(observed - ratio[_WHITE]) > 1.96 / np.sqrt(max(degrees, 1.0))
    factor = (1.0 - coefficient**2) / (1.0 + coefficient**2)
    return SerialCorrelation(coefficient, square / max(kept, 1e-12), max(degrees * factor, 1.0), significant)


def correlation_matrix(elapsed: Vector, coefficient: float) -> Matrix:
    """Correlation of errors between any two periods, shape (S, S)."""
    gap = np.abs(elapsed[:, None] - elapsed[None, :])
    # A negative coefficient needs whole periods between.
    sign = np.where(np.rint(gap) % 2 == 1, -1.0, 1.0) if coefficient < 0.0 else 1.0
    matrix: Matrix = sign * np.abs(coefficient) ** gap
    return matrix


def _expected(
    space: ResidualSpace, overlap: Vector, taken: NDArray[np.float64], coefficient: float
) -> tuple[float, float]:
    """Expect the sum of products one period apart, and of squares, of residuals; errors have variance 1.

    With M the projection that leaves residuals of errors and L half the link between neighbours, these are
    tr(M L M Ω) and tr(M Ω).
    """
    if not len(taken):
        taken = np.zeros((1, *space.active.shape))
    omega = correlation_matrix(space.elapsed, coefficient)
    near = np.diag(omega, 1)
    spread = np.tensordot(taken, omega, axes=(1, 0)).swapaxes(1, 2)
    linked = np.zeros_like(taken)
    linked[:, 1:] += 0.5 * taken[:, :-1]
    linked[:, :-1] += 0.5 * taken[:, 1:]
    linked *= space.active
    kept = _inner(taken, spread)
    lagged = (
        float(near @ overlap)
        - 2.0 * float(np.sum(linked * spread))
        + float(np.sum(_inner(taken, linked) * kept))
    )
    return lagged, float(space.n_rows - np.trace(kept))


def _inner(first: NDArray[np.float64], second: NDArray[np.float64]) -> Matrix:
    return first.reshape(len(first), -1) @ second.reshape(len(second), -1).T
