"""Errors of forecast shares: one number for each period ahead and each measure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Matrix, Vector
from pipeline.models.predictive import PredictiveDistribution, crps, log_score
from pipeline.validation.metrics import METRICS, average

# A single relative error may be anything from 0 to infinity; Armstrong and Collopy (1992) winsorise it so.
_RELATIVE_LOW, _RELATIVE_HIGH = 0.01, 100.0


@dataclass(frozen=True)
class Yardstick:
    """What relative measures divide by.

    Attributes
    ----------
    scale : (N,) array
        Mean absolute change of each firm's share from period to period in the fitted periods; nan unknown.
    naive : (H, N) array
        Forecast of no change, for the periods ahead.
    """

    scale: Vector
    naive: Matrix


def changes_scale(share: Matrix, active: NDArray[np.bool_]) -> Vector:
    """Mean absolute change of share from one period to the next, by firm: (T, N) to (N,); nan unknown."""
    both = active[1:] & active[:-1]
    change = np.where(both, np.abs(np.diff(np.where(active, share, 0.0), axis=0)), 0.0)
    count = both.sum(axis=0)
    scale = np.where(count > 0, change.sum(axis=0) / np.maximum(count, 1), np.nan)
    return np.where(scale > 0.0, scale, np.nan)


def period_errors(
    predicted: PredictiveDistribution,
    observed: Matrix,
    active: NDArray[np.bool_],
    total_sales: Vector,
    yardstick: Yardstick,
) -> Matrix:
    """Measure a forecast against what came, period by period.

    Parameters
    ----------
    predicted : PredictiveDistribution
        Forecast of H periods and N firms.
    observed : (H, N) array
        Shares; values of absent firms are not read.
    active : (H, N) array of bool
        Whether the firm is there.
    total_sales : (H,) array
        Sales of the market as they were, currency per period.
    yardstick : Yardstick

    Returns
    -------
    (H, M) array
        In the order of `METRICS`; nan where a measure does not exist.
    """
    error = np.where(active, np.abs(predicted.share - observed), np.nan)
    naive = np.where(active, np.abs(yardstick.naive - observed), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        # No error on either side tells nothing; none of the yardstick alone is the worst there is.
        relative = np.clip(error / naive, _RELATIVE_LOW, _RELATIVE_HIGH)
        sales = np.abs(
            predicted.share * predicted.total_sales[:, None] / (observed * total_sales[:, None]) - 1.0
        )
    columns = {
        "rmse": np.sqrt(average(error**2)),
        "mae": average(error),
        "mase": average(error / yardstick.scale),
        "gmrae": np.exp(average(np.log(relative))),
        "log_score": log_score(predicted, observed, active),
        "crps": average(crps(predicted, observed, active)),
        "sales_mape": average(np.where(active & (observed > 0.0), sales, np.nan)),
    }
    return np.stack([columns[name] for name in METRICS], axis=1)


def fit_rmse(predicted: Matrix, observed: Matrix, active: NDArray[np.bool_]) -> float:
    """Root mean square error of share over all firms and periods present; nan without any."""
    difference = (predicted - observed)[active]
    return float(np.sqrt(np.mean(difference**2))) if difference.size else np.nan
