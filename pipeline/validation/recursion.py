"""Forecasts that feed on themselves, one step after another from the last observed shares."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Matrix
from pipeline.models.predictive import error_covariance
from pipeline.panel.market import MarketArrays
from pipeline.validation.log_shares import Estimate, centre, log_share

OneStep = Callable[[int, NDArray[np.float64]], NDArray[np.float64]]
"""``(period, log shares (B, 2, N) one and two periods before) -> (B, N)`` log shares up to a common term, nan
for firms of which nothing was learned. Those before are centred over the firms that were there, nan for
others."""

NO_PATHS = 2
"""The fewest that can be simulated: for the forecast alone, without how its errors grow."""
_SEED = 20230518
# Below this share a firm is as good as gone; its logarithm stays a number.
_SMALLEST = 1e-12


def forecast_recursively(
    market: MarketArrays, n_train: int, step: OneStep, one_step: Matrix, n_paths: int = 256
) -> Estimate:
    """Forecast on from the last fitted period, feeding every forecast to the next one.

    Parameters
    ----------
    market : MarketArrays
        Of the shares after ``n_train`` only those with which firms enter are used.
    n_train : int
        Periods fitted, at least 1.
    step : callable
        See `OneStep`.
    one_step : (N, N) array
        Covariance of its errors in log shares.
    n_paths : int
        Paths of the simulation that tells how errors grow, an even number.

    Returns
    -------
    Estimate
        With a covariance for each period ahead, simulated with fixed random numbers; levels of the fitted
        periods are the observed ones. A firm that nothing was learned of keeps its share.
    """
    n_times, n_firms = market.share.shape
    level = np.full((n_times, n_firms), np.nan)
    level[:n_train] = _filled(log_share(market, n_train), market.active[:n_train])
    # The first path is the forecast, without errors.
    paths = np.tile(level[max(n_train - 2, 0) : n_train], (1 + n_paths, 1, 1))
    if n_train == 1:
        paths = np.concatenate([np.full_like(paths, np.nan), paths], axis=1)
    random = np.random.default_rng(_SEED)
    covariance = np.zeros((n_times - n_train, n_firms, n_firms))
    for ahead, t in enumerate(range(n_train, n_times)):
        noise = _draw(random, one_step, n_paths)
        expected = step(t, np.stack([_centred(paths[:, 1]), _centred(paths[:, 0])], axis=1))
        noise = np.concatenate([np.zeros((1, n_firms)), noise])
        moved = _closed(expected, noise, paths[:, 1], market, t)
        level[t] = moved[0]
        paths = np.stack([paths[:, 1], moved], axis=1)
        covariance[ahead] = error_covariance(centre(moved[1:] - moved[0]))
    return Estimate(level, covariance, np.ones(n_times - n_train))


def _draw(random: np.random.Generator, covariance: Matrix, count: int) -> Matrix:
    """Draw errors in pairs of opposite sign, and where there are enough with exactly their covariance."""
    variance, axes = np.linalg.eigh(covariance)
    half = random.standard_normal((count // 2, len(covariance)))
    if count // 2 > 2 * len(covariance):
        half = half @ np.linalg.inv(np.linalg.cholesky(half.T @ half / len(half))).T
    drawn = np.concatenate([half, -half])
    return drawn * np.sqrt(np.maximum(variance, 0.0)) @ axes.T


def _closed(
    expected: NDArray[np.float64],
    noise: NDArray[np.float64],
    before: NDArray[np.float64],
    market: MarketArrays,
    t: int,
) -> NDArray[np.float64]:
    """Log shares (B, N) at the end of a period: entrants as observed, the others make room."""
    active = market.active[t]
    staying = active & ~np.isnan(before[0])
    entering = active & ~staying
    entry = np.where(entering, np.nan_to_num(market.share[t]), 0.0)
    room = 1.0 - entry.sum()
    known = staying & ~np.isnan(expected[0])
    held = np.where(staying & ~known, np.exp(before), 0.0)
    raised = np.where(known, expected + noise, -np.inf)
    raised = np.exp(raised - raised.max(axis=1, keepdims=True)) if known.any() else np.zeros_like(before)
    total = raised.sum(axis=1, keepdims=True)
    left = np.maximum(1.0 - held.sum(axis=1, keepdims=True), 0.0)
    share = held + (raised / total * left if known.any() else 0.0)
    if staying.any():
        share *= room / share.sum(axis=1, keepdims=True)
    share = np.where(entering, entry, share)
    return np.where(active, np.log(np.maximum(share, _SMALLEST)), np.nan)


def _filled(level: Matrix, active: NDArray[np.bool_]) -> Matrix:
    return np.where(active & np.isnan(level), np.log(_SMALLEST), level)


def _centred(level: NDArray[np.float64]) -> NDArray[np.float64]:
    # A firm without sales has no logarithm to speak of: it is unknown, and does not move the mean.
    return centre(np.where(level > np.log(2.0 * _SMALLEST), level, np.nan))


def origins_inside(n_train: int, blocks: int = 4, fewest: int = 4) -> tuple[tuple[int, int], ...]:
    """Cut the second half of the fitted periods into blocks to forecast from what is before: (start, end).

    Empty where there are too few periods to learn from before the first one.
    """
    first = max((n_train + 1) // 2, fewest)
    ends = np.unique(np.linspace(first, n_train, blocks + 1).round().astype(int))
    return tuple(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)) if first < n_train else ()
