"""Flight plans: the equation of motion read backwards, from a wanted share to investment and efforts."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.sections.planning import PathKind, PlanSettings
from pipeline.errors import PlanError
from pipeline.forecasting.draws import draw_parameters, stored_replicates
from pipeline.forecasting.efforts import EffortPlan, held_efforts
from pipeline.forecasting.market import FutureMarket, future_market
from pipeline.forecasting.periods import periods_until
from pipeline.forecasting.response import ResponseAhead
from pipeline.forecasting.total_sales import TotalForecast, market_total
from pipeline.forecasting.trajectory import Ahead, ForecastError, simulate_ahead
from pipeline.planning.allocation import between
from pipeline.planning.budget import share_of_budget, steady_market
from pipeline.planning.cheapest import cheapest_course, refuse_many
from pipeline.planning.choose import best_model, can_plan, one_market
from pipeline.planning.controls import Levers, make_levers
from pipeline.planning.investment import Investment, account
from pipeline.planning.objective import Course
from pipeline.planning.track import follow_path, wanted_path
from pipeline.seeds import fit_seed

if TYPE_CHECKING:
    from pipeline.results.results import Results

Floats = NDArray[np.float64]

# Rivals who react are asked again until their efforts agree with the plan, relative to how large efforts
# are; the plan is brought to the target exactly afterwards, rivals reacting.
_ROUNDS = 12
_AGREE = 1e-6
_ROUNDING = 1e-11


@dataclass(frozen=True, slots=True)
class BoundHit:
    """A bound that stands in the way: the effort, its value there, and in how many periods."""

    effort: str
    value: float
    side: str
    periods: int


@dataclass(frozen=True, eq=False)
class Solution:
    """A course of one firm over H periods. L levers, K efforts, N firms.

    Attributes
    ----------
    own : (L, H) array
        What it does with its levers.
    course : Ahead
        Shares, efforts and f of all firms when it is simulated forward.
    expenses : (H,) array
        Money of the firm, currency per period.
    investment : Investment
        Effective investment of the firm.
    reached : float
        Share at the end.
    binding : tuple of BoundHit
        Empty when the target is reached.
    """

    own: Floats
    course: Ahead
    expenses: Floats
    investment: Investment
    reached: float
    binding: tuple[BoundHit, ...]


@dataclass(frozen=True, eq=False)
class FlightPlan:
    """How a firm comes to a share.

    Attributes
    ----------
    market, model, firm
        Whose plan it is.
    place : int
        Position of the firm along the firm axis of the courses.
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
    """

    market: Any
    model: str
    firm: Any
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
        The market has no course under these efforts.
    """
    label = one_market(results, settings.market)
    model = best_model(results, label, settings.model, can_plan)
    panel = results.panel()
    frequency = str(panel["time"].attrs.get("frequency", "1"))
    horizon = periods_until(panel["time"].values, frequency, settings.by)
    market = future_market(results, label, model, horizon, settings.start)
    total = market_total(settings.total_sales, market)
    return plan_market(market, settings, total, stored_replicates(results, market))


def plan_market(
    market: FutureMarket,
    settings: PlanSettings,
    total: TotalForecast,
    replicates: Floats | None = None,
) -> FlightPlan:
    """Plan the way of a firm on a market at hand; see `flight_plan`."""
    firm = market.firm_index(settings.firm)
    levers = make_levers(market, firm, settings.bounds, settings.prices)
    pilot = _Pilot(market, settings, levers, total.median)
    start = float(market.share[firm])
    target = start if settings.target is None else settings.target
    plan = pilot.solve(target, settings.path)
    hold = plan if target == start else pilot.solve(start, "linear")
    hold = pilot.idle(start) or hold
    if target >= start and settings.path == "cheapest":
        plan = pilot.idle(target) or plan
    share = None if settings.budget is None else pilot.share_of_budget(settings.budget)
    return FlightPlan(
        market=market.market,
        model=market.model,
        firm=market.firms[firm],
        place=firm,
        efforts=market.efforts,
        levers=tuple(market.efforts[place] for place in levers.index),
        times=market.times,
        start=start,
        target=target,
        path=settings.path,
        plan=plan,
        hold=hold,
        cost=float(pilot.discount @ plan.expenses),
        budget_share=share,
        probability=pilot.probability(plan, target, total, replicates),
    )


