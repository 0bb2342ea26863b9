"""How errors hang together over time: an autoregression of order 0, 1 or 2, found from what a fit has left.

Residuals are less correlated than errors, because a fit removes slow movements. What the design leaves of any
correlation is known (`residual_moments`), so correlations are those whose residuals, after such a fit, would
be correlated as the residuals found.

The order is the one with the smallest BIC, in which the step from order p - 1 to p counts n log(1 - a²) for
the partial correlation a at lag p that the residuals show beyond what order p - 1 has them show; all
coordinates and firms are pooled, and n counts residuals less what the fit used. Order 3 is looked at only to
say that two are not enough.

Sources: Quenouille (1949), J. Royal Statistical Society B 11, 68 (partial correlations have variance 1/n);
Schwarz (1978), Annals of Statistics 6, 461 (BIC); Sargan & Bhargava (1983), Econometrica 51, 153 (residuals
against those of random walks; here with their exact distribution for the design, by simulation).
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Matrix, Vector
from pipeline.fitting.uncertainty.residual_moments import ResidualMoments
from pipeline.fitting.uncertainty.residual_space import ResidualSpace
from pipeline.store.format.catalogue import CAP

HIGHEST_ORDER = 2
"""Of the autoregression that is used; one more is looked at."""

# Correlations at which the expected one is computed; between them it is nearly straight.
_GRID = np.array([-0.9, -0.6, -0.3, 0.0, 0.2, 0.4, 0.55, 0.7, 0.8, 0.88, CAP])
_WHITE = int(np.flatnonzero(_GRID == 0.0)[0])
_ROUNDS = 60
_NEAR = 1e-5
# Random walks that are not rejected need this much correlation at least; below it none is compared with them.
_NEAR_A_WALK = 0.5
_WALKS = 199


@dataclass(frozen=True, slots=True)
class SerialCorrelation:
    """Autoregression of the errors from period to period.

    Attributes
    ----------
    coefficient
        Correlation of errors one period apart, at most `CAP`; nan with fewer than 4 periods.
    variance
        Of an error, given this correlation.
    degrees
        Independent residuals that there would be in its place, less what the fit used.
    significant
        Whether the correlation differs from 0 by more than chance would have it in 1 of 20 markets.
    partial
        Partial correlation of errors two periods apart; 0 where order 1 does.
    order
        0, 1 or 2 by BIC; 3: two are not enough.
    p_value
        That errors are uncorrelated from one period to the next.
    """

    coefficient: float
    variance: float
    degrees: float
    significant: bool
    partial: float = 0.0
    order: int = 1
    p_value: float = np.nan

    @property
    def correlation(self) -> float:
        """Correlation of errors one period apart; 0 where it is not known."""
        return 0.0 if np.isnan(self.coefficient) else self.coefficient

    @property
    def coefficients(self) -> tuple[float, float]:
        """Weights of the errors one and two periods before."""
        return self.correlation * (1.0 - self.partial), self.partial


def measure_serial_correlation(
    space: ResidualSpace, residual: Vector, directions: Matrix
) -> SerialCorrelation:
    """Measure the autocorrelation of errors, and choose its order.

    Parameters
    ----------
    space : ResidualSpace
        Layout of the R rows.
    residual : (R,) array
    directions : (C, R) array
        Orthonormal rows that span the derivatives of the residual.
    """
    degrees = float(residual.size - len(directions))
    white_variance = float(residual @ residual) / max(degrees, 1.0)
    if len(space.row) < 4 or degrees <= 0:
        return SerialCorrelation(np.nan, white_variance, degrees, False, order=0)
    moments = ResidualMoments(space, directions, HIGHEST_ORDER + 1)
    sums = moments.observe(residual)
    if sums[0] == 0.0:
        return SerialCorrelation(np.nan, 0.0, degrees, False, order=0)
    observed = sums[1:] / sums[0]
    grid = moments.expected @ _grid_correlations(moments.periods)
    ratio = grid[1] / grid[0]
    # A ratio that stops rising says that more correlation of errors would not show.
    last = int(np.argmax(ratio)) + 1
    coefficient = float(np.interp(observed[0], ratio[:last], _GRID[:last]))
    root = np.sqrt(max(degrees, 1.0))
    shift = abs(observed[0] - ratio[_WHITE])
    order, partial = 1, 0.0
    steps = _steps(moments, observed, coefficient, shift)
    if steps is not None:
        order, coefficient, partial = _choose(steps, degrees, coefficient)
    correlation = autocorrelation(moments.periods, coefficient, partial)
    kept = float(moments.correlate(correlation)[0])
    return SerialCorrelation(
        coefficient,
        float(sums[0]) / max(kept, 1e-12),
        max(degrees / (1.0 + 2.0 * float(np.sum(correlation[1:] ** 2))), 1.0),
        bool(shift > 1.96 / root),
        partial,
        order,
        float(special.erfc(shift * root / np.sqrt(2.0))),
    )


@functools.lru_cache(maxsize=16)
def _grid_correlations(count: int) -> Matrix:
    """Give the correlations (K, G) of errors under every value of the grid; not to be written to."""
    return np.array([autocorrelation(count, rho) for rho in _GRID]).T


def autocorrelation(count: int, coefficient: float, partial: float = 0.0) -> Vector:
    """Correlations of errors 0, 1, ..., ``count`` - 1 periods apart, from the first and a partial one."""
    lag = np.arange(count)
    if partial == 0.0:
        return np.power(coefficient, lag)
    near = coefficient * (1.0 - partial)
    root = np.sqrt(complex(near**2 + 4.0 * partial))
    # Equal roots would need another formula; these differ by less than anybody can see.
    first, second = 0.5 * (near + root), 0.5 * (near - root)
    second -= 1e-7 if abs(root) < 1e-7 else 0.0
    weight = (coefficient - second) / (first - second)
    correlation: Vector = (weight * first**lag + (1.0 - weight) * second**lag).real
    return correlation


def correlation_matrix(elapsed: Vector, coefficient: float, partial: float = 0.0) -> Matrix:
    """Correlation of errors between any two periods, shape (S, S)."""
    gap = np.abs(elapsed[:, None] - elapsed[None, :])
    if partial != 0.0:
        whole = np.rint(gap).astype(np.int64)
        by_lag: Matrix = autocorrelation(int(whole.max()) + 1, coefficient, partial)[whole]
        return by_lag
    # A negative coefficient needs whole periods between.
    sign = np.where(np.rint(gap) % 2 == 1, -1.0, 1.0) if coefficient < 0.0 else 1.0
    matrix: Matrix = sign * np.abs(coefficient) ** gap
    return matrix


def without_correlation(firms: NDArray[np.float64], serial: SerialCorrelation) -> NDArray[np.float64]:
    """Take out of errors (..., S, N) what follows from those of the periods before.

    The first two are scaled so that all have one variance.
    """
    (near, far), rho = serial.coefficients, serial.correlation
    innovation = firms.copy()
    innovation[..., 1:, :] -= near * firms[..., :-1, :]
    innovation[..., 2:, :] -= far * firms[..., :-2, :]
    scale = np.sqrt((1.0 - rho**2) * (1.0 - far**2))
    innovation[..., 0, :] = scale * firms[..., 0, :]
    if firms.shape[-2] > 1:
        innovation[..., 1, :] = np.sqrt(1.0 - far**2) * (firms[..., 1, :] - rho * firms[..., 0, :])
    return innovation


def unit_root(
    space: ResidualSpace,
    residual: Vector,
    directions: Matrix,
    serial: SerialCorrelation,
    rng: np.random.Generator,
) -> float:
    """Probability that errors which are random walks leave residuals as little correlated as these.

    Parameters
    ----------
    space, residual, directions
        As of `measure_serial_correlation`.
    serial : SerialCorrelation
        As measured.
    rng : Generator

    Returns
    -------
    float
        p-value of the hypothesis of a unit root; 0 where correlation is so low that it is out of question,
        nan where there is nothing to measure.
    """
    if np.isnan(serial.coefficient):
        return np.nan
    if serial.coefficient < _NEAR_A_WALK:
        return 0.0
    walks = np.cumsum(rng.standard_normal((_WALKS, *space.active.shape)), axis=1)
    rows = np.vstack([space.to_rows(walks), residual])
    rows[:-1] -= (rows[:-1] @ directions.T) @ directions
    firms = space.to_firms(rows)
    ratio = np.sum(firms[:, 1:] * firms[:, :-1], axis=(1, 2)) / np.sum(firms**2, axis=(1, 2))
    return float((1 + np.sum(ratio[:-1] <= ratio[-1])) / (_WALKS + 1))


# What each order adds: the partial correlation at its lag beyond the order before, and the estimates.
_Step = tuple[float, float, float]


def _steps(
    moments: ResidualMoments, observed: Vector, coefficient: float, shift: float
) -> tuple[_Step, ...] | None:
    """Partial correlations in the residuals for orders 1 to 3, with (coefficient, partial) of each order."""
    if moments.periods <= HIGHEST_ORDER + 2:
        return None
    first = (shift, coefficient, 0.0)
    alone = moments.correlate(autocorrelation(moments.periods, coefficient))
    beyond = (observed[1] - alone[2] / alone[0]) / max(1.0 - coefficient**2, 1e-3)
    wanted = np.array([coefficient, coefficient**2])
    for _ in range(_ROUNDS):
        missing = _miss(moments, observed, wanted)
        if np.max(np.abs(missing)) < _NEAR:
            break
        wanted = wanted + missing
        wanted[0] = np.clip(wanted[0], -CAP, CAP)
        room = 1.0 - wanted[0] ** 2
        wanted[1] = wanted[0] ** 2 + np.clip(wanted[1] - wanted[0] ** 2, -CAP * room, CAP * room)
    rho = float(wanted[0])
    partial = float((wanted[1] - rho**2) / (1.0 - rho**2))
    both = moments.correlate(autocorrelation(moments.periods, rho, partial))
    third = (observed[2] - both[3] / both[0]) / max((1.0 - rho**2) * (1.0 - partial**2), 1e-3)
    return first, (float(beyond), rho, partial), (float(third), rho, partial)


def _miss(moments: ResidualMoments, observed: Vector, wanted: Vector) -> Vector:
    """How far the first two correlations of residuals are from what these of errors would leave."""
    rho = float(wanted[0])
    partial = float((wanted[1] - rho**2) / (1.0 - rho**2))
    sums = moments.correlate(autocorrelation(moments.periods, rho, partial))
    missing: Vector = observed[:2] - sums[1:3] / sums[0]
    return missing


def _choose(steps: tuple[_Step, ...], degrees: float, coefficient: float) -> tuple[int, float, float]:
    """Choose the order by BIC; give it with the correlation and the partial one that go with it."""
    gain = [degrees * np.log(max(1.0 - min(abs(step[0]), 1.0) ** 2, 1e-12)) for step in steps]
    criterion = np.concatenate([[0.0], np.cumsum(np.array(gain) + np.log(max(degrees, 2.0)))])
    order = int(np.argmin(criterion))
    if order < HIGHEST_ORDER:
        return order, coefficient, 0.0
    return order, steps[1][1], steps[1][2]
