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
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Cube, Matrix, Vector
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
# Numbers of walks that are worked on at a time: more of them leave the cache of a core.
_AT_ONCE = 1 << 16
# Half the distance between roots that are taken to be one.
_EQUAL = 5e-8


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
    counts = np.array([len(directions)])
    return measure_serial_correlations(space, residual[np.newaxis], directions[np.newaxis], counts)[0]


def measure_serial_correlations(
    space: ResidualSpace, residual: Matrix, directions: Cube, counts: NDArray[np.int64]
) -> list[SerialCorrelation]:
    """Measure the autocorrelation of errors for B fits of one layout.

    Parameters
    ----------
    space : ResidualSpace
        Layout of the R rows of every fit.
    residual : (B, R) array
    directions : (B, C, R) array
        Of each fit, orthonormal rows that span the derivatives of its residual, and then rows of zeros.
    counts : (B,) array of int
        How many rows are no zeros.

    Returns
    -------
    list of SerialCorrelation
        One for every fit.
    """
    degrees = residual.shape[1] - np.asarray(counts, dtype=np.float64)
    variance = np.vecdot(residual, residual) / np.maximum(degrees, 1.0)
    found = [
        SerialCorrelation(np.nan, white, left, False, order=0)
        for white, left in zip(variance.tolist(), degrees.tolist(), strict=True)
    ]
    if len(space.row) < 4:
        return found
    known = np.flatnonzero((degrees > 0) & (variance > 0.0))
    if known.size == 0:
        return found
    moments = ResidualMoments(space, directions[known], HIGHEST_ORDER + 1)
    for place, serial in zip(known, _measured(moments, residual[known], degrees[known]), strict=True):
        found[place] = serial
    return found


def _measured(moments: ResidualMoments, residual: Matrix, degrees: Vector) -> Iterator[SerialCorrelation]:
    """Measure fits that have left something."""
    sums = moments.observe(residual)
    observed = sums[:, 1:] / sums[:, :1]
    grid = moments.expected[:, :2] @ _grid_correlations(moments.periods)
    ratio = grid[:, 1] / grid[:, 0]
    # A ratio that stops rising says that more correlation of errors would not show.
    last = np.argmax(ratio, axis=1) + 1
    coefficient = np.array(
        [
            np.interp(seen, rising[:end], _GRID[:end])
            for seen, rising, end in zip(observed[:, 0], ratio, last, strict=True)
        ]
    )
    root = np.sqrt(np.maximum(degrees, 1.0))
    shift = np.abs(observed[:, 0] - ratio[:, _WHITE])
    order, partial = np.ones(len(sums), dtype=np.int64), np.zeros(len(sums))
    if moments.periods > HIGHEST_ORDER + 2:
        steps = _steps(moments.expected, observed, coefficient, shift)
        order, coefficient, partial = _choose(steps, degrees)
    correlation = autocorrelation(moments.periods, coefficient, partial)
    kept = np.vecdot(moments.expected[:, 0], correlation)
    independent = degrees / (1.0 + 2.0 * np.sum(correlation[:, 1:] ** 2, axis=1))
    columns = (
        coefficient,
        sums[:, 0] / np.maximum(kept, 1e-12),
        np.maximum(independent, 1.0),
        shift > 1.96 / root,
        partial,
        order,
        special.erfc(shift * root / np.sqrt(2.0)),
    )
    return itertools.starmap(SerialCorrelation, zip(*(column.tolist() for column in columns), strict=True))


@functools.lru_cache(maxsize=16)
def _grid_correlations(count: int) -> Matrix:
    """Give the correlations (K, G) of errors under every value of the grid; not to be written to."""
    return autocorrelation(count, _GRID).T


def autocorrelation(
    count: int, coefficient: Vector | float, partial: Vector | float = 0.0
) -> NDArray[np.float64]:
    """Correlations (..., K) of errors 0, 1, ..., K - 1 periods apart, from the first and a partial one.

    Parameters
    ----------
    count : int
        K.
    coefficient, partial : (...) arrays
        Correlation one period apart, and partial correlation two periods apart.
    """
    half = np.asarray(0.5 * coefficient * (1.0 - partial))
    root = np.sqrt(half * half + partial + 0j)
    first, second = half + root, half - root
    near = np.abs(root) < _EQUAL
    if near.any():
        # Equal roots would need another formula; these differ by less than anybody can see.
        second = second - 2.0 * _EQUAL * near
    weight = (coefficient - second) / (first - second)
    powers = np.empty((2, *half.shape, count), dtype=np.complex128)
    powers[0, ..., 0], powers[1, ..., 0] = weight, 1.0 - weight
    powers[0, ..., 1:], powers[1, ..., 1:] = first[..., np.newaxis], second[..., np.newaxis]
    np.multiply.accumulate(powers, axis=-1, out=powers)
    correlation: NDArray[np.float64] = powers[0].real + powers[1].real
    return correlation


def correlation_matrix(
    elapsed: Vector, coefficient: Vector | float, partial: Vector | float = 0.0
) -> NDArray[np.float64]:
    """Correlations (..., S, S) of errors between any two periods, from coefficients (...) of many fits."""
    gap, place = _gaps(elapsed.tobytes())
    whole = np.rint(gap).astype(np.int64)
    rho, far = np.broadcast_arrays(*np.atleast_1d(coefficient, partial))
    # A negative coefficient needs whole periods between.
    sign = np.where((rho[:, np.newaxis] < 0.0) & (whole % 2 == 1), -1.0, 1.0)
    by_gap = sign * np.abs(rho[:, np.newaxis]) ** gap
    second = far != 0.0
    if second.any():
        by_gap[second] = autocorrelation(int(whole.max()) + 1, rho[second], far[second])[:, whole]
    by_gap = by_gap.reshape(*np.broadcast(coefficient, partial).shape, -1)
    return np.take(by_gap, place, axis=-1)


