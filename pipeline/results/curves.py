"""Calibrated market functions as curves: f against one effort at a time, with a confidence band.

Shares are moved by what sets firms apart, so the level of f can be unknown where its shape is known well: in
a market that adjusts within a period only ratios of f are seen, and at γ = 1 only differences.
"""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.models.market_model import MarketModel
from pipeline.names import Label
from pipeline.panel.market import MarketArrays
from pipeline.results.intervals import normal_interval
from pipeline.results.results import Results
from pipeline.results.stored_fit import StoredFit, read_fit

# Periods of constant effort after which every carry-over has forgotten what was before.
_SETTLED = 16
_ROUNDING = 1e-12


@dataclass(frozen=True)
class ResponseCurve:
    """The market function against one effort, the other efforts at their medians, averaged over firms.

    Attributes
    ----------
    effort, unit
        Name and unit of what varies.
    level : (G,) array
        Levels of the effort, constant for so long that carry-over has settled, from the smallest to the
        largest seen.
    value : (G,) array
        f: per period, or per unit of the numeraire where the study has one.
    low, high : (G,) arrays
        95 % band by the delta method; nan where the data do not determine a parameter that matters.
    measure
        What ``value`` is: ``f``, or f relative to its value at the median of the effort: ``f / f(median)``
        or ``f - f(median)``.
    """

    effort: str
    unit: str
    level: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    measure: str = "f"

    @property
    def has_level(self) -> bool:
        """Whether the data determine the level of f: the band is not wider than twice the curve is high."""
        half = 0.5 * (self.high - self.low)
        return bool(np.all(half <= np.abs(self.value).max()))


def response_curves(
    results: Results, market: Label, model: str, points: int = 60, *, relative: bool = False
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
    relative
        Give f against its value at the median of the effort: as a ratio, or as a difference where γ = 1 or f
        is not positive.

    Raises
    ------
    QueryError
        The sweep has no such model, or this market has no usable fit of it.
    """
    fit = read_fit(results, market, model)
    labelled = "unit" in fit.panel
    units = dict(zip(fit.efforts, map(str, fit.panel["unit"].values), strict=True)) if labelled else {}
    return tuple(
        _curve(fit, effort, units.get(name, "1"), points, relative) for effort, name in enumerate(fit.efforts)
    )


def known_curves(results: Results, market: Label, model: str) -> tuple[ResponseCurve, ...]:
    """Give f where its level is known, else f against its value at the median of the effort."""
    curves = response_curves(results, market, model)
    if all(curve.has_level for curve in curves):
        return curves
    return response_curves(results, market, model, relative=True)


def _curve(
    fit: StoredFit,
    effort: int,
    unit: str,
    points: int,
    relative: bool,
) -> ResponseCurve:
    problem, arrays, theta, covariance = fit.problem, fit.arrays, fit.theta, fit.covariance
    seen = arrays.efforts[:, arrays.active]
    level = np.linspace(seen[effort].min(), seen[effort].max(), points)
    wanted = np.append(level, np.median(seen[effort])) if relative else level
    value, slope = _mean_response(problem, arrays, effort, theta, wanted)
    measure = "f"
    if relative:
        ratio = problem.variant.form != "proportional" and bool(np.all(value > 0.0))
        measure = "f / f(median)" if ratio else "f - f(median)"
        if ratio:
            value, slope = np.log(value), slope / value[:, None]
        # What cancels but for rounding does not matter, and may not be known.
        rounding = _ROUNDING * np.abs(slope).max(initial=0.0)
        value, slope = value[:-1] - value[-1], slope[:-1] - slope[-1]
        slope = np.where(np.abs(slope) > rounding, slope, 0.0)
    variance = np.array([_variance(gradient, covariance) for gradient in slope])
    low, high = normal_interval(value, np.sqrt(np.maximum(variance, 0.0)))
    if measure == "f / f(median)":
        value, low, high = np.exp(value), np.exp(low), np.exp(high)
    return ResponseCurve(fit.efforts[effort], unit, level, value, low, high, measure)


def _mean_response(
    problem: MarketModel, arrays: MarketArrays, effort: int, theta: np.ndarray, level: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate f, the mean over firms, and its gradient (G, P) at levels (G,) of one effort."""
    seen = arrays.efforts[:, arrays.active]
    efforts = np.empty((len(seen), _SETTLED, len(arrays.firms)))
    efforts[:] = np.median(seen, axis=1)[:, None, None]
    present = np.ones(efforts.shape[1:], dtype=np.bool_)
    value, slope = np.empty(level.size), np.empty((level.size, theta.size))
    for point, amount in enumerate(level):
        efforts[effort] = amount
        # All firms together: what rivals' efforts and earlier ones do is part of the curve.
        inputs = problem.prepared(replace(arrays, efforts=efforts, active=present)).efforts
        value[point] = problem.response.evaluate(theta, inputs)[-1].mean()
        gradient = problem.response.gradient(theta, inputs)[:, -1].mean(axis=1)
        # Parameters of the equation, which f does not know, come after those of f.
        slope[point] = np.append(gradient, np.zeros(theta.size - gradient.size))
    return value, slope


def _variance(slope: np.ndarray, covariance: np.ndarray) -> float:
    matters = np.flatnonzero(slope)
    return float(slope[matters] @ covariance[np.ix_(matters, matters)] @ slope[matters])
