"""What baselines share: log shares of a market, centring over the firms present, and closing to shares."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.panel.market import MarketArrays


@dataclass(frozen=True)
class Estimate:
    """What a baseline learned.

    Attributes
    ----------
    level : (T, N) array
        Logarithm of shares in all periods up to a common term; nan where nothing is known of a firm.
    covariance : (N, N) or (H, N, N) array
        Of its errors in log shares, for all periods ahead or for each.
    growth : (H,) array
        By how much that covariance is larger in each of the periods ahead.
    total_sales : (H,) array or None
        Sales of the market that it forecasts itself, currency per period.
    respond : callable or None
        Gives ``level`` under other efforts (K, T, N) of all periods; None where efforts do not enter.
    """

    level: Matrix
    covariance: NDArray[np.float64]
    growth: Vector
    total_sales: Vector | None = None
    respond: Callable[[Cube], Matrix] | None = None


def close_levels(level: Matrix, market: MarketArrays) -> Matrix:
    """Turn levels (T, N) into shares that sum to 1 over the firms present; nan for absent ones."""
    level = np.where(np.isnan(level), entry_level(market), level)
    level = np.where(market.active, level, -np.inf)
    weight = np.exp(level - level.max(axis=1, keepdims=True))
    return np.where(market.active, weight / weight.sum(axis=1, keepdims=True), np.nan)


def elapsed(market: MarketArrays, n_train: int) -> Vector:
    """Time from the last fitted period to each of those ahead, in periods."""
    return np.cumsum(market.duration[n_train:])


def log_share(market: MarketArrays, n_train: int) -> Matrix:
    """Logarithms of the shares of the first periods; nan for absent firms and for those without sales."""
    share = market.share[:n_train]
    known = market.active[:n_train] & (share > 0.0)
    return np.where(known, np.log(np.where(known, share, 1.0)), np.nan)


def last_known(values: Matrix) -> Vector:
    """Last value of each column that is known."""
    known = ~np.isnan(values)
    last = values.shape[0] - 1 - np.argmax(known[::-1], axis=0)
    return np.where(known.any(axis=0), values[last, np.arange(values.shape[1])], np.nan)


def column_mean(values: Matrix) -> Vector:
    """Mean of what is known in each column; nan where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def entry_level(market: MarketArrays) -> Matrix:
    """Logarithm of the share with which each firm enters, in every period; of none for no sales."""
    first = np.argmax(market.active, axis=0)
    entry = market.share[first, np.arange(first.size)]
    return np.tile(np.log(np.maximum(np.nan_to_num(entry), np.finfo(float).tiny)), (market.share.shape[0], 1))


def centre(values: Matrix) -> Matrix:
    """Subtract from each row the mean of what is known in it; nan stays."""
    return values - column_mean(values.T)[:, np.newaxis]


def centre_over(values: Matrix, active: NDArray[np.bool_]) -> Matrix:
    """Subtract the mean over the firms present in each period; ``values`` is (..., T, N)."""
    count = np.maximum(active.sum(axis=1, keepdims=True), 1)
    kept = np.where(active, values, 0.0)
    return np.where(active, kept - kept.sum(axis=-1, keepdims=True) / count, 0.0)
