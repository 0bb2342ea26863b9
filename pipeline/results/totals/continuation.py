"""Sales of the whole market in the periods to come: level, trend, seasonal, logistic, response.

All are fitted to the logarithm of total sales, so what they give is a median.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from scipy.optimize import least_squares

from kernels.numeric.arrays import Floats
from pipeline.config.sections.scenario import TotalSection
from pipeline.errors import QueryError
from pipeline.results.prices.index import with_indices
from pipeline.results.totals.answering import Answer, AnsweringTotal, TotalSales
from pipeline.results.totals.level import level_spread, local_level
from pipeline.results.totals.pressure import Pressure
from pipeline.results.totals.regression import Regression, regress

# A wave of the year is told from a trend by two years or more.
_FEWEST_SEASONS = 2


class Responding(Protocol):
    """f of all firms as a function of their efforts, on some market."""

    @property
    def market(self) -> Any:
        """With ``share`` (N,) before the first period, and ``prices``."""

    def evaluate(self, efforts: Floats) -> Floats:
        """Return f (H, N) for efforts (K, H, N)."""


@dataclass(frozen=True, eq=False)
class TotalForecast:
    """Total sales of H periods, with their uncertainty.

    Attributes
    ----------
    median : (H,) array
        Currency per period; where total sales answer to marketing, with all firms as in the last period.
    spread : (H, R) array
        Square root of the covariance of its logarithm from what was estimated: ``spread @ standard normal``.
    noise : float
        Standard deviation of the logarithm from period to period.
    fading : (H,) array or None
        Which part of an error of the period before each repeats; None for nothing.
    answer : Answer or None
        How total sales answer to marketing; None where they do not.
    """

    median: Floats
    spread: Floats
    noise: float
    fading: Floats | None = None
    answer: Answer | None = None

    def draw(self, rng: np.random.Generator, count: int, *, noise: bool = True) -> Floats:
        """Draw total sales ``count`` times, shape (count, H), with all firms as in the last period."""
        return self._drawn(rng.standard_normal((count, self.spread.shape[1])), rng, noise)

    def steady(self) -> "TotalForecast":
        """Give one period of the mean total sales, for the long run."""
        one = self.answer and replace(self.answer, reference=self.answer.reference[:1])
        return TotalForecast(np.array([self.median.mean()]), self.spread[:1], self.noise, answer=one)

    def course(self, response: Responding) -> TotalSales:
        """Give the median: (H,), or what answers to the firms of a market at its estimates."""
        if self.answer is None:
            return self.median
        market, coefficient = response.market, self.answer.coefficient

        def f(chosen: Floats) -> Floats:
            return response.evaluate(with_indices(market.prices, chosen))

        return AnsweringTotal(self.answer, self.median, coefficient, market.share, f)

    def courses(
        self, response: Responding, rng: np.random.Generator, count: int, *, noise: bool = True
    ) -> list[TotalSales]:
        """Draw ``count`` of what `course` gives."""
        normal = rng.standard_normal((count, self.spread.shape[1]))
        drawn = self._drawn(normal, rng, noise)
        middle = self.course(response)
        if self.answer is None or not isinstance(middle, AnsweringTotal):
            return list(drawn)
        coefficients = self.answer.coefficient + normal @ self.answer.root.T
        return [
            replace(middle, median=median, coefficient=coefficient)
            for median, coefficient in zip(drawn, coefficients, strict=True)
        ]

    def _drawn(self, normal: Floats, rng: np.random.Generator, noise: bool) -> Floats:
        log = normal @ self.spread.T
        if noise:
            new = self.noise * rng.standard_normal((len(normal), self.median.size))
            log = log + (new if self.fading is None else _carried(new, self.fading))
        return np.asarray(self.median * np.exp(log))


def _carried(new: Floats, fading: Floats) -> Floats:
    """Errors (D, H) of which the next repeats a part; all are as wide as ``new`` once the first has faded."""
    error = np.empty_like(new)
    before = np.zeros(len(new))
    for period, part in enumerate(fading):
        before = error[:, period] = part * before + np.sqrt(1.0 - part**2) * new[:, period]
    return error


def response_total(
    section: TotalSection,
    sales: Floats,
    period: np.ndarray,
    ahead: np.ndarray,
    season: int | None,
    marketing: tuple[Pressure, Floats, Floats],
) -> TotalForecast:
    """Continue the sales of a market by what its firms do, and a trend and a season where AICc asks for them.

    Parameters
    ----------
    section, sales, period, ahead, season
        As of `continue_total`.
    marketing : Pressure, (T, J) array, (H, J) array
        Marketing pressure, its series in the known periods, and the ones to come for which the median stands.

    Raises
    ------
    QueryError
        Too few periods.
    """
    pressure, past_series, to_come = marketing
    count = sales.size if section.last is None else min(section.last, sales.size)
    past, log = period[-count:].astype(float), np.log(sales[-count:])
    own = past_series[-count:]
    length = section.season or season
    bases = [_no_columns, _columns(section.model_copy(update={"model": "trend"}), season)]
    if length is not None and count >= _FEWEST_SEASONS * length:
        bases.append(_columns(section.model_copy(update={"model": "seasonal"}), season))
    _refuse_few(section, count, 1 + own.shape[1])
    candidates = []
    for base in bases:
        design = np.column_stack([base(past, past[-1]), own])
        if count > design.shape[1] + 1:
            candidates.append((regress(design, log, past), base))
    fit, columns = min(candidates, key=lambda one: one[0].aicc)
    future = np.column_stack([columns(ahead.astype(float), past[-1]), to_come])
    made = _continued(fit, future, past[-1], ahead)
    moving = slice(fit.coefficient.size - to_come.shape[1], None)
    answer = Answer(pressure, fit.coefficient[moving], fit.root[moving], to_come)
    return replace(made, answer=answer)


def _continued(fit: Regression, future: Floats, last: float, ahead: np.ndarray) -> TotalForecast:
    expected, spread = fit.predict(future, ahead - last)
    fading = fit.autocorrelation ** np.diff(ahead.astype(float), prepend=last)
    return TotalForecast(np.exp(expected), spread, fit.noise, fading)


def _refuse_few(section: TotalSection, count: int, columns: int) -> None:
    if count <= columns + 1:
        raise QueryError(
            f"The {section.model} model of total sales has {columns} coefficients, but there are "
            f"only {count} periods to fit it to; choose constant, or use more periods (total_sales.last)."
        )


def continue_total(
    section: TotalSection, sales: Floats, period: np.ndarray, ahead: np.ndarray, season: int | None
) -> TotalForecast:
    """Continue the sales of a market by themselves alone.

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
        Too few periods for the model, or a season that is not known.
    """
    count = sales.size if section.last is None else min(section.last, sales.size)
    past, log = period[-count:].astype(float), np.log(sales[-count:])
    if section.model == "constant":
        return _mean(log, ahead.size) if section.last is not None else _level(log, ahead.size)
    if section.model == "logistic":
        return _logistic(past, log, ahead.astype(float))
    columns = _columns(section, season)
    design = columns(past, past[-1])
    _refuse_few(section, count, design.shape[1])
    return _continued(regress(design, log, past), columns(ahead.astype(float), past[-1]), past[-1], ahead)


def _mean(log: Floats, horizon: int) -> TotalForecast:
    """Mean of the periods asked for."""
    noise = float(log.std(ddof=min(1, log.size - 1)))
    spread = np.full((horizon, 1), noise / np.sqrt(log.size))
    return TotalForecast(np.full(horizon, np.exp(log.mean())), spread, noise)


def _level(log: Floats, horizon: int) -> TotalForecast:
    """Level of recent periods: how recent is estimated."""
    level, weight, noise = local_level(log)
    return TotalForecast(np.full(horizon, np.exp(level)), level_spread(weight, noise, horizon), noise)


def _no_columns(period: Floats, _: float) -> Floats:
    return np.ones((period.size, 1))


def _columns(section: TotalSection, season: int | None) -> Callable[[Floats, float], Floats]:
    """Give the rule for the columns of the regression at some periods, counted from the last one."""
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

    def slope(theta: Floats, period: Floats) -> Floats:
        width = np.exp(-theta[2])
        z = (period - origin - theta[1]) * width
        below = np.exp(-np.logaddexp(0.0, z))  # the part of the ceiling that is left
        return np.column_stack([np.ones(period.size), -below * width, -below * z])

    best = None
    for middle in (-span, -0.5 * span, 0.0, 0.5 * span):
        start = np.array([log.max() + 0.1, middle, np.log(0.25 * span)])
        # A ceiling a thousand times the sales seen is no ceiling: then growth is exponential.
        low = np.array([log.max() - 1.0, -20.0 * span, np.log(1e-3 * span)])
        high = np.array([log.max() + 7.0, 20.0 * span, np.log(20.0 * span)])
        fitted = least_squares(
            lambda theta: curve(theta, past) - log,
            start,
            jac=lambda theta: slope(theta, past),
            bounds=(low, high),
            x_scale="jac",
        )
        best = fitted if best is None or fitted.cost < best.cost else best
    assert best is not None
    variance = 2.0 * best.cost / max(past.size - 3, 1)
    root = np.linalg.pinv(best.jac, rcond=1e-6) * np.sqrt(variance)
    return TotalForecast(np.exp(curve(best.x, ahead)), slope(best.x, ahead) @ root, float(np.sqrt(variance)))
