"""Yardsticks: simple predictions of shares and their distribution, fitted on the same periods as the models.

A firm that was not there in the periods fitted is taken at the share it enters with, as the models take it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.models.predictive import PredictiveDistribution, error_covariance
from pipeline.panel.market import MarketArrays
from pipeline.validation.smoothing import smooth


@dataclass(frozen=True)
class Estimate:
    """What a baseline learned.

    Attributes
    ----------
    level : (T, N) array
        Logarithm of shares in all periods up to a common term; nan where nothing is known of a firm.
    covariance : (N, N) array
        Of its errors in log shares.
    growth : (H,) array
        By how much that covariance is larger in each of the periods ahead.
    total_sales : (H,) array or None
        Sales of the market that it forecasts itself, currency per period.
    respond : callable or None
        Gives ``level`` under other efforts (K, T, N) of all periods; None where efforts do not enter.
    """

    level: Matrix
    covariance: Matrix
    growth: Vector
    total_sales: Vector | None = None
    respond: Callable[[Cube], Matrix] | None = None


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
    return _closed(BASELINES[name](market, n_train).level, market)


def predict(
    name: str, market: MarketArrays, n_train: int, courses: NDArray[np.float64] | None = None
) -> PredictiveDistribution:
    """Predict the distribution of shares in the periods after ``n_train``; takes what `predict_shares` does.

    Parameters
    ----------
    courses : (D, K, H, N) array, optional
        Courses that the efforts of these periods may take, in place of those of the market.

    Returns
    -------
    PredictiveDistribution
        With the sales of the market as ``market`` has them, unless the baseline forecasts sales itself.
    """
    estimate = BASELINES[name](market, n_train)
    total = market.total_sales[n_train:] if estimate.total_sales is None else estimate.total_sales
    covariance = estimate.growth[:, None, None] * estimate.covariance
    predicted = PredictiveDistribution(_closed(estimate.level, market)[n_train:], covariance, total)
    if courses is None or estimate.respond is None:
        return predicted
    under = [with_efforts(market, n_train, course) for course in courses]
    levels = [estimate.respond(one.efforts) for one in under]
    return predicted.over(np.array([_closed(level, market)[n_train:] for level in levels]))


def with_efforts(market: MarketArrays, n_train: int, ahead: Cube) -> MarketArrays:
    """Give a market other efforts (K, H, N) after its first ``n_train`` periods; nan for absent firms."""
    efforts = market.efforts.copy()
    efforts[:, n_train:] = np.where(market.active[n_train:], ahead, np.nan)
    return replace(market, efforts=efforts)


def last_share(market: MarketArrays, n_train: int) -> Estimate:
    """No change: each firm keeps the share it had last; log-ratios walk at random."""
    log = _log_share(market, n_train)
    level = np.tile(_last(log), (market.share.shape[0], 1))
    return Estimate(level, error_covariance(_centre(np.diff(log, axis=0))), _elapsed(market, n_train))


def mean_share(market: MarketArrays, n_train: int) -> Estimate:
    """Geometric mean of each firm's shares; log-ratios scatter around it."""
    log = _log_share(market, n_train)
    mean = _column_mean(log)
    growth = np.full(market.share.shape[0] - n_train, 1.0 + 1.0 / n_train)
    level = np.tile(mean, (market.share.shape[0], 1))
    return Estimate(level, error_covariance(_centre(log - mean)), growth)


def exponential_smoothing(market: MarketArrays, n_train: int) -> Estimate:
    """Smooth log-ratios exponentially, with one weight for the market; see `smooth`."""
    smoothed = smooth(_log_share(market, n_train))
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
    log = _log_share(market, n_train) + np.log(market.total_sales[:n_train, np.newaxis])
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
    return Estimate(level, np.diag(variance), _elapsed(market, n_train), sales)


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
}
"""All yardsticks by the names that studies use."""


def _attraction(market: MarketArrays, n_train: int, transform: Callable[[Cube], Cube]) -> Estimate:
    constants = np.eye(market.share.shape[1])[:, np.newaxis, :] * np.ones((market.share.shape[0], 1))
    constants = _centred(constants, market.active)

    def design_of(efforts: Cube) -> Cube:
        inputs = np.where(market.active, transform(efforts), 0.0)
        return np.concatenate([constants, _centred(inputs, market.active)])

    design = design_of(market.efforts)
    fitted = market.active[:n_train] & (market.share[:n_train] > 0.0)
    log = np.log(np.where(fitted, market.share[:n_train], 1.0))
    target = _centred(log[np.newaxis], fitted)[0]
    rows = design[:, :n_train][:, fitted].T
    coefficients = np.linalg.lstsq(rows, target[fitted], rcond=None)[0]
    unseen = ~fitted.any(axis=0)

    def respond(efforts: Cube) -> Matrix:
        return np.where(unseen, np.nan, np.tensordot(coefficients, design_of(efforts), axes=1))

    level = respond(market.efforts)
    errors = _centre(np.where(fitted, target - level[:n_train], np.nan))
    growth = np.ones(market.share.shape[0] - n_train)
    return Estimate(level, error_covariance(errors), growth, respond=respond)


def _closed(level: Matrix, market: MarketArrays) -> Matrix:
    level = np.where(np.isnan(level), _entry_level(market), level)
    level = np.where(market.active, level, -np.inf)
    weight = np.exp(level - level.max(axis=1, keepdims=True))
    return np.where(market.active, weight / weight.sum(axis=1, keepdims=True), np.nan)


def _elapsed(market: MarketArrays, n_train: int) -> Vector:
    """Time from the last fitted period to each of those ahead, in periods."""
    return np.cumsum(market.duration[n_train:])


def _log_share(market: MarketArrays, n_train: int) -> Matrix:
    share = market.share[:n_train]
    known = market.active[:n_train] & (share > 0.0)
    return np.where(known, np.log(np.where(known, share, 1.0)), np.nan)


def _last(values: Matrix) -> Vector:
    known = ~np.isnan(values)
    last = values.shape[0] - 1 - np.argmax(known[::-1], axis=0)
    return np.where(known.any(axis=0), values[last, np.arange(values.shape[1])], np.nan)


def _column_mean(values: Matrix) -> Vector:
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _entry_level(market: MarketArrays) -> Matrix:
    """Logarithm of the share with which each firm enters, in every period; of none for no sales."""
    first = np.argmax(market.active, axis=0)
    entry = market.share[first, np.arange(first.size)]
    return np.tile(np.log(np.maximum(np.nan_to_num(entry), np.finfo(float).tiny)), (market.share.shape[0], 1))


def _centre(values: Matrix) -> Matrix:
    """Subtract from each row the mean of what is known in it; nan stays."""
    return values - _column_mean(values.T)[:, np.newaxis]


def _centred(values: Matrix, active: NDArray[np.bool_]) -> Matrix:
    """Subtract the mean over the firms present in each period; ``values`` is (..., T, N)."""
    count = np.maximum(active.sum(axis=1, keepdims=True), 1)
    kept = np.where(active, values, 0.0)
    return np.where(active, kept - kept.sum(axis=-1, keepdims=True) / count, 0.0)
