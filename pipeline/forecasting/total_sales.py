"""Sales of the whole market in the periods to come: as they were, as they answer to marketing, or given."""

from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.scenario import TotalSection
from pipeline.forecasting.periods import one_per_period
from pipeline.results.totals.comparison import TotalUse, compare_totals
from pipeline.results.totals.continuation import TotalForecast, continue_total, response_total
from pipeline.results.totals.past_market import past_response, pressure_of
from pipeline.results.totals.pressure import Pressure
from pipeline.results.totals.season import season_length

if TYPE_CHECKING:
    from pipeline.forecasting.market import ForecastMarket


def market_total(section: TotalSection, market: "ForecastMarket") -> TotalForecast:
    """Continue the sales of a calibrated market over its periods to come; see `forecast_total`.

    Raises
    ------
    QueryError
        As `forecast_total`; efforts that total sales cannot answer to.
    """
    season = season_length(market.frequency)
    if section.model != "response":
        return forecast_total(section, market.past_sales, market.past_period, market.period, season)
    pressure, past = pressure_of(market, section.efforts)
    reference = _reference(market, pressure)
    sales, period = market.past_sales, market.past_period
    return response_total(section, sales, period, market.period, season, (pressure, past, reference))


def _reference(market: "ForecastMarket", pressure: Pressure) -> Floats:
    """Pressure (H, J) when all firms stay as in the last period, which counts as it did."""
    # What carries over has not settled there, but any point will do to count from.
    f = past_response(market, needed=not pressure.index.size)[-1:]
    last = pressure.series(market.share[np.newaxis], market.chosen[:, -1:], f)
    return np.repeat(last, market.horizon, axis=0)


def forecast_total(
    section: TotalSection, sales: Floats, period: np.ndarray, ahead: np.ndarray, season: int | None
) -> TotalForecast:
    """Continue the sales of a market by themselves alone, or take what is given; see `continue_total`.

    Raises
    ------
    QueryError
        As `continue_total`; values of another length than the periods.
    """
    if section.model == "given":
        return _given(section, ahead.size)
    return continue_total(section, sales, period, ahead, season)


def _given(section: TotalSection, horizon: int) -> TotalForecast:
    assert section.values is not None
    median = one_per_period(section.values, horizon, "given values of total sales")
    return TotalForecast(median, np.zeros((horizon, 1)), 0.0)


def describe_total(section: TotalSection, market: "ForecastMarket", total: TotalForecast) -> TotalUse:
    """Say which total sales an answer about a market uses, and compare them with the other models."""
    error, cases = ({}, 0) if section.model == "given" else compare_totals(section, market)
    return TotalUse(section.model, _text(section, total), error, cases)


def _text(section: TotalSection, total: TotalForecast) -> str:
    level = f"{total.median[0]:.4g}"
    if section.model == "constant":
        last = "the level of recent periods" if section.last is None else f"the last {section.last} periods"
        return f"Total sales stay at {level} per period, {last}."
    if total.answer is None:
        return f"Total sales follow the model {section.model}, from {level} per period on."
    parts = [
        f"{label} {coefficient:+.3g} ± {error:.2g}"
        for label, coefficient, error in zip(
            total.answer.pressure.labels, total.answer.coefficient, total.answer.stderr, strict=True
        )
    ]
    return (
        f"Total sales answer to marketing, from {level} per period on: their logarithm rises by "
        f"{', '.join(parts)} per standard deviation of it, weighted by share."
    )
