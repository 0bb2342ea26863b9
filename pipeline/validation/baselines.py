"""Yardsticks: simple predictions of shares and their distribution, fitted on the same periods as the models.

A firm that was not there in the periods fitted is taken at the share it enters with, as the models take it.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.models.effort_paths import with_efforts
from pipeline.models.predictive import PredictiveDistribution, error_covariance
from pipeline.panel.market import MarketArrays
from pipeline.validation.boosting import Booster, boost_one_market, train_booster
from pipeline.validation.lagged_attraction import lagged_attraction
from pipeline.validation.log_shares import (
    Estimate,
    centre,
    centre_over,
    close_levels,
    column_mean,
    elapsed,
    last_known,
    log_share,
)
from pipeline.validation.smoothing import smooth


def predict_shares(name: str, market: MarketArrays, n_train: int) -> Matrix:
    """Predict the shares of all periods by a baseline fitted on the first ``n_train``.

    Parameters
    ----------
    name : str
        A key of `BASELINES`.
    market : MarketArrays
        Data of T periods and N firms; of the shares after ``n_train`` only those with which firms
        enter are used.
    n_train : int
        Periods to fit on, at least 1.

    Returns
    -------
    (T, N) array
        Shares, summing to 1 over the firms present; nan for absent ones.
    """
    return close_levels(BASELINES[name](market, n_train).level, market)


def predict(
    name: str,
    market: MarketArrays,
    n_train: int,
    courses: NDArray[np.float64] | None = None,
    booster: Booster | None = None,
) -> PredictiveDistribution:
    """Predict the distribution of shares in the periods after ``n_train``; takes what `predict_shares` does.

    Parameters
    ----------
    name, market, n_train
        As in `predict_shares`.
    courses : (D, K, H, N) array, optional
        Courses that the efforts of these periods may take, in place of those of the market.
    booster : Booster, optional
        What a baseline of `POOLED` learned from all markets; without it, it learns from this one alone.

    Returns
    -------
    PredictiveDistribution
        With the sales of the market as ``market`` has them, unless the baseline forecasts sales itself.
    """
    estimate = BASELINES[name](market, n_train) if booster is None else booster.estimate(market, n_train)
    total = market.total_sales[n_train:] if estimate.total_sales is None else estimate.total_sales
    covariance = estimate.growth[:, None, None] * estimate.covariance
    predicted = PredictiveDistribution(close_levels(estimate.level, market)[n_train:], covariance, total)
    if courses is None or estimate.respond is None:
        return predicted
    levels = [estimate.respond(with_efforts(market, n_train, course).efforts) for course in courses]
    return predicted.over(np.array([close_levels(level, market)[n_train:] for level in levels]))


def last_share(market: MarketArrays, n_train: int) -> Estimate:
    """No change: each firm keeps the share it had last; log-ratios walk at random."""
    log = log_share(market, n_train)
    level = np.tile(last_known(log), (market.share.shape[0], 1))
    return Estimate(level, error_covariance(centre(np.diff(log, axis=0))), elapsed(market, n_train))


def mean_share(market: MarketArrays, n_train: int) -> Estimate:
    """Geometric mean of each firm's shares; log-ratios scatter around it."""
    log = log_share(market, n_train)
    mean = column_mean(log)
    growth = np.full(market.share.shape[0] - n_train, 1.0 + 1.0 / n_train)
    level = np.tile(mean, (market.share.shape[0], 1))
    return Estimate(level, error_covariance(centre(log - mean)), growth)


def exponential_smoothing(market: MarketArrays, n_train: int) -> Estimate:
    """Smooth log-ratios exponentially, with one weight for the market; see `smooth`."""
    smoothed = smooth(log_share(market, n_train))
    ahead = np.arange(market.share.shape[0] - n_train)
    level = np.tile(smoothed.level, (market.share.shape[0], 1))
    return Estimate(level, error_covariance(smoothed.errors), 1.0 + ahead * smoothed.weight**2)


def static_attraction(market: MarketArrays, n_train: int) -> Estimate:
    """Attraction (MNL) model without inertia: log-ratios on firm constants and efforts, by least squares.

    Source: Nakanishi & Cooper (1974), Journal of Marketing Research 11, 303-311.
    """
    return _attraction(market, n_train, lambda efforts: efforts)


def multiplicative_interaction(market: MarketArrays, n_train: int) -> Estimate:
    """Attraction (MCI) model: as MNL, on the logarithms of the efforts that are positive throughout."""
    efforts = np.where(market.active, market.efforts, 1.0)
    positive = (efforts > 0.0).all(axis=(1, 2), keepdims=True)

    def logarithms(efforts: Cube) -> Cube:
        return np.where(positive, np.log(np.where(positive & market.active, efforts, 1.0)), efforts)

    return _attraction(market, n_train, logarithms)


