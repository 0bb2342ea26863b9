"""Yardsticks: simple predictions of shares, fitted on the same periods as the models.

A firm that was not there in the periods fitted is taken at the share it enters with, as the models take it.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.panel_market import MarketArrays

Matrix = NDArray[np.float64]


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
    level = BASELINES[name](market, n_train)
    level = np.where(np.isnan(level), _entry_level(market), level)
    level = np.where(market.active, level, -np.inf)
    weight = np.exp(level - level.max(axis=1, keepdims=True))
    return np.where(market.active, weight / weight.sum(axis=1, keepdims=True), np.nan)


def last_share(market: MarketArrays, n_train: int) -> Matrix:
    """No change: each firm keeps the share it had last."""
    log = _log_share(market, n_train)
    seen = ~np.isnan(log)
    last = n_train - 1 - np.argmax(seen[::-1], axis=0)
    level = np.where(seen.any(axis=0), log[last, np.arange(log.shape[1])], np.nan)
    return np.tile(level, (market.share.shape[0], 1))


def mean_share(market: MarketArrays, n_train: int) -> Matrix:
    """Geometric mean of each firm's shares."""
    return np.tile(_column_mean(_log_share(market, n_train)), (market.share.shape[0], 1))


def static_attraction(market: MarketArrays, n_train: int) -> Matrix:
    """Attraction (MNL) model without inertia: log-ratios on firm constants and efforts, by least squares.

    Source: Nakanishi & Cooper (1974), Journal of Marketing Research 11, 303-311.
    """
    efforts = _centred(np.where(market.active, market.efforts, 0.0), market.active)
    constants = np.eye(market.share.shape[1])[:, np.newaxis, :] * np.ones((market.share.shape[0], 1))
    design = np.concatenate([_centred(constants, market.active), efforts])
    fitted = market.active[:n_train] & (market.share[:n_train] > 0.0)
    log = np.log(np.where(fitted, market.share[:n_train], 1.0))
    target = _centred(log[np.newaxis], fitted)[0]
    rows = design[:, :n_train][:, fitted].T
    coefficients = np.linalg.lstsq(rows, target[fitted], rcond=None)[0]
    level = np.tensordot(coefficients, design, axes=1)
    unseen = ~fitted.any(axis=0)
    level[:, unseen] = np.nan
    return level


def geometric_brownian(market: MarketArrays, n_train: int) -> Matrix:
    """Geometric Brownian motion of each firm's sales, drift by maximum likelihood: the median forecast.

    The stochastic model dS = B dt + C dW of the literature, with B and C proportional to S.
    """
    log = _log_share(market, n_train) + np.log(market.total_sales[:n_train, np.newaxis])
    time = np.cumsum(market.duration) - market.duration[0]
    level = np.full(market.share.shape, np.nan)
    for firm in range(log.shape[1]):
        seen = np.flatnonzero(~np.isnan(log[:, firm]))
        if seen.size:
            first, last = seen[0], seen[-1]
            span = time[last] - time[first]
            # Increments are independent and normal, so the likelihood of the drift sees only the two ends.
            drift = (log[last, firm] - log[first, firm]) / span if span > 0.0 else 0.0
            level[:, firm] = log[last, firm] + drift * (time - time[last])
    # A firm that enters later is given by its share, so levels have to be on the scale of shares.
    return level - np.log(market.total_sales[n_train - 1])


BASELINES: Mapping[str, Callable[[MarketArrays, int], Matrix]] = {
    "last": last_share,
    "mean": mean_share,
    "attraction": static_attraction,
    "wiener": geometric_brownian,
}
"""Each gives the logarithm of shares up to a common term, (T, N); nan where it knows nothing of a firm."""


def _log_share(market: MarketArrays, n_train: int) -> Matrix:
    share = market.share[:n_train]
    known = market.active[:n_train] & (share > 0.0)
    return np.where(known, np.log(np.where(known, share, 1.0)), np.nan)


def _column_mean(values: Matrix) -> Matrix:
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _entry_level(market: MarketArrays) -> Matrix:
    """Logarithm of the share with which each firm enters, in every period; of none for no sales."""
    first = np.argmax(market.active, axis=0)
    entry = market.share[first, np.arange(first.size)]
    return np.tile(np.log(np.maximum(np.nan_to_num(entry), np.finfo(float).tiny)), (market.share.shape[0], 1))


def _centred(values: Matrix, active: NDArray[np.bool_]) -> Matrix:
    """Subtract the mean over the firms present in each period; ``values`` is (..., T, N)."""
    count = np.maximum(active.sum(axis=1, keepdims=True), 1)
    kept = np.where(active, values, 0.0)
    return np.where(active, kept - kept.sum(axis=-1, keepdims=True) / count, 0.0)
