"""Flight plans: the equation of motion read backwards, from a wanted share to investment and efforts."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.planning import PathKind, PlanSettings
from pipeline.config.settings import Given, settings_of
from pipeline.errors import PlanError
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.members import Member, ModelChoice, model_weights
from pipeline.forecasting.model_choice import BEST, VERDICT, pattern_of
from pipeline.forecasting.open_market import open_market, read_market
from pipeline.forecasting.periods import periods_until
from pipeline.forecasting.total_sales import describe_total
from pipeline.names import Label
from pipeline.planning.chance import Chance, Contender, Futures, chance_of, sure_market
from pipeline.planning.planner import Planner, Solution, planner_of
from pipeline.planning.search.aim import aim_for
from pipeline.planning.steady import Holding
from pipeline.results.frames.table import Table
from pipeline.results.frames.tabular import Tabular
from pipeline.results.opened import require_opened
from pipeline.results.select import select_models
from pipeline.results.stored_fit import stored_replicates
from pipeline.results.totals.comparison import TotalUse
from pipeline.results.totals.continuation import TotalForecast
from pipeline.store.format.plan import PLAN_QUANTILES

if TYPE_CHECKING:
    from pipeline.results.results import Results

#: The difference of two investments is right to this part of them.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class FlightPlan(Tabular):
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
    way : int
        How many of them lie before the deadline; in those after it the target is held.
    start, target : float
        Share now, and wanted at the end.
    path : str
        ``cheapest``, ``linear`` or ``logistic``.
    plan : Solution
        To the target, or to the nearest share that can be reached.
    hold : Solution
        Holding the present share over the same periods, for comparison.
    holding, holding_target : Holding
        What the present share and the target cost per period once carry-over and lags have settled.
    widened : tuple of str
        Levers with a bound that was left open, which is what the firm was seen to do, widened.
    widen : float
        Times by which it is widened.
    cost : float
        Discounted money of the plan, currency.
    run_down : float
        What it would cost after the last period to bring goodwill to where it is when the target is held for
        long, currency; below 0 where the plan leaves more. It counts against the money of the cheapest path.
    budget_share : float or None
        Share that the budget of the settings can hold.
    probability : float or None
        Chance that was asked for.
    chance : Chance
        Of coming to the target or beyond with these efforts, by futures that the plan was not made on.
    band : (Q, H) array or None
        Quantiles `PLAN_QUANTILES` of the share with these efforts; None without draws.
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
    way: int
    start: float
    target: float
    path: PathKind
    plan: Solution
    hold: Solution
    holding: Holding
    holding_target: Holding
    widened: tuple[str, ...]
    widen: float
    cost: float
    run_down: float
    budget_share: float | None
    probability: float | None
    chance: Chance
    band: Floats | None = None
    choice: ModelChoice | None = None
    total_use: TotalUse | None = None
    axes = ("time",)

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return f"Flight plan of {self.firm}, market {self.market}, model {self.model}"

    def course(self, solution: Solution) -> Table:
        """One row for every period of a way: share, investment, expenses, and all efforts of the firm."""
        own, moving = solution.investment.own, solution.investment.moving
        times = self.times.astype("datetime64[D]") if self.times.dtype.kind == "M" else self.times
        columns: dict[str, np.ndarray] = {
            "time": times,
            "share": solution.course.share[:, self.place],
            "investment": own,
            "holding": solution.investment.holding,
            "moving": np.where(np.abs(moving) < _ROUNDING * np.abs(own), 0.0, moving),
            "expenses": solution.expenses,
        }
        for effort, name in enumerate(self.efforts):
            columns[name] = solution.course.chosen[effort, :, self.place]
        return Table(columns)

    @property
    def table(self) -> Table:
        """One row for every period: share, investment, expenses, all efforts of the firm; and the answer."""
        answer = {
            "target": self.target,
            "feasible": self.feasible,
            "binding": "" if self.feasible else self.plan.in_the_way,
            "money": float(self.plan.expenses[: self.way].sum()),
            "money_after": float(self.plan.expenses[self.way :].sum()),
            "margin_given_up": float(self.plan.given_up[: self.way].sum()),
            "goodwill_run_down": self.run_down,
            "holding_cost": self.holding.cost,
            "holding_cost_of_target": self.holding_target.cost,
            "chance": self.chance.value,
            "chance_error": self.chance.error,
            "model": self.model,
            "chosen_by": self.choice.by if self.choice else "asked",
        }
        way = Table({**self.course(self.plan).columns, "total_sales": self.plan.course.total})
        return way.beside(answer | (self.total_use.facts() if self.total_use else {}))

    @property
    def feasible(self) -> bool:
        """Whether the target is reached, or more, within the bounds."""
        return not self.plan.binding


def flight_plan(results: "Results", settings: Given[PlanSettings]) -> FlightPlan:
    """Plan the way of a firm to a share on a calibrated market.

    Parameters
    ----------
    results
        Where the fits are.
    settings
        Target, deadline, bounds, ...: `PlanSettings`, a YAML file or a mapping.

    Returns
    -------
    FlightPlan
        Efforts and shares by period, what they cost in currency, what holding the target costs, whether it
        can be reached and which bound is in the way.

    Raises
    ------
    ConfigError
        A file or mapping that makes no settings.
    QueryError
        A market, model or firm that the store does not have, or a deadline in the past.
    PlanError
        Nothing that the firm could change, or bounds that make no sense.
    ForecastError
        Shares cannot be computed for these efforts.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> plan = beed.flight_plan(store, {"firm": "Burabay", "target": 0.36, "by": "+6"})
    >>> plan.feasible, plan.way
    (True, 6)
    """
    require_opened(results)
    settings = settings_of(PlanSettings, settings, what="plan")
    market, total = market_to_plan(results, settings)
    plan = plan_market(market, settings, total, contenders(results, settings, market))
    return replace(plan, total_use=describe_total(settings.total_sales, market, total))


def market_to_plan(results: "Results", settings: PlanSettings) -> tuple[ForecastMarket, TotalForecast]:
    """Open the market of a plan up to its last period; raises as `flight_plan` does for what is not there."""
    time = results.panel()["time"]
    horizon = periods_until(time.values, str(time.attrs.get("frequency", "1")), settings.by)
    horizon += settings.value_after
    models = select_models(results.sweep, pattern_of(settings.model))
    return open_market(results, settings, models, horizon)


def contenders(results: "Results", settings: PlanSettings, market: ForecastMarket) -> tuple[Contender, ...]:
    """Give a market under all models that the chance of a plan is drawn from, with their weights."""
    members: tuple[Member, ...] = (Member(market.model, 1.0),)
    criterion = settings.uncertainty.models
    if criterion not in (VERDICT, BEST):
        members = model_weights(results, market.market, select_models(results.sweep, None), criterion)
    markets = [
        market
        if member.model == market.model
        else read_market(results, market.market, member.model, market.horizon, settings.start)
        for member in members
    ]
    return tuple(
        Contender(one, member.weight, stored_replicates(results, one.market, one.model, one.names))
        for one, member in zip(markets, members, strict=True)
    )


def plan_market(
    market: ForecastMarket,
    settings: PlanSettings,
    total: TotalForecast,
    contenders: tuple[Contender, ...] = (),
) -> FlightPlan:
    """Plan the way of a firm on a market at hand; see `flight_plan`.

    The chance is drawn from the ``contenders``; by default from the market alone.
    """
    among = contenders or (Contender(market),)
    market = sure_market(market)
    planner, deadline = planner_of(market, settings, total), market.horizon - 1 - settings.value_after
    controls, firm, start = planner.controls, planner.controls.firm, planner.start
    target = start if settings.target is None else settings.target
    plan = _planned(planner, target, among, total)
    hold = plan if target == start else planner.solve(start, "linear")
    hold = planner.spend_least(start) or hold
    steady = planner.steady(float(plan.course.total.mean()))
    at_target = steady.hold(target)
    levers = tuple(market.efforts[effort] for effort in controls.index)
    outcomes = Futures(among, settings, controls, total, batch=1).shares(plan.own)
    return FlightPlan(
        market=market.market,
        model=market.model,
        firm=market.firms[firm],
        place=firm,
        efforts=market.efforts,
        levers=levers,
        times=market.times,
        way=market.horizon - settings.value_after,
        start=start,
        target=target,
        path=settings.path,
        plan=plan,
        hold=hold,
        holding=steady.hold(start),
        holding_target=at_target,
        widened=tuple(name for name in levers if None in settings.bounds.get(name, (None, None))),
        widen=settings.widen,
        cost=float(planner.discount @ plan.expenses),
        run_down=float((planner.goodwill * (at_target.efforts[:, np.newaxis] - plan.own)).sum()),
        budget_share=None if settings.budget is None else steady.share_of_budget(settings.budget),
        probability=settings.probability,
        chance=chance_of(outcomes[:, deadline], target),
        band=np.quantile(outcomes, PLAN_QUANTILES, axis=0) if len(outcomes) else None,
        choice=market.choice,
    )


def _planned(planner: Planner, target: float, among: tuple[Contender, ...], total: TotalForecast) -> Solution:
    """Plan the way to the target, or to the share that makes it as likely as was asked for."""
    settings = planner.settings
    least = planner.spend_least(target) if settings.path == "cheapest" else None
    if settings.probability is None:
        return least or planner.solve(target, settings.path)
    if not settings.uncertainty.draws:
        raise PlanError("Got a probability and no draws; expected uncertainty.draws of 100 or more.")
    futures = Futures(among, settings, planner.controls, total)
    deadline = planner.market.horizon - 1 - settings.value_after
    if least is not None and futures.chance(least.own, target, deadline).value >= settings.probability:
        return least

    def aimed(share: float) -> Solution:
        # The chance is that of the deadline: after it the target is held, and not what was aimed at.
        return planner.solve(share, settings.path, hold=min(share, target))

    return aim_for(aimed, futures, target, settings.probability, deadline)
