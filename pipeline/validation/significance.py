"""Is one forecast better than another by more than chance: in one market over time, and over many markets."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr

from kernels.numeric.arrays import Vector

_RESAMPLES = 10_000
_SEED = 20230518
# From so many markets on the mean is as good as normal, and drawing ten thousand samples of them takes
# minutes: the skewness of errors moves the ends of an interval less than the draws themselves do.
_AS_GOOD_AS_NORMAL = 20_000


@dataclass(frozen=True, slots=True)
class DieboldMariano:
    """A test of equal accuracy.

    Attributes
    ----------
    mean
        Of the difference in loss; negative when the first forecast is better.
    statistic
        With the correction for small samples; nan when it does not exist.
    p
        Two-sided, from Student's t.
    n
        Periods compared.
    """

    mean: float
    statistic: float
    p: float
    n: int


@dataclass(frozen=True, slots=True)
class PairedBootstrap:
    """A mean difference over markets: 95 % interval from resampled markets, and two-sided p-value."""

    mean: float
    low: float
    high: float
    p: float
    n: int


def diebold_mariano(difference: Vector, horizon: int = 1) -> DieboldMariano:
    """Test whether a difference in loss has mean 0.

    Parameters
    ----------
    difference : (n,) array
        Loss of one forecast less that of another, in the order of time; nan is left out.
    horizon : int
        Periods ahead h: errors of such forecasts overlap, so h - 1 autocovariances count.

    Returns
    -------
    DieboldMariano

    Notes
    -----
    Sources: Diebold & Mariano (1995), J. Business & Economic Statistics 13, 253-263; the factor
    ``sqrt((n + 1 - 2h + h(h-1)/n) / n)`` and Student's t are those of Harvey, Leybourne & Newbold (1997),
    Int. J. Forecasting 13, 281-291. Bartlett weights are used where their sum
    is not positive.
    """
    known = difference[~np.isnan(difference)]
    n = known.size
    mean = float(known.mean()) if n else np.nan
    horizon = min(max(horizon, 1), max(n - 1, 1))
    factor = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n if n else 0.0
    if n < 3 or factor <= 0.0:
        return DieboldMariano(mean, np.nan, np.nan, n)
    centred = known - mean
    lags = np.arange(1, horizon)
    covariance = np.array([centred[lag:] @ centred[: n - lag] / n for lag in lags])
    variance = centred @ centred / n + 2.0 * covariance.sum()
    if variance <= 0.0:
        variance = centred @ centred / n + 2.0 * ((1.0 - lags / horizon) @ covariance)
    if variance <= 0.0:
        # Two forecasts that never differ, or always by the same.
        return DieboldMariano(mean, np.nan, 1.0 if mean == 0.0 else np.nan, n)
    statistic = float(mean / np.sqrt(variance / n) * np.sqrt(factor))
    return DieboldMariano(mean, statistic, float(2.0 * stdtr(n - 1, -abs(statistic))), n)


def paired_bootstrap(difference: Vector, resamples: int = _RESAMPLES, seed: int = _SEED) -> PairedBootstrap:
    """Resample markets, to see whether the mean difference of their errors is more than chance.

    Parameters
    ----------
    difference : (L,) array
        Error of one forecast less that of another, by market; nan is left out.
    resamples : int
        Bootstrap samples.
    seed : int
        Of the resampling: the same markets give the same answer.

    Returns
    -------
    PairedBootstrap
        Percentile interval; the p-value is twice the smaller part of resampled means on either side of 0, at
        least ``2 / (resamples + 1)``. nan with fewer than two markets. From 20,000 markets on, both are those
        of the normal distribution that resampling comes to.
    """
    known = difference[~np.isnan(difference)]
    n = known.size
    mean = float(known.mean()) if n else np.nan
    if n < 2:
        return PairedBootstrap(mean, np.nan, np.nan, np.nan, n)
    least = 2.0 / (resamples + 1.0)
    if n >= _AS_GOOD_AS_NORMAL:
        error = float(known.std()) / np.sqrt(n)
        low, high = mean + error * ndtri([0.025, 0.975])
        p = 2.0 * float(ndtr(-abs(mean) / error)) if error > 0.0 else float(mean == 0.0)
        return PairedBootstrap(mean, float(low), float(high), max(p, least), n)
    random = np.random.default_rng(seed)
    # By blocks: ten thousand samples of ten thousand markets would fill the memory.
    step = max(5_000_000 // n, 1)
    means = np.concatenate(
        [
            known[random.integers(0, n, (min(step, resamples - start), n))].mean(axis=1)
            for start in range(0, resamples, step)
        ]
    )
    low, high = np.quantile(means, (0.025, 0.975))
    below, above = np.sum(means <= 0.0), np.sum(means >= 0.0)
    p = min(least * (1.0 + min(below, above)), 1.0)
    return PairedBootstrap(mean, float(low), float(high), float(p), n)
