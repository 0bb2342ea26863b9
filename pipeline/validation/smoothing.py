"""Simple exponential smoothing of all log shares of a market at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Matrix, Vector

# Each round of the search narrows the interval around the best weight by 8; 9 rounds reach 1e-8.
_GRID = 17
_ROUNDS = 9


@dataclass(frozen=True)
class Smoothed:
    """What smoothing came to.

    Attributes
    ----------
    level : (N,) array
        Last level of each firm's log share, up to a common term; nan for firms never seen.
    weight : float
        α in [0, 1]: how much of an error moves the level; 0 is the mean share, 1 no change.
    errors : (T, N) array
        One period ahead, centred over the firms present; nan for absent firms.
    """

    level: Vector
    weight: float
    errors: Matrix


def smooth(log_share: Matrix) -> Smoothed:
    """Smooth log shares exponentially, with one weight for the whole market, by least squares.

    Level ``l(t) = l(t-1) + α e(t)`` with ``e`` the error of the log shares against ``l(t-1)``, centred over
    the firms present: so the answer is the same in any log-ratio coordinates. α, and the initial levels where
    all firms are there throughout, minimise the sum of squared errors, which is maximum likelihood for equal
    and independent Gaussian errors. Else firms begin at the log share they enter with.

    Parameters
    ----------
    log_share : (T, N) array
        Of at least one period; nan for absent firms.

    Returns
    -------
    Smoothed

    Notes
    -----
    Source: the model ETS(A, N, N) of Hyndman, Koehler, Ord & Snyder (2008), Forecasting with Exponential
    Smoothing. A longer period counts as one.
    """
    low, high = 0.0, 1.0
    for _ in range(_ROUNDS):
        weights = np.linspace(low, high, _GRID)
        errors, _levels = _run(log_share, weights)
        best = int(np.argmin(np.nansum(errors**2, axis=(1, 2))))
        low, high = weights[max(best - 1, 0)], weights[min(best + 1, _GRID - 1)]
    weight = float(weights[best])
    errors, levels = _run(log_share, np.array([weight]))
    return Smoothed(levels[0], weight, errors[0])


def _run(log_share: Matrix, weights: Vector) -> tuple[NDArray[np.float64], Matrix]:
    """Errors (A, T, N) and last levels (A, N) for each of A weights, from the best initial levels."""
    if np.isnan(log_share).any():
        return _follow(log_share, weights, np.full((weights.size, log_share.shape[1]), np.nan))
    zero, _ = _follow(log_share, weights, np.zeros((weights.size, log_share.shape[1])))
    # An initial level of 1 in place of 0 lowers the error t periods on by (1 - α)^t.
    decay = (1.0 - weights[:, None]) ** np.arange(log_share.shape[0])
    initial = np.einsum("at,atn->an", decay, zero) / (decay**2).sum(axis=1)[:, None]
    return _follow(log_share, weights, initial)


def _follow(log_share: Matrix, weights: Vector, initial: Matrix) -> tuple[NDArray[np.float64], Matrix]:
    level = initial.copy()
    errors = np.full((weights.size, *log_share.shape), np.nan)
    for t, observed in enumerate(log_share):
        present = ~np.isnan(observed)
        known = present & ~np.isnan(level)
        surprise = np.where(known, observed - level, 0.0)
        surprise -= surprise.sum(axis=1, keepdims=True) / np.maximum(known.sum(axis=1, keepdims=True), 1)
        # Who enters does so without an error: on the scale that the others' levels and errors set.
        common = np.where(known, observed - level - surprise, 0.0).sum(axis=1, keepdims=True)
        common /= np.maximum(known.sum(axis=1, keepdims=True), 1)
        errors[:, t] = np.where(known, surprise, np.nan)
        level = np.where(known, level + weights[:, None] * surprise, level)
        level = np.where(present & ~known, observed - common, level)
    return errors, level