def geometric_brownian(market: MarketArrays, n_train: int) -> Estimate:
    """Geometric Brownian motion of each firm's sales, drift and volatility by maximum likelihood: medians.

    The stochastic model dS = B dt + C dW of the literature, with B and C proportional to S: log sales grow by
    ``drift · Δ`` in a period, with a Gaussian error of variance ``volatility² · Δ``, independently by firm.
    """
    log = log_share(market, n_train) + np.log(market.total_sales[:n_train, np.newaxis])
    time = np.cumsum(market.duration) - market.duration[0]
    level = np.full(market.share.shape, np.nan)
    variance = np.full(log.shape[1], np.nan)
    for firm in range(log.shape[1]):
        seen = np.flatnonzero(~np.isnan(log[:, firm]))
        if seen.size:
            drift, variance[firm] = brownian_motion(time[seen], log[seen, firm])
            last = seen[-1]
            level[:, firm] = log[last, firm] + drift * (time - time[last])
    # A firm that has been seen once or twice has no volatility of its own.
    variance = np.where(np.isnan(variance), np.nanmean(variance) if (variance >= 0).any() else 0.0, variance)
    sales = np.where(market.active & ~np.isnan(level), np.exp(level), 0.0).sum(axis=1)[n_train:]
    # A firm that enters later is given by its share, so levels have to be on the scale of shares.
    level = level - np.log(market.total_sales[n_train - 1])
    return Estimate(level, np.diag(variance), elapsed(market, n_train), sales)


def brownian_motion(time: Vector, log_sales: Vector) -> tuple[float, float]:
    """Drift and squared volatility of log sales by maximum likelihood, from (n,) observations in time order.

    Returns
    -------
    drift : float
        Per period; 0 from a single observation.
    variance : float
        Per period, divided by the n - 1 increments as maximum likelihood does; nan from fewer than three
        observations: of two, the drift leaves no error.
    """
    if time.size < 2:
        return 0.0, np.nan
    # Increments are independent and normal, so the likelihood of the drift sees only the two ends.
    drift = float((log_sales[-1] - log_sales[0]) / (time[-1] - time[0]))
    if time.size < 3:
        return drift, np.nan
    elapsed = np.diff(time)
    return drift, float(np.mean((np.diff(log_sales) - drift * elapsed) ** 2 / elapsed))


BASELINES: Mapping[str, Callable[[MarketArrays, int], Estimate]] = {
    "last": last_share,
    "mean": mean_share,
    "smoothing": exponential_smoothing,
    "attraction": static_attraction,
    "mci": multiplicative_interaction,
    "wiener": geometric_brownian,
    "attraction_lagged": lagged_attraction,
    "boosting": boost_one_market,
}
"""All yardsticks by the names that studies use."""

POOLED: Mapping[str, Callable[[Sequence[tuple[MarketArrays, int]]], Booster]] = {"boosting": train_booster}
"""Those that learn from all markets together: from pairs of a market and its number of periods to fit on."""


def _attraction(market: MarketArrays, n_train: int, transform: Callable[[Cube], Cube]) -> Estimate:
    constants = np.eye(market.share.shape[1])[:, np.newaxis, :] * np.ones((market.share.shape[0], 1))
    constants = centre_over(constants, market.active)

    def design_of(efforts: Cube) -> Cube:
        inputs = np.where(market.active, transform(efforts), 0.0)
        return np.concatenate([constants, centre_over(inputs, market.active)])

    design = design_of(market.efforts)
    fitted = market.active[:n_train] & (market.share[:n_train] > 0.0)
    log = np.log(np.where(fitted, market.share[:n_train], 1.0))
    target = centre_over(log[np.newaxis], fitted)[0]
    rows = design[:, :n_train][:, fitted].T
    coefficients = np.linalg.lstsq(rows, target[fitted], rcond=None)[0]
    learned = fitted.any(axis=0)

    def closed(level: Matrix) -> Matrix:
        # A firm that enters later is given by its share, so levels have to be on the scale of shares.
        total = np.where(market.active & learned, np.exp(level), 0.0).sum(axis=1, keepdims=True)
        return np.where(learned, level - np.log(total), np.nan)

    def respond(efforts: Cube) -> Matrix:
        return closed(np.tensordot(coefficients, design_of(efforts), axes=1))

    level = np.tensordot(coefficients, design, axes=1)
    errors = centre(np.where(fitted, target - level[:n_train], np.nan))
    growth = np.ones(market.share.shape[0] - n_train)
    return Estimate(closed(level), error_covariance(errors), growth, respond=respond)
