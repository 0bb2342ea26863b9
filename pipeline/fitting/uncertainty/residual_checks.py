"""Tests of what a fit has left over: correlation, size of errors, breaks of parameters.

=================== ======================================================== ==============================
p-value             of the hypothesis that                                   is small when
=================== ======================================================== ==============================
p_autocorrelation   errors of successive periods are uncorrelated            something slow is left out
p_unit_root         errors are random walks                                  they are not (large: they may be)
p_size_firms        errors are of one size in all firms                      some firms are noisier
p_size_time         errors are of one size at all times                     noise grows, falls, comes and goes
p_break             every parameter is the same in all periods               the market changed on the way
=================== ======================================================== ==============================

All but the first two look at residuals from which the autoregression has been taken out, and which have been
freed again of what the derivatives (filtered likewise) can follow.

- Size: absolute residuals, each divided by what the fit left of an error there. Over firms, Hotelling's T² of
  their means, periods being the sample; over time, the F test of slow cosines on the means of periods.
  Glejser (1969), J. American Statistical Association 64, 316; absolute values, as in Levene's test, hold
  their size where squares do not.
- Break: for every parameter and period t in the middle 70 %, the score test of a coefficient that is another
  one after t; the largest over both, as Andrews (1993), Econometrica 61, 821, for one parameter. Its critical
  values depend on the design (states remember, starts fade), so the distribution is found by simulation for
  this very design: signs of whole periods are flipped (the wild bootstrap; Davidson & Flachaire 2008,
  J. Econometrics 146, 162), which keeps what firms have in common and how noise changes over time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Matrix, Vector
from pipeline.fitting.uncertainty.residual_space import ResidualSpace
from pipeline.fitting.uncertainty.serial import SerialCorrelation, unit_root, without_correlation

# Fewer periods than this say nothing.
_PERIODS = 12
# A residual of which the fit has taken more than this part is left out: what is left is rounding.
_TAKEN = 0.8
# Part of the periods at either end in which no break is looked for.
_TRIM = 0.15
_FLIPS = 99
# Half waves over the sample that the size of errors may follow; half as many where periods are few.
_WAVES = 4
# A break that the parameters can follow themselves, relative to its own size, is none to look for.
_FOLLOWED = 1e-6


@dataclass(frozen=True, slots=True)
class ResidualChecks:
    """Tests of the residuals of one fit, see the table of the module; nan where there is too little data.

    Attributes
    ----------
    statistic
        The p-values by name; ``error_order``, the order of the autoregression (3: two are not enough); and
        ``break_period``, after how many fitted periods the change would be.
    """

    statistic: dict[str, float]


def check_residuals(
    space: ResidualSpace,
    residual: Vector,
    directions: Matrix,
    jacobian: Matrix,
    serial: SerialCorrelation,
    rng: np.random.Generator,
) -> ResidualChecks:
    """Test the residuals of a fit.

    Parameters
    ----------
    space : ResidualSpace
        Layout of the R rows.
    residual : (R,) array
    directions : (C', R) array
        Orthonormal rows that span the derivatives of the residual.
    jacobian : (C, R) array
        The derivatives.
    serial : SerialCorrelation
        As measured.
    rng : Generator

    Returns
    -------
    ResidualChecks
    """
    known = not np.isnan(serial.coefficient)
    statistic = {
        "error_order": float(serial.order) if known else np.nan,
        "p_autocorrelation": serial.p_value,
        "p_unit_root": unit_root(space, residual, directions, serial, rng),
        **dict.fromkeys(("p_size_firms", "p_size_time", "p_break", "break_period"), np.nan),
    }
    if len(space.row) < _PERIODS or not known:
        return ResidualChecks(statistic)
    white = _Whitened(space, residual, directions, jacobian, serial)
    if white.degrees < _PERIODS:
        return ResidualChecks(statistic)
    statistic["p_size_firms"], statistic["p_size_time"] = _sizes(white)
    statistic["p_break"], statistic["break_period"] = _break(white, rng)
    return ResidualChecks(statistic)


class _Whitened:
    """Residuals and derivatives with the autoregression taken out, by rows (R,) and firms (S, N)."""

    def __init__(
        self,
        space: ResidualSpace,
        residual: Vector,
        directions: Matrix,
        jacobian: Matrix,
        serial: SerialCorrelation,
    ) -> None:
        self.space = space
        rows = np.vstack([residual[None], directions, jacobian])
        if any(serial.coefficients):
            rows = space.to_rows(without_correlation(space.to_firms(rows), serial))
        count = len(directions)
        self.jacobian = rows[1 + count :]
        # Of beliefs, directions are shorter than one; their lengths say how far the fit could follow.
        length = np.linalg.norm(directions, axis=1)
        basis = np.linalg.qr(rows[1 : 1 + count].T)[0].T
        self.basis = basis if np.allclose(length, 1.0) else directions
        self.rows = rows[0] - (rows[0] @ self.basis.T) @ self.basis
        self.degrees = float(residual.size - count)

    def sizes(self) -> tuple[Matrix, NDArray[np.bool_]]:
        """Absolute errors of firms (S, N) on one scale, and which of them are known."""
        firms, taken = self.space.to_firms(self.rows), self.space.to_firms(self.basis)
        active = self.space.active & (self.space.active.sum(axis=1) > 1)[:, None]
        present = np.maximum(active.sum(axis=1, keepdims=True), 2)
        room = 1.0 - 1.0 / present
        left = room - np.sum(taken**2, axis=0)
        known = active & (left > (1.0 - _TAKEN) * room)
        return np.where(known, np.abs(firms) / np.sqrt(np.where(known, left, 1.0)), 0.0), known


def _sizes(white: _Whitened) -> tuple[float, float]:
    """p-values that errors are of one size in all firms, and at all times."""
    size, known = white.sizes()
    count = known.sum(axis=1)
    mean = size.sum(axis=1) / np.maximum(count, 1)
    apart = np.where(known, size - mean[:, None], 0.0)[count > 1]
    apart = apart[:, np.any(apart != 0.0, axis=0)]
    over_time = mean[count > 1]
    return _equal_means(apart), _constant(over_time)


def _equal_means(apart: Matrix) -> float:
    """p-value of Hotelling's T² that deviations (S, N), which sum to zero in each period, have mean zero."""
    periods, free = apart.shape[0], apart.shape[1] - 1
    if free < 1 or periods < 2 * free + _PERIODS:
        return np.nan
    # One column follows from the others.
    sample = apart[:, :-1]
    mean, covariance = sample.mean(axis=0), np.cov(sample, rowvar=False).reshape(free, free)
    if np.linalg.cond(covariance) > 1e10:
        return np.nan
    square = periods * float(mean @ np.linalg.solve(covariance, mean))
    value = (periods - free) / (free * (periods - 1.0)) * square
    return float(special.fdtrc(free, periods - free, value))


def _constant(mean: Vector) -> float:
    """p-value of the F test that means (S,) follow no slow waves over time."""
    periods = mean.size
    if periods < _PERIODS:
        return np.nan
    waves = _WAVES if periods >= 2 * _PERIODS else _WAVES // 2
    angle = np.pi * (np.arange(periods) + 0.5) / periods
    design = np.sqrt(2.0 / periods) * np.cos(np.outer(np.arange(1, waves + 1), angle))
    centred = mean - mean.mean()
    explained = float(np.sum((design @ centred) ** 2))
    total = float(centred @ centred)
    if total <= 0.0:
        return np.nan
    free = periods - 1.0 - waves
    value = explained / waves / max((total - explained) / free, np.finfo(float).tiny)
    return float(special.fdtrc(waves, free, value))


def _break(white: _Whitened, rng: np.random.Generator) -> tuple[float, float]:
    """p-value that no parameter changes, and the number of periods before the change."""
    space, length = white.space, len(white.space.row)
    inside = slice(int(np.ceil(_TRIM * length)) - 1, int(np.floor((1.0 - _TRIM) * length)))
    derivative = space.by_period(white.jacobian)
    # Of a coefficient that changes after t: the derivatives up to t, and what the others cannot follow.
    own = np.cumsum(np.sum(derivative**2, axis=2), axis=1)
    basis = space.by_period(white.basis)
    followed = np.cumsum(np.matmul(basis.transpose(1, 0, 2), derivative.transpose(1, 2, 0)), axis=0)
    left = own - np.sum(followed**2, axis=1).T
    seen = (left > _FOLLOWED * np.maximum(own[:, -1:], np.finfo(float).tiny))[:, inside]
    if not seen.any():
        return np.nan, np.nan
    scale = np.where(seen, 1.0 / np.sqrt(np.where(seen, left[:, inside], 1.0)), 0.0)
    # The rows themselves come first; they are free of the basis.
    sign = np.vstack([np.ones(length), rng.choice([-1.0, 1.0], (_FLIPS, length))])
    rows = space.by_period(white.rows)
    # Flipped rows are freed of the basis, too: their scores, sums of those of the rows, lose what their part
    # along the basis adds up to each period.
    along = sign @ np.einsum("csk,sk->sc", basis, rows)
    along[0] = 0.0
    of_rows = np.einsum("csk,sk->sc", derivative, rows)
    score = np.cumsum(sign.T[:, :, np.newaxis] * of_rows[:, np.newaxis, :], axis=0)[inside]
    score -= along @ followed[inside]
    square = white.rows @ white.rows - 2.0 * np.vecdot(along, along)
    square += np.vecdot(along, along @ (white.basis @ white.basis.T))
    size = np.abs(score, out=score)
    size *= scale.T[:, np.newaxis, :]
    largest = size.max(axis=(0, 2)) / np.sqrt(square)
    p = float((1 + np.sum(largest[1:] >= largest[0])) / (_FLIPS + 1))
    return p, float(inside.start + 1 + int(np.argmax(size[:, 0].max(axis=1))))
