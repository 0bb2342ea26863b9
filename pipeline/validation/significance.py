"""Is one forecast better than another by more than chance: in one market over time, and over many markets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr

from kernels.numeric.arrays import Floats, Vector

_RESAMPLES = 10_000
_SEED = 20230518
# From so many markets on the mean is as good as normal, and drawing ten thousand samples of them takes
# minutes: the skewness of errors moves the ends of an interval less than the draws themselves do.
_AS_GOOD_AS_NORMAL = 20_000


@dataclass(frozen=True, slots=True)
class DieboldMariano:
    """Tests of equal accuracy.

    Attributes
    ----------
    mean : (...) array
        Of the difference in loss; negative when the first forecast is better.
    statistic : (...) array
        With the correction for small samples; nan when it does not exist.
    p : (...) array
        Two-sided, from Student's t.
    n : (...) array of int
        Periods compared.
    """

    mean: Floats
    statistic: Floats
    p: Floats
    n: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairedBootstrap:
    """A mean difference over markets: 95 % interval from resampled markets, and two-sided p-value."""

    mean: float
    low: float
    high: float
    p: float
    n: int


def diebold_mariano(difference: Floats, horizon: int = 1) -> DieboldMariano:
    """Test whether a difference in loss has mean 0.

    Parameters
    ----------
    difference : (..., n) array
        Loss of one forecast less that of another, in the order of time; nan is left out. Every row is a test
        of its own.
    horizon : int
        Periods ahead h: errors of such forecasts overlap, so h - 1 autocovariances count.

    Returns
    -------
    DieboldMariano
        Of arrays with the shape of all axes but the last.

    Notes
    -----
    Sources: Diebold & Mariano (1995), J. Business & Economic Statistics 13, 253-263; the factor
    ``sqrt((n + 1 - 2h + h(h-1)/n) / n)`` and Student's t are those of Harvey, Leybourne & Newbold (1997),
    Int. J. Forecasting 13, 281-291. Bartlett weights are used where their sum
    is not positive.
    """
    known = ~np.isnan(difference)
    n = known.sum(axis=-1)
    some = np.maximum(n, 1)
    mean = np.where(n > 0, np.where(known, difference, 0.0).sum(axis=-1) / some, np.nan)
    # What is known comes first, in the order of time, and zeros after it.
    order = np.argsort(~known, axis=-1, kind="stable")
    centred = np.where(known, difference - mean[..., None], 0.0)
    centred = np.take_along_axis(centred, order, axis=-1)
    reach = np.minimum(max(horizon, 1), np.maximum(n - 1, 1))
    factor = (n + 1 - 2 * reach + reach * (reach - 1) / some) / some
    lags = np.arange(1, int(reach.max(initial=1)))
    covariance = [(centred[..., lag:] * centred[..., :-lag]).sum(axis=-1) for lag in lags.tolist()]
    covariance = np.moveaxis(np.array(covariance).reshape(len(lags), *n.shape), 0, -1) / some[..., None]
    covariance[lags >= reach[..., None]] = 0.0
    at_zero = (centred**2).sum(axis=-1) / some
    variance = at_zero + 2.0 * covariance.sum(axis=-1)
    bartlett = at_zero + 2.0 * ((1.0 - lags / reach[..., None]) * covariance).sum(axis=-1)
    variance = np.where(variance > 0.0, variance, bartlett)
    enough = (n >= 3) & (factor > 0.0)
    exists = enough & (variance > 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = np.where(exists, mean / np.sqrt(variance / some) * np.sqrt(factor), np.nan)
    p = 2.0 * stdtr(np.maximum(n - 1, 1), -np.abs(statistic))
    # Two forecasts that never differ; nothing can be said where they always do by the same.
    p = np.where(enough & ~exists & (mean == 0.0), 1.0, p)
    return DieboldMariano(mean[()], statistic[()], p[()], n[()])


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
