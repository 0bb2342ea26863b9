"""Sales of the whole market in the periods to come: constant, trend, seasonal, logistic, or given.

All but the last are curves fitted to the logarithm of total sales, so what they give is a median.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from pipeline.config.sections.scenario import TotalSection
from pipeline.errors import QueryError
from pipeline.forecasting.periods import one_per_period, season_length

if TYPE_CHECKING:
    from pipeline.forecasting.market import ForecastMarket

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TotalForecast:
    """Total sales of H periods, with their uncertainty.

    Attributes
    ----------
    median : (H,) array
        Currency per period.
    spread : (H, Q) array
        Square root of the covariance of its logarithm from the coefficients: ``spread @ standard normal``.
    noise : float
        Standard deviation of the logarithm from period to period.
    """

    median: Floats
    spread: Floats
    noise: float

    def draw(self, rng: np.random.Generator, count: int, *, noise: bool = True) -> Floats:
        """Draw total sales ``count`` times, shape (count, H)."""
        log = rng.standard_normal((count, self.spread.shape[1])) @ self.spread.T
        if noise:
            log = log + self.noise * rng.standard_normal((count, self.median.size))
        return np.asarray(self.median * np.exp(log))


def market_total(section: TotalSection, market: "ForecastMarket") -> TotalForecast:
    """Continue the sales of a calibrated market over its periods to come; see `forecast_total`."""
    return forecast_total(
        section, market.past_sales, market.past_period, market.period, season_length(market.frequency)
    )


def forecast_total(
    section: TotalSection, sales: Floats, period: np.ndarray, ahead: np.ndarray, season: int | None
) -> TotalForecast:
    """Continue the sales of a market.

    Parameters
    ----------
    section : TotalSection
        The model, and the periods it is fitted to.
    sales, period : (T,) arrays
        Total sales, currency per period, and the numbers of the periods.
    ahead : (H,) array
        Numbers of the periods to come.
    season : int, optional
        Periods in a year, when the study's frequency tells.

    Raises
    ------
    QueryError
        Too few periods for the model, values of another length, or a season that is not known.
    """
    if section.model == "given":
        return _given(section, ahead.size)
    count = sales.size if section.last is None else min(section.last, sales.size)
    past, log = period[-count:].astype(float), np.log(sales[-count:])
    if section.model == "logistic":
        return _logistic(past, log, ahead.astype(float))
    columns = _columns(section, season)
    design = columns(past, past[-1])
    if count <= design.shape[1] and section.model != "constant":
        raise QueryError(
            f"The {section.model} model of total sales has {design.shape[1]} coefficients, but there are "
            f"only {count} periods to fit it to; choose constant, or use more periods (total_sales.last)."
        )
    coefficients, _, rank, _ = np.linalg.lstsq(design, log, rcond=None)
    residual = log - design @ coefficients
    variance = float(residual @ residual) / max(count - int(rank), 1)
    future = columns(ahead.astype(float), past[-1])
    # The pseudo-inverse leaves out directions that the periods do not show.
    root = np.linalg.pinv(design) * np.sqrt(variance)
    return TotalForecast(np.exp(future @ coefficients), future @ root, float(np.sqrt(variance)))


def _columns(section: TotalSection, season: int | None) -> Callable[[Floats, float], Floats]:
    """Give the rule for the columns of the regression at some periods, counted from the last one."""
    if section.model == "constant":
        return lambda period, _: np.ones((period.size, 1))
    length = section.season or season
    if section.model == "trend":
        return lambda period, origin: np.column_stack([np.ones(period.size), period - origin])
    if length is None:
        raise QueryError(
            "The seasonal model of total sales needs to know how many periods a season has; say "
            "total_sales.season, e.g. 52."
        )
    waves = range(1, min(section.harmonics, length // 2) + 1)

    def columns(period: Floats, origin: float) -> Floats:
        angle = 2.0 * np.pi * (period - origin)[:, None] * np.array(list(waves)) / length
        line = np.column_stack([np.ones(period.size), period - origin])
        return np.column_stack([line, np.cos(angle), np.sin(angle)])

    return columns


def _given(section: TotalSection, horizon: int) -> TotalForecast:
    assert section.values is not None
    median = one_per_period(section.values, horizon, "given values of total sales")
    return TotalForecast(median, np.zeros((horizon, 1)), 0.0)


def _logistic(past: Floats, log: Floats, ahead: Floats) -> TotalForecast:
    """Saturating growth ``K / (1 + exp(-(t - middle) / width))`` by least squares from several starts."""
    if past.size < 5:
        raise QueryError(
            f"The logistic model of total sales needs 5 periods or more, got {past.size}; choose constant."
        )
    span = max(past[-1] - past[0], 1.0)
    origin = past[-1]

    def curve(theta: Floats, period: Floats) -> Floats:
        return np.asarray(theta[0] - np.logaddexp(0.0, -(period - origin - theta[1]) * np.exp(-theta[2])))

    best = None
    for middle in (-span, -0.5 * span, 0.0, 0.5 * span):
        start = np.array([log.max() + 0.1, middle, np.log(0.25 * span)])
        # A ceiling a thousand times the sales seen is no ceiling: then growth is exponential.
        low = np.array([log.max() - 1.0, -20.0 * span, np.log(1e-3 * span)])
        high = np.array([log.max() + 7.0, 20.0 * span, np.log(20.0 * span)])
        fitted = least_squares(
            lambda theta: curve(theta, past) - log, start, bounds=(low, high), x_scale="jac"
        )
        best = fitted if best is None or fitted.cost < best.cost else best
    assert best is not None
    variance = 2.0 * best.cost / max(past.size - 3, 1)
    slopes = np.empty((ahead.size, 3))
    for parameter in range(3):
        step = np.zeros(3)
        step[parameter] = 1e-6
        slopes[:, parameter] = (curve(best.x + step, ahead) - curve(best.x - step, ahead)) / 2e-6
    root = np.linalg.pinv(best.jac, rcond=1e-6) * np.sqrt(variance)
    return TotalForecast(np.exp(curve(best.x, ahead)), slopes @ root, float(np.sqrt(variance)))
