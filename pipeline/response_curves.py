"""Calibrated market functions as curves: f against one effort at a time, with a confidence band."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.model import MarketModel
from pipeline.panel_market import MarketArrays, market_arrays
from pipeline.stored_fit import rebuild_model, stored_estimates

if TYPE_CHECKING:
    from pipeline.query import ResultStore

# Periods of constant effort after which every carry-over has forgotten what was before.
_SETTLED = 16
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class ResponseCurve:
    """The market function against one effort, the other efforts at their medians, averaged over firms.

    Attributes
    ----------
    effort, unit
        What varies.
    level : (G,) array
        Levels of the effort, held for so long that carry-over has settled, from the smallest to the
        largest seen.
    value : (G,) array
        f: per period, or per unit of the numeraire where the study has one.
    low, high : (G,) arrays
        95 % band by the delta method; nan where the data do not determine a parameter that matters.
    """

    effort: str
    unit: str
    level: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def response_curves(
    results: "ResultStore", market: Any, model: str, points: int = 60
) -> tuple[ResponseCurve, ...]:
    """Evaluate the calibrated f of a model in a market against each of its efforts.

    Parameters
    ----------
    results
        Where the fits are.
    market
        Label of the market.
    model
        Name of the model.
    points
        Levels of each effort.

    Raises
    ------
    QueryError
        The sweep has no such model, or this market has no usable fit of it.
    """
    panel = results.panel()
    arrays = market_arrays(panel, market)
    efforts = tuple(map(str, panel["effort"].values))
    problem = rebuild_model(results, model, arrays, efforts)
    theta, covariance = stored_estimates(results, market, model, problem)
    units = dict(zip(efforts, map(str, panel["unit"].values), strict=True)) if "unit" in panel else {}
    return tuple(
        _curve(problem, arrays, place, name, units.get(name, "1"), theta, covariance, points)
        for place, name in enumerate(efforts)
    )


def _curve(
    problem: MarketModel,
    arrays: MarketArrays,
    place: int,
    name: str,
    unit: str,
    theta: np.ndarray,
    covariance: np.ndarray,
    points: int,
) -> ResponseCurve:
    seen = arrays.efforts[:, arrays.active]
    level = np.linspace(seen[place].min(), seen[place].max(), points)
    efforts = np.empty((len(seen), _SETTLED, len(arrays.firms)))
    efforts[:] = np.median(seen, axis=1)[:, None, None]
    present = np.ones(efforts.shape[1:], dtype=np.bool_)
    value, variance = np.empty(points), np.empty(points)
    for point, amount in enumerate(level):
        efforts[place] = amount
        # All firms together: what rivals' efforts and earlier ones do is part of the curve.
        inputs = problem.prepared(replace(arrays, efforts=efforts, active=present)).efforts
        value[point] = problem.response.evaluate(theta, inputs)[-1].mean()
        slope = problem.response.gradient(theta, inputs)[:, -1].mean(axis=1)
        matters = np.flatnonzero(slope)
        block = covariance[np.ix_(matters, matters)]
        variance[point] = slope[matters] @ block @ slope[matters]
    half = _Z95 * np.sqrt(np.maximum(variance, 0.0))
    return ResponseCurve(name, unit, level, value, value - half, value + half)
