"""Measures of error of forecasts: what they are called, and how several periods make one number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Metric:
    """One measure of error; the smaller the better.

    Attributes
    ----------
    name, units, long_name
        As stored.
    pooling
        How several periods make one number: root of the mean square, mean, or geometric mean.
    """

    name: str
    units: str
    long_name: str
    pooling: Literal["root", "mean", "geometric"] = "mean"


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("rmse", "1", "root mean square error of share", "root"),
        Metric("mae", "1", "mean absolute error of share"),
        Metric("mase", "1", "absolute error over that of no change, one period ahead, in the fitted periods"),
        Metric("gmrae", "1", "geometric mean of absolute error over that of no change", "geometric"),
        Metric("log_score", "nat", "minus the log predictive density of the log-ratios of a period"),
        Metric("crps", "1", "continuous ranked probability score of share"),
        Metric("sales_mape", "1", "mean absolute relative error of sales"),
    )
}
"""All measures of error, in the order of the store.

Sources: MASE, Hyndman & Koehler (2006), Int. J. Forecasting 22, 679-688; GMRAE, Armstrong & Collopy (1992),
Int. J. Forecasting 8, 69-80; log score and CRPS, Gneiting & Raftery (2007), JASA 102, 359-378.
"""


def pool(
    errors: NDArray[np.float64], metrics: Sequence[str], axis: int | tuple[int, ...] = -2
) -> NDArray[np.float64]:
    """Pool errors of periods into one number for each metric.

    Parameters
    ----------
    errors : (..., metric) array
        As `period_errors` gives them; nan is left out.
    metrics : sequence of str
        Names along the last axis.
    axis : int or tuple of int
        Axes to pool over, not the last; each period counts the same.

    Returns
    -------
    (..., metric) array
        nan where there is nothing to pool.
    """
    kinds = [METRICS[name].pooling for name in metrics]
    values = errors.copy()
    root = np.array([kind == "root" for kind in kinds])
    geometric = np.array([kind == "geometric" for kind in kinds])
    values[..., root] = values[..., root] ** 2
    with np.errstate(divide="ignore"):
        values[..., geometric] = np.log(values[..., geometric])
    pooled = average(values, axis)
    pooled[..., root] = np.sqrt(pooled[..., root])
    pooled[..., geometric] = np.exp(pooled[..., geometric])
    return pooled


def additive(errors: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    """Turn errors of periods into losses whose plain mean is what the metric pools: squares, logarithms."""
    pooling = METRICS[metric].pooling
    if pooling == "root":
        return errors**2
    return np.log(errors) if pooling == "geometric" else errors


def average(values: NDArray[np.float64], axis: int | tuple[int, ...] = -1) -> NDArray[np.float64]:
    """Mean of what is known along some axes; nan where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