@functools.lru_cache(maxsize=16)
def _gaps(elapsed: bytes) -> tuple[Vector, NDArray[np.int64]]:
    """All distances between two periods, and which of them lies between any two (S, S)."""
    time = np.frombuffer(elapsed)
    gap, place = np.unique(np.abs(time[:, None] - time[None, :]), return_inverse=True)
    return gap, place.reshape(time.size, time.size)


def without_correlation(
    firms: NDArray[np.float64], coefficient: Vector | float, partial: Vector | float
) -> NDArray[np.float64]:
    """Take out of errors (..., S, N) what follows from those of the periods before.

    The first two are scaled so that all have one variance. Correlations one period apart and partial ones
    (...) are those of `SerialCorrelation`.
    """
    rho, far = (np.asarray(value)[..., np.newaxis, np.newaxis] for value in (coefficient, partial))
    innovation = np.empty_like(firms)
    np.multiply(firms[..., :-1, :], -rho * (1.0 - far), out=innovation[..., 1:, :])
    if far.any():
        innovation[..., 2:, :] -= far * firms[..., :-2, :]
    innovation[..., 1:, :] += firms[..., 1:, :]
    begin = np.sqrt(1.0 - far**2)
    innovation[..., :1, :] = np.sqrt(1.0 - rho**2) * begin * firms[..., :1, :]
    innovation[..., 1:2, :] = begin * (firms[..., 1:2, :] - rho * firms[..., :1, :])
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
    seen, at_once, as_little = _one_apart(space, residual), max(_AT_ONCE // space.active.size, 1), 0
    for done in range(0, _WALKS, at_once):
        walks = rng.standard_normal((min(at_once, _WALKS - done), *space.active.shape))
        rows = space.to_rows(np.cumsum(walks, axis=1, out=walks))
        rows -= (rows @ directions.T) @ directions
        as_little += int(np.sum(_one_apart(space, rows) <= seen))
    return (1 + as_little) / (_WALKS + 1)


def _one_apart(space: ResidualSpace, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation (...) of rows (..., R) one period apart, as it is seen."""
    series = space.over_time(rows)
    width, flat = series.shape[-1], series.reshape(*rows.shape[:-1], -1)
    correlation: NDArray[np.float64] = np.vecdot(flat[..., width:], flat[..., :-width]) / np.vecdot(
        rows, rows
    )
    return correlation


# What each order adds to every fit: the partial correlation at its lag beyond the order before, and the
# estimates, all (B,).
_Step = tuple[Vector, Vector, Vector]


def _steps(expected: Cube, observed: Matrix, coefficient: Vector, shift: Vector) -> tuple[_Step, ...]:
    """Partial correlations in the residuals for orders 1 to 3, with (coefficient, partial) of each order."""
    first = (shift, coefficient, np.zeros_like(coefficient))
    alone = _expected_ratios(expected, coefficient, first[2])
    beyond = (observed[:, 1] - alone[:, 1]) / np.maximum(1.0 - coefficient**2, 1e-3)
    # Correlations one and two periods apart are moved by what is missing until nothing is.
    rho, second = coefficient.copy(), coefficient**2
    going, near, far, aim = np.arange(rho.size), rho, second, observed[:, :2]
    relevant = expected[:, :3]
    for _ in range(_ROUNDS):
        missing = aim - _expected_ratios(relevant, near, _partial(near, far))
        short = ~(np.abs(missing).max(axis=1) < _NEAR)
        if not short.all():
            going, near, far, aim = going[short], near[short], far[short], aim[short]
            relevant, missing = relevant[short], missing[short]
            if going.size == 0:
                break
        near = np.minimum(np.maximum(near + missing[:, 0], -CAP), CAP)
        square = near * near
        room = CAP * (1.0 - square)
        far = square + np.minimum(np.maximum(far + missing[:, 1] - square, -room), room)
        rho[going], second[going] = near, far
    partial = _partial(rho, second)
    third = observed[:, 2] - _expected_ratios(expected, rho, partial)[:, 2]
    third /= np.maximum((1.0 - rho**2) * (1.0 - partial**2), 1e-3)
    return first, (beyond, rho, partial), (third, rho, partial)


def _partial(first: Vector, second: Vector) -> Vector:
    """Partial correlations of errors two periods apart, of those one and two periods apart."""
    square = first * first
    partial: Vector = (second - square) / (1.0 - square)
    return partial


def _expected_ratios(expected: Cube, coefficient: Vector, partial: Vector) -> Matrix:
    """Correlations (B, J) that residuals are expected to have, of ``expected`` (B, J + 1, K)."""
    sums = np.matvec(expected, autocorrelation(expected.shape[2], coefficient, partial))
    ratios: Matrix = sums[:, 1:] / sums[:, :1]
    return ratios


def _choose(steps: tuple[_Step, ...], degrees: Vector) -> tuple[NDArray[np.int64], Vector, Vector]:
    """Choose orders by BIC; give them with the correlation and the partial one that go with each."""
    size = np.minimum(np.abs(np.stack([step[0] for step in steps], axis=1)), 1.0)
    free = degrees[:, np.newaxis]
    gain = free * np.log(np.maximum(1.0 - size**2, 1e-12)) + np.log(np.maximum(free, 2.0))
    order = np.argmin(np.pad(np.cumsum(gain, axis=1), ((0, 0), (1, 0))), axis=1)
    second = order >= HIGHEST_ORDER
    return order, np.where(second, steps[1][1], steps[0][1]), np.where(second, steps[1][2], 0.0)
