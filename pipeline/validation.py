"""Windows of periods to calibrate on, and errors of predicted shares in the periods kept back."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

ALL = "all"
"""Window of all periods."""
HOLDOUT = "holdout"
"""Window of the periods before those kept back."""

METRICS: Mapping[str, str] = {
    "rmse": "root mean square error of share",
    "mae": "mean absolute error of share",
}
"""Measures of error, over firms and the periods kept back."""


def window_names(holdout: float) -> tuple[str, ...]:
    """Name the windows of a study: all periods, and those before the part kept back, if any is."""
    return (ALL, HOLDOUT) if holdout > 0.0 else (ALL,)


def n_training(n_times: int, holdout: float) -> int:
    """Count the periods to calibrate on when the last fraction ``holdout`` of them is kept back.

    Parameters
    ----------
    n_times : int
        Periods of the market.
    holdout : float
        Fraction in [0, 1).

    Returns
    -------
    int
        Rounded, and at least one less than ``n_times`` when anything is to be kept back.
    """
    if holdout <= 0.0:
        return n_times
    return max(min(round(n_times * (1.0 - holdout)), n_times - 1), 0)


def share_errors(predicted: Matrix, observed: Matrix, active: NDArray[np.bool_]) -> dict[str, float]:
    """Measure how far predicted shares are from observed ones.

    Parameters
    ----------
    predicted, observed : (T, N) arrays
        Shares; values of absent firms are not read.
    active : (T, N) array of bool
        Whether the firm is there.

    Returns
    -------
    dict
        By the names in `METRICS`; nan without any period.
    """
    difference = (predicted - observed)[active]
    if difference.size == 0:
        return dict.fromkeys(METRICS, np.nan)
    return {
        "rmse": float(np.sqrt(np.mean(difference**2))),
        "mae": float(np.mean(np.abs(difference))),
    }
