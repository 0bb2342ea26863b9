"""Flight plans: the equation of motion read backwards, from a wanted share to investment and efforts."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.planning import PathKind, PlanSettings
from pipeline.forecasting.draws import stored_replicates
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.members import ModelChoice
from pipeline.forecasting.model_choice import pattern_of
from pipeline.forecasting.open_market import open_market
from pipeline.forecasting.periods import periods_until
from pipeline.forecasting.total_sales import TotalForecast
from pipeline.forecasting.totals.comparison import TotalUse, describe_total
from pipeline.names import Label
from pipeline.planning.answering_total import settled_planner
from pipeline.planning.controls import make_controls
from pipeline.planning.plannable import plannable_models
from pipeline.planning.planner import Solution
from pipeline.planning.probability import probability_of_target

if TYPE_CHECKING:
    from pipeline.results.results import Results


@dataclass(frozen=True, eq=False)
class FlightPlan:
    """How a firm comes to a share.

    Attributes
    ----------
    market, model, firm
        Whose plan it is.
    place : int
        Position of the firm along the firm axis of the trajectories.
    efforts : tuple of str
        Names of all K efforts.
    levers : tuple of str
        Those that it changes.
    times : (H,) array
        Labels of the periods.
    start, target : float
        Share now, and wanted at the end.
    path : str
        ``cheapest``, ``linear`` or ``logistic``.
    plan : Solution
        To the target, or to the nearest share that can be reached.
    hold : Solution
        Holding the present share over the same periods, for comparison.
    cost : float
        Discounted money of the plan, currency.
    budget_share : float or None
        Share that the budget of the settings can hold.
    probability : float
        Of coming to the target or beyond under uncertain parameters and total sales; nan without draws.
    choice : ModelChoice or None
        Why it is this model.
    total_use : TotalUse or None
        What total sales follow; None for a market made by hand.
    """

    market: Label
    model: str
    firm: Label
    place: int
    efforts: tuple[str, ...]
    levers: tuple[str, ...]
    times: np.ndarray
    start: float
    target: float
    path: PathKind
    plan: Solution
    hold: Solution
    cost: float
    budget_share: float | None
    probability: float
    choice: ModelChoice | None = None
    total_use: TotalUse | None = None

    @property
    def feasible(self) -> bool:
        """Whether the target is reached, or more, within the bounds."""
        return not self.plan.binding


def flight_plan(results: "Results", settings: PlanSettings) -> FlightPlan:
    """Plan the way of a firm to a share on a calibrated market.

    Raises
    ------
    QueryError
        A market, model or firm that the store does not have, or a deadline in the past.
    PlanError
        Nothing that the firm could change, or bounds that make no sense.
    ForecastError
        Shares cannot be computed for these efforts.
    """
    time = results.panel()["time"]
    horizon = periods_until(time.values, str(time.attrs.get("frequency", "1")), settings.by)
    models = plannable_models(results, pattern_of(settings.model))
    market, total = open_market(results, settings, models, horizon)
    plan = plan_market(market, settings, total, stored_replicates(results, market))
    return replace(plan, total_use=describe_total(settings.total_sales, market, total))


def plan_market(
    market: ForecastMarket,
    settings: PlanSettings,
    total: TotalForecast,
    replicates: Floats | None = None,
) -> FlightPlan:
    """Plan the way of a firm on a market at hand; see `flight_plan`."""
    firm = market.firm_index(settings.firm)
    controls = make_controls(market, firm, settings.bounds, settings.prices)
    planner, plan = settled_planner(market, settings, controls, total)
    start = planner.start
    target = start if settings.target is None else settings.target
    hold = plan if target == start else planner.solve(start, "linear")
    hold = planner.spend_least(start) or hold
    if target >= start and settings.path == "cheapest":
        plan = planner.spend_least(target) or plan
    return FlightPlan(
        market=market.market,
        model=market.model,
        firm=market.firms[firm],
        place=firm,
        efforts=market.efforts,
        levers=tuple(market.efforts[effort] for effort in controls.index),
        times=market.times,
        start=start,
        target=target,
        path=settings.path,
        plan=plan,
        hold=hold,
        cost=float(planner.discount @ plan.expenses),
        budget_share=None if settings.budget is None else planner.share_of_budget(settings.budget),
        probability=probability_of_target(planner, plan, target, total, replicates),
        choice=market.choice,
    )