class _Pilot:
    """One firm on one market, with everything that does not depend on the target."""

    def __init__(self, market: FutureMarket, settings: PlanSettings, levers: Levers, total: Floats) -> None:
        self.market, self.settings, self.levers, self.total = market, settings, levers, total
        self.ahead = ResponseAhead(market, market.theta)
        planner = [place == levers.firm for place in range(market.firms.size)]
        held = held_efforts(market, settings.rivals, planner)
        planned = held.reaction.planned.copy()
        planned[levers.index, levers.firm] = True
        self.base = replace(held, reaction=replace(held.reaction, planned=planned))
        self.discount = (1.0 - settings.discount) ** np.cumsum(market.duration) * market.duration

    def with_own(self, own: Floats) -> EffortPlan:
        """Efforts of all firms when this one does ``own``, rivals reacting."""
        value = self.levers.put(self.base.value, own)[:, :, self.levers.firm]
        return self.base.with_values(self.levers.firm, value)

    def simulate(self, own: Floats) -> Ahead:
        return simulate_ahead(
            self.market, self.market.theta, self.with_own(own), self.total, ahead=self.ahead
        )

    def end(self, own: Floats) -> float:
        return float(self.simulate(own).share[-1, self.levers.firm])

    def solve(self, target: float, path: PathKind) -> Solution:
        """Find the levers that end at the target, or as near to it as the bounds allow."""
        if path == "cheapest":
            refuse_many(self.levers.low.size)
        now = np.clip(
            self.base.value[self.levers.index, :, self.levers.firm], self.levers.low, self.levers.high
        )
        course, own = self._course(now), now
        for _ in range(_ROUNDS):
            worst, best = course.extremes()
            own = self._choose(course, target, path, worst, best, own)
            following = self._course(own)
            change = np.abs(following.efforts - course.efforts)
            change[self.levers.index, :, self.levers.firm] = 0.0
            course = following
            if change.max() <= _AGREE * np.abs(following.efforts).max():
                break
        worst, best = course.extremes()
        own = self._snapped(between(self.end, target, own, worst, best))
        return self._solution(own, target, worst, best)

    def _snapped(self, own: Floats) -> Floats:
        """Take efforts that are at a bound but for rounding to the bound."""
        low, high = self.levers.low, self.levers.high
        near = _ROUNDING * (high - low)
        return np.where(own - low <= near, low, np.where(high - own <= near, high, own))

    def idle(self, target: float) -> Solution | None:
        """Spend as little as the bounds allow, if that brings the share to the target or beyond at its end.

        Along the way the share stays at the present one or the target, whichever is less.
        """
        own = self.levers.low
        found = self.simulate(own).share[:, self.levers.firm]
        floor = min(target, float(self.market.share[self.levers.firm]))
        if found[-1] < target or found.min() < floor:
            return None
        return replace(self._solution(own, float(found[-1]), own, own), binding=())

    def _course(self, own: Floats) -> Course:
        """Hold the rivals' efforts at their answer to ``own``."""
        efforts = self.simulate(own).efforts
        return Course(
            self.market,
            self.market.theta,
            self.ahead,
            self.levers,
            efforts,
            self.total,
            self.discount,
            self.settings.margin,
        )

    def _choose(
        self, course: Course, target: float, path: PathKind, worst: Floats, best: Floats, now: Floats
    ) -> Floats:
        if target >= course.end(best):
            return best
        if target <= course.end(worst):
            return worst
        start = float(self.market.share[self.levers.firm])
        straight = wanted_path("linear" if path == "cheapest" else path, start, target, self.market.duration)
        along = follow_path(course, straight, worst, best)
        if path != "cheapest":
            return along
        floor = start if self.settings.keep and target >= start else 0.0
        return cheapest_course(course, target, worst, best, (along, now), floor)

    def _solution(self, own: Floats, target: float, worst: Floats, best: Floats) -> Solution:
        found = self.simulate(own)
        reached = float(found.share[-1, self.levers.firm])
        course = self._course(own)
        missed = abs(reached - target) > 1e-8
        return Solution(
            own=own,
            course=found,
            expenses=course.expenses(own, found.share),
            investment=account(self.market, self.market.theta, found.response, self.total, self.levers.firm),
            reached=reached,
            binding=self._binding(own, best if reached < target else worst) if missed else (),
        )

    def _binding(self, own: Floats, wall: Floats) -> tuple[BoundHit, ...]:
        levers, hits = self.levers, []
        slope = self.ahead.slope(self.simulate(own).efforts)[1][levers.index, :, levers.firm]
        for row, place in enumerate(levers.index):
            against = (own[row] == wall[row]) & (slope[row] != 0.0) & (levers.high[row] > levers.low[row])
            if against.any():
                value = float(own[row][against][-1])
                side = "upper" if value == levers.high[row][against][-1] else "lower"
                hits.append(BoundHit(self.market.efforts[place], value, side, int(against.sum())))
        return tuple(hits) or (BoundHit("every effort", float("nan"), "own best", self.market.horizon),)

    def share_of_budget(self, money: float) -> float:
        """Find the share that a budget holds while rivals do on average what they do over the horizon."""
        steady, first = steady_market(self.market), slice(0, 1)
        levers = replace(self.levers, low=self.levers.low[:, first], high=self.levers.high[:, first])
        efforts = self.base.value.mean(axis=1, keepdims=True)
        course = Course(
            steady,
            steady.theta,
            ResponseAhead(steady, steady.theta),
            levers,
            efforts,
            np.array([self.total.mean()]),
            np.ones(1),
        )
        return share_of_budget(course, money)

    def probability(
        self, plan: Solution, target: float, total: TotalForecast, replicates: Floats | None
    ) -> float:
        """Part of the draws in which the plan comes to the target or beyond."""
        settings, market = self.settings, self.market
        if settings.draws == 0:
            return float("nan")
        rng = np.random.default_rng(fit_seed(settings.seed, market.model, market.market))
        totals = total.draw(rng, settings.draws, noise=False)
        upwards = target >= float(market.share[self.levers.firm])
        efforts, count, reached = self.with_own(plan.own), 0, 0
        for course in totals:
            theta = draw_parameters(market, 1, rng, replicates)[0]
            try:
                end = simulate_ahead(market, theta, efforts, course, guess=plan.course.share).share[-1]
            except (ForecastError, ValueError, ArithmeticError):
                continue
            # A plan that ends on the target to rounding is on it, also where a draw changes nothing.
            miss = float(end[self.levers.firm]) - target
            reached += (miss >= -1e-9) if upwards else (miss <= 1e-9)
            count += 1
        if count == 0:
            raise PlanError(
                f"None of {settings.draws} draws of the parameters of {market.model} has a course; ask for "
                "no draws (--set draws=0)."
            )
        return reached / count
