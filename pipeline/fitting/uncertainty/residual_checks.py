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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kernels.numeric.arrays import Cube, Matrix, Vector
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
# Of squares of lengths: directions shorter by more than this part are partly those of beliefs.
_SHORTER = 2e-5
# Deviations of sizes from their mean that are smaller than this part of it are none.
_ROUNDING = 1e-12
# Numbers that are worked on at a time, of rows and of scores: more of them leave the cache of a core.
_AT_ONCE = 1 << 18
_SCORES = 1 << 16
# Periods whose scores are computed together: the periods before them count for all, those after for none.
_BLOCK = 12
# The tests of whitened residuals, in the order in which they are found.
_WHITENED = ("p_size_firms", "p_size_time", "p_break", "break_period")


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
    one = (residual[np.newaxis], directions[np.newaxis], np.array([len(directions)]), jacobian[np.newaxis])
    return check_residuals_together(space, *one, [serial], [rng])[0]


def check_residuals_together(
    space: ResidualSpace,
    residual: Matrix,
    directions: Cube,
    counts: NDArray[np.int64],
    jacobian: Cube,
    serials: Sequence[SerialCorrelation],
    rngs: Sequence[np.random.Generator],
) -> list[ResidualChecks]:
    """Test the residuals of B fits of one layout.

    Parameters
    ----------
    space : ResidualSpace
        Layout of the R rows of every fit.
    residual : (B, R) array
    directions : (B, C', R) array
        Of each fit, orthonormal rows that span the derivatives of its residual, and then rows of zeros.
    counts : (B,) array of int
        How many rows are no zeros.
    jacobian : (B, C, R) array
        The derivatives.
    serials : sequence of SerialCorrelation
        As measured.
    rngs : sequence of Generator
        Each fit's own: what it draws does not depend on the others.

    Returns
    -------
    list of ResidualChecks
        One for every fit.
    """
    counts = np.asarray(counts)
    known = ~np.isnan([serial.coefficient for serial in serials])
    found = [
        {
            "error_order": float(serial.order) if measured else np.nan,
            "p_autocorrelation": serial.p_value,
            "p_unit_root": unit_root(space, residual[fit], directions[fit, : counts[fit]], serial, rngs[fit]),
            **dict.fromkeys(_WHITENED, np.nan),
        }
        for fit, (serial, measured) in enumerate(zip(serials, known, strict=True))
    ]
    if len(space.row) >= _PERIODS:
        enough = np.flatnonzero(known & (residual.shape[1] - counts >= _PERIODS))
        # Those of one order together: the second one costs twice as much to take out.
        second = np.array([serial.partial != 0.0 for serial in serials])
        enough = enough[np.argsort(second[enough], kind="stable")]
        size = (1 + directions.shape[1] + jacobian.shape[1]) * residual.shape[1]
        step = max(_AT_ONCE // max(size, 1), 1)
        for start in range(0, enough.size, step):
            part = enough[start : start + step]
            chosen = [serials[fit] for fit in part]
            white = _Whitened(space, residual[part], directions[part], counts[part], jacobian[part], chosen)
            tests = np.stack([*_sizes(white), *_break(white, [rngs[fit] for fit in part])], axis=1)
            for fit, values in zip(part, tests.tolist(), strict=True):
                found[fit].update(zip(_WHITENED, values, strict=True))
    return [ResidualChecks(statistic) for statistic in found]


class _Whitened:
    """Residuals and derivatives of B fits with the autoregression taken out, by rows."""

    def __init__(
        self,
        space: ResidualSpace,
        residual: Matrix,
        directions: Cube,
        counts: NDArray[np.int64],
        jacobian: Cube,
        serials: Sequence[SerialCorrelation],
    ) -> None:
        self.space = space
        series = space.over_time(np.concatenate([residual[:, np.newaxis], directions, jacobian], axis=1))
        measured = np.array([(serial.correlation, serial.partial) for serial in serials])
        rows = space.from_over_time(without_correlation(series, measured[:, :1], measured[:, 1:]))
        columns = directions.shape[1]
        self.jacobian = rows[:, 1 + columns :]
        self.basis = _orthonormal(rows[:, 1 : 1 + columns], directions, counts)
        self.gram = self.basis @ self.basis.swapaxes(1, 2)
        along = np.matvec(self.basis, rows[:, 0])
        self.rows = rows[:, 0] - np.vecmat(along, self.basis)

    def sizes(self) -> tuple[Cube, NDArray[np.bool_]]:
        """Absolute errors of firms (B, S, N) on one scale, and which of them are known."""
        firms, taken = self.space.to_firms(self.rows), self.space.to_firms(self.basis)
        active = self.space.active & (self.space.active.sum(axis=1) > 1)[:, None]
        present = np.maximum(active.sum(axis=1, keepdims=True), 2)
        room = 1.0 - 1.0 / present
        left = room - np.sum(taken**2, axis=1)
        known = active & (left > (1.0 - _TAKEN) * room)
        return np.where(known, np.abs(firms) / np.sqrt(np.where(known, left, 1.0)), 0.0), known


def _orthonormal(rows: Cube, directions: Cube, counts: NDArray[np.int64]) -> Cube:
    """Orthonormal rows with the span of whitened directions (B, C, R); rows of zeros stay."""
    # Of beliefs, directions are shorter than one; their lengths say how far the fit could follow.
    columns = rows.shape[1]
    square = np.vecdot(directions, directions)
    none = np.arange(columns) >= counts[:, np.newaxis]
    believed = np.any((np.abs(square - 1.0) > _SHORTER) & ~none, axis=1)
    # By Cholesky's factor: directions were orthonormal, so that whitening leaves them far from dependent.
    product = rows @ rows.swapaxes(1, 2)
    product[believed] = np.eye(columns)
    product[:, np.arange(columns), np.arange(columns)] += none
    basis: Cube = np.linalg.inv(np.linalg.cholesky(product)) @ rows
    basis[believed] = directions[believed]
    return basis


def _sizes(white: _Whitened) -> tuple[Vector, Vector]:
    """p-values (B,) that errors are of one size in all firms, and at all times."""
    size, known = white.sizes()
    count = known.sum(axis=2)
    mean = size.sum(axis=2) / np.maximum(count, 1)
    compared = count > 1
    apart = np.where(known & compared[..., np.newaxis], size - mean[..., np.newaxis], 0.0)
    # Two firms are always as far off as each other: what is left there is rounding.
    apart[np.abs(apart) <= _ROUNDING * mean[..., np.newaxis]] = 0.0
    return _equal_means(apart, compared), _constant(mean, compared)


def _equal_means(apart: Cube, compared: NDArray[np.bool_]) -> Vector:
    """p-values (B,) of Hotelling's T² that deviations (B, S, N) have mean zero; in a period they sum to zero.

    Of the periods of each fit those count that are ``compared`` (B, S); in the others deviations are 0.
    """
    seen = np.any(apart != 0.0, axis=1)
    # One column follows from the others.
    last = seen.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    seen[np.arange(len(seen)), last] = False
    periods, free = compared.sum(axis=1), seen.sum(axis=1)
    p = np.full(len(apart), np.nan)
    fits = np.flatnonzero((free >= 1) & (periods >= 2 * free + _PERIODS))
    if fits.size == 0:
        return p
    periods, free, seen = periods[fits], free[fits], seen[fits]
    sample = apart[fits] * seen[:, np.newaxis]
    mean = sample.sum(axis=1) / periods[:, np.newaxis]
    sample -= mean[:, np.newaxis]
    sample *= compared[fits][..., np.newaxis]
    covariance = sample.swapaxes(1, 2) @ sample / (periods - 1.0)[:, np.newaxis, np.newaxis]
    # What is not looked at gets the mean variance, which is none of the smallest or largest.
    diagonal = np.arange(seen.shape[1])
    usual = np.trace(covariance, axis1=1, axis2=2) / free
    covariance[:, diagonal, diagonal] += np.where(seen, 0.0, usual[:, np.newaxis])
    spread, turned = np.linalg.eigh(covariance)
    smallest, largest = np.abs(spread).min(axis=1), np.abs(spread).max(axis=1)
    sound = largest <= 1e10 * smallest
    scaled = np.vecmat(mean, turned) ** 2 / np.where(sound[:, np.newaxis], spread, 1.0)
    value = (periods - free) / (free * (periods - 1.0)) * periods * scaled.sum(axis=1)
    p[fits] = np.where(sound, special.fdtrc(free, periods - free, np.maximum(value, 0.0)), np.nan)
    return p


def _constant(mean: Matrix, compared: NDArray[np.bool_]) -> Vector:
    """p-values (B,) of the F test that means (B, S) of the periods compared follow no slow waves."""
    periods = compared.sum(axis=1)
    waves = np.where(periods >= 2 * _PERIODS, _WAVES, _WAVES // 2)
    centre = np.where(compared, mean, 0.0).sum(axis=1) / np.maximum(periods, 1)
    centred = np.where(compared, mean - centre[:, np.newaxis], 0.0)
    # Fits that compare the same periods have the same waves.
    alike = compared[:1] if np.all(compared == compared[0]) else compared
    length = np.maximum(alike.sum(axis=1, keepdims=True), 1)
    angle = np.pi * (np.cumsum(alike, axis=1) - 0.5) / length
    wave = np.arange(1, _WAVES + 1)[:, np.newaxis]
    design = np.sqrt(2.0 / length)[..., np.newaxis] * np.cos(wave * angle[:, np.newaxis])
    along = np.matvec(design, centred) ** 2
    explained = np.sum(along * (wave[:, 0] <= waves[:, np.newaxis]), axis=1)
    total = np.vecdot(centred, centred)
    free = periods - 1.0 - waves
    sound = (periods >= _PERIODS) & (total > 0.0)
    left = np.maximum((total - explained) / np.maximum(free, 1.0), np.finfo(float).tiny)
    value = np.where(sound, explained / waves / left, 0.0)
    return np.where(sound, special.fdtrc(waves, np.maximum(free, 1.0), value), np.nan)


def _break(white: _Whitened, rngs: Sequence[np.random.Generator]) -> tuple[Vector, Vector]:
    """p-values (B,) that no parameter changes, and the numbers of periods before the change."""
    p, period = np.full(len(rngs), np.nan), np.full(len(rngs), np.nan)
    space, length = white.space, len(white.space.row)
    inside = slice(int(np.ceil(_TRIM * length)) - 1, int(np.floor((1.0 - _TRIM) * length)))
    derivative, basis = space.by_period(white.jacobian), space.by_period(white.basis)
    # Of a coefficient that changes after t: the derivatives up to t, and what the others cannot follow.
    own = np.cumsum(np.vecdot(derivative, derivative), axis=2)
    followed = derivative.transpose(0, 2, 1, 3) @ basis.transpose(0, 2, 3, 1)
    for after in range(1, inside.stop):
        followed[:, after] += followed[:, after - 1]
    followed = followed[:, inside]
    left = own[:, :, inside].swapaxes(1, 2) - np.vecdot(followed, followed)
    seen = left > _FOLLOWED * np.maximum(own[:, np.newaxis, :, -1], np.finfo(float).tiny)
    scale = np.where(seen, 1.0 / np.sqrt(np.where(seen, left, 1.0)), 0.0)
    rows = space.by_period(white.rows)[:, np.newaxis]
    along, of_rows = np.vecdot(basis, rows), np.vecdot(derivative, rows)
    size = max(_BLOCK * scale.shape[2], length) * (1 + _FLIPS)
    step = max(_SCORES // size, 1)
    for start in range(0, len(p), step):
        fits = slice(start, start + step)
        sign = _signs(length, rngs[fits])
        # Flipped rows are freed of the basis, too, and are shorter than the rows by what was along it. The
        # rows themselves, which come first, are free of it.
        lost = along[fits] @ sign
        lost[..., 0] = 0.0
        square = np.vecdot(white.rows[fits], white.rows[fits])[:, np.newaxis] - 2.0 * np.sum(lost**2, axis=1)
        square += np.sum(lost * (white.gram[fits] @ lost), axis=1)
        largest, of_fit = _largest(of_rows[fits], sign, followed[fits], lost, scale[fits], inside.start)
        largest /= np.sqrt(square)
        p[fits] = (1.0 + np.sum(largest[:, 1:] >= largest[:, :1], axis=1)) / (1.0 + _FLIPS)
        period[fits] = inside.start + 1.0 + np.argmax(of_fit, axis=1)
    looked = np.any(seen, axis=(1, 2))
    return np.where(looked, p, np.nan), np.where(looked, period, np.nan)


def _signs(length: int, rngs: Sequence[np.random.Generator]) -> Cube:
    """Signs (B, S, 1 + flips) of periods: ones, and then flips."""
    sign = np.ones((len(rngs), length, 1 + _FLIPS))
    for fit, rng in enumerate(rngs):
        bits = rng.integers(0, 1 << 32, (_FLIPS, length), dtype=np.uint32).view(np.int32)
        # The first of the bits, which is that of the sign, makes all others.
        sign[fit, :, 1:] = (bits >> 31 | 1).T
    return sign


def _largest(
    of_rows: Cube, sign: Cube, followed: NDArray[np.float64], lost: Cube, scale: Cube, begin: int
) -> tuple[Matrix, Matrix]:
    """Largest absolute scores (B, 1 + flips), and those of the fit itself by period of the change (B, I).

    Scores are sums up to a period of those of the rows, with the signs of periods, less what is lost along
    the basis.

    Parameters
    ----------
    of_rows : (B, C', S) array
        Scores of the rows by period.
    sign : (B, S, 1 + flips) array
    followed : (B, I, C', C) array
        What the basis follows up to each of I periods.
    lost : (B, C, 1 + flips) array
        What flipped rows have along the basis.
    scale : (B, I, C') array
    begin : int
        The first of the I periods.
    """
    count, periods, parameters, columns = followed.shape
    flips, longest = sign.shape[2], min(_BLOCK, periods)
    largest, of_fit = np.zeros((count, longest, parameters, flips)), np.empty((count, periods))
    # Block after block: what came before, and, by one product, what is lost and the signs in the block.
    before = (of_rows[..., :begin] @ sign[:, :begin])[:, np.newaxis]
    right = np.concatenate([-lost, sign[:, :longest]], axis=1)
    weight = np.empty((count, longest, parameters, columns + longest))
    until = np.tri(longest)[:, np.newaxis]
    score = np.empty_like(largest)
    for first in range(0, periods, longest):
        length = min(longest, periods - first)
        block, here = slice(first, first + length), slice(begin + first, begin + first + length)
        now, used = score[:, :length], columns + length
        right[:, columns:used] = sign[:, here]
        weight[:, :length, :, :columns] = followed[:, block]
        np.multiply(
            of_rows[:, np.newaxis, :, here],
            until[:length, :, :length],
            out=weight[:, :length, :, columns:used],
        )
        rows = weight.reshape(count, -1, weight.shape[3])[:, : length * parameters, :used]
        np.matmul(rows, right[:, :used], out=now.reshape(count, -1, flips))
        now += before
        now *= scale[:, block, :, np.newaxis]
        np.abs(now, out=now)
        of_fit[:, block] = now[..., 0].max(axis=2, initial=0.0)
        np.maximum(largest[:, :length], now, out=largest[:, :length])
        before += (of_rows[..., here] @ sign[:, here])[:, np.newaxis]
    return largest.max(axis=(1, 2), initial=0.0), of_fit
