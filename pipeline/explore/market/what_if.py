"""What shares would become if firms did otherwise from now on: a market prepared once, asked many times."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pipeline.config.sections.scenario import Scenario, TotalSection
from pipeline.explore.market.levers import Lever, levers_of
from pipeline.names import Label

# What computes is imported when a market is first asked about.
if TYPE_CHECKING:
    from pipeline.forecasting.market import ForecastMarket
    from pipeline.forecasting.response import ForecastResponse
    from pipeline.forecasting.trajectory import ShareTrajectory
    from pipeline.results.results import Results
    from pipeline.results.totals.answering import TotalSales

NAME = "what-if"
"""Of the scenarios that are made here."""


@dataclass(frozen=True, eq=False)
class WhatIf:
    """A market of N firms under one model, ready to be followed through its H periods to come.

    Attributes
    ----------
    market : ForecastMarket
    response : ForecastResponse
        Its f, with what carries over from the past computed.
    total : (H,) array or AnsweringTotal
        Sales of the whole market, currency per period.
    levers : tuple of Lever
        What can be set.
    carried : ShareTrajectory
        Its course when every firm goes on as in the last period.
    past_times : (T,) array
        Labels of the known periods.
    currency : str
        Unit of sales.
    """

    market: "ForecastMarket"
    response: "ForecastResponse"
    total: "TotalSales"
    levers: tuple[Lever, ...]
    carried: "ShareTrajectory"
    past_times: np.ndarray
    currency: str
    # The kernels write into arrays that are made once for a market.
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def follow(self, state: Mapping[Lever, float]) -> "ShareTrajectory":
        """Follow the market when some efforts have other values in all periods to come.

        Raises
        ------
        QueryError
            A value outside the domain of its curve.
        ForecastError
            f is not finite, or negative where it must not be.
        """
        from pipeline.forecasting.efforts import plan_efforts
        from pipeline.forecasting.trajectory import simulate_trajectory

        if not state:
            return self.carried
        plan = plan_efforts(scenario_of(self.market, state), self.market)
        with self._turn:
            return simulate_trajectory(self.response, plan, self.total)

    def expense(self, course: "ShareTrajectory") -> np.ndarray:
        """Money (H, N) that firms spend on efforts that are money, currency per period."""
        unit_cost = self.market.unit_cost(course.share * course.total[:, np.newaxis])
        return np.asarray((course.efforts * unit_cost).sum(axis=0))


def prepare(results: "Results", market: Label, model: str, horizon: int) -> WhatIf:
    """Prepare a market under a model for the periods after its data.

    Raises
    ------
    QueryError
        No such market or model, or no usable fit.
    ForecastError
        Its shares cannot be followed even if all stays as it is.
    """
    from pipeline.forecasting.efforts import plan_efforts
    from pipeline.forecasting.open_market import read_market
    from pipeline.forecasting.response import ForecastResponse
    from pipeline.forecasting.total_sales import market_total
    from pipeline.forecasting.trajectory import simulate_trajectory

    opened = read_market(results, market, model, horizon)
    response = ForecastResponse(opened)
    total = market_total(TotalSection(), opened).course(response)
    carried = simulate_trajectory(response, plan_efforts(scenario_of(opened, {}), opened), total)
    panel = results.lazy_panel
    return WhatIf(
        market=opened,
        response=response,
        total=total,
        levers=levers_of(opened),
        carried=carried,
        past_times=panel["time"].values[np.searchsorted(panel["period"].values, opened.past_period)],
        currency=str(panel["sales"].attrs.get("units", "")),
    )


def scenario_of(market: "ForecastMarket", state: Mapping[Lever, float]) -> Scenario:
    """Give the scenario, without bands, in which efforts have other values in all periods to come."""
    firms: dict[str, dict[str, dict[str, float]]] = {}
    for lever, value in state.items():
        plans = firms.setdefault(str(market.firms.tolist()[lever.firm]), {})
        plans[market.efforts[lever.effort]] = {"value": value}
    return Scenario.model_validate(
        {
            "scenario": NAME,
            "markets": [str(market.market)],
            "models": [market.model],
            "horizon": market.horizon,
            "firms": firms,
            "uncertainty": {"draws": 0},
        }
    )
