"""One firm's search for the efforts that take it to a share, on a market whose other firms may react."""

from dataclasses import dataclass, replace

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.planning import PathKind, PlanSettings
from pipeline.forecasting.efforts import EffortPlan, held_efforts
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.periods import one_per_period
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.trajectory import ShareTrajectory, simulate_trajectory
from pipeline.planning.controls import Controls, make_controls
from pipeline.planning.goodwill import goodwill_part
from pipeline.planning.investment import Investment, split_investment
from pipeline.planning.objective import PlanObjective, end_share
from pipeline.planning.search.allocation import between
from pipeline.planning.search.cheapest import NEARBY_STEPS, cheapest_path, refuse_many
from pipeline.planning.search.furthest import reachable
from pipeline.planning.search.limits import keeps_limits
from pipeline.planning.search.track import follow_path, wanted_path
from pipeline.planning.steady import SteadyMarket
from pipeline.results.totals.answering import TotalSales, reference_sales
from pipeline.results.totals.continuation import TotalForecast

# Rivals who react are asked again until their efforts agree with the plan, relative to how large efforts
# are; the plan is brought to the target exactly afterwards, rivals reacting.
_ROUNDS = 12
_AGREEMENT = 1e-6
_ROUNDING = 1e-11
# A share farther from the target than this has missed it.
_MISS = 1e-8


@dataclass(frozen=True, slots=True)
class BoundHit:
    """A bound that keeps the share from the target: the effort, its value there, and in how many periods.

    ``value`` is None where no bound is in the way: no effort moves the share further at all.
    """

    effort: str
    value: float | None
    side: str
    periods: int


@dataclass(frozen=True, eq=False)
class Solution:
    """What one firm does over H periods, and what comes of it. L controls, K efforts, N firms.

    Attributes
    ----------
    own : (L, H) array
        Values of the controls.
    levers : (L, H) array
        What the firm sets by them: efforts, and prices in currency.
    course : ShareTrajectory
        Shares, efforts and f of all firms when it is simulated forward.
    expenses : (H,) array
        Money of the firm, currency per period, the margin given up included.
    given_up : (H,) array
        Margin that its price gives up against its usual price, currency per period.
    investment : Investment
        Effective investment of the firm.
    reached : float
        Share at the deadline; less, where one after it is below what is held: see `end_share`.
    binding : tuple of BoundHit
        Empty when the target is reached.
    """

    own: Floats
    levers: Floats
    course: ShareTrajectory
    expenses: Floats
    given_up: Floats
    investment: Investment
    reached: float
    binding: tuple[BoundHit, ...]

    @property
    def in_the_way(self) -> str:
        """Say which bounds the target is not reached for."""
        if any(hit.value is None for hit in self.binding):
            return "no effort within its bounds moves the share any nearer"
        hits = [f"{hit.effort} at its {hit.side} bound {hit.value:.4g}" for hit in self.binding]
        return " and ".join(hits) + (" stands in the way" if len(hits) == 1 else " stand in the way")


class Planner:
    """One firm on one market, with everything that does not depend on the target.

    Parameters
    ----------
    market : ForecastMarket
    settings : PlanSettings
    controls : Controls
        What the firm may change.
    total : (H,) array or AnsweringTotal
        Total sales, currency per period.
    """

    def __init__(
        self, market: ForecastMarket, settings: PlanSettings, controls: Controls, total: TotalSales
    ) -> None:
        self.market, self.settings, self.controls, self.total = market, settings, controls, total
        self.response = ForecastResponse(market)
        held = held_efforts(
            market, settings.rivals, [firm == controls.firm for firm in range(market.firms.size)]
        )
        planned = held.reaction.planned.copy()
        planned[controls.index, controls.firm] = True
        self.held = held.with_planned(planned)
        self.discount = market.discount_weights(settings.discount)
        self.start = float(market.share[controls.firm])
        self.after, self._held_part = settings.value_after, 1.0
        self._cap = None if settings.cap is None else one_per_period(settings.cap, market.horizon, "caps")
        self.goodwill = np.zeros_like(controls.low)
        if self.response.carries:
            sales = (settings.target or self.start) * reference_sales(total)[-1]
            # What a price leaves behind is no stock that money restores.
            unit_cost = np.where(controls.is_price, 0.0, controls.unit_cost(sales))
            self.goodwill = goodwill_part(self.response, controls) * unit_cost[:, np.newaxis]

    def effort_plan(self, values: Floats) -> EffortPlan:
        """Efforts of all firms when the controls have ``values`` (L, H), rivals reacting."""
        firm = self.controls.firm
        return self.held.with_values(firm, self.controls.put(self.held.value, values)[:, :, firm])

    def solve(
        self, target: float, path: PathKind, hold: float | None = None, near: Floats | None = None
    ) -> Solution:
        """Find the controls that end at the target, or as near to it as the bounds allow.

        After the deadline the share is ``hold`` or more, by default the target. The cheapest path is searched
        from controls ``near`` (L, H) where they are given: those of the same plan on nearly this market.

        Raises
        ------
        PlanError
            The cheapest path would be searched over too many unknowns.
        ForecastError
            Shares cannot be computed for efforts within the bounds.
        """
        if path == "cheapest":
            refuse_many(self.controls.low.size)
        self._held_part = 1.0 if hold is None else hold / target
        values = np.clip(self.controls.take(self.held.value), self.controls.low, self.controls.high)
        objective = self._objective(values)
        for _ in range(_ROUNDS):
            worst, best = reachable(objective)
            values = self._choose(objective, target, path, (worst, best), values, near)
            following = self._objective(values)
            change = np.abs(following.efforts - objective.efforts)
            change[self.controls.index, :, self.controls.firm] = 0.0
            objective = following
            if change.max() <= _AGREEMENT * np.abs(following.efforts).max():
                break
        worst, best = reachable(objective)
        values = self._snapped(between(self._last_share, target, values, worst, best))
        return self._solution(values, target, worst, best)

    def spend_least(self, target: float) -> Solution | None:
        """Spend as little as the bounds allow, if that brings the share to the target or beyond at its end.

        Along the way the share stays at the present one or the target, whichever is less.
        """
        values, self._held_part = self.controls.low, 1.0
        share = self._simulate(values).share[:, self.controls.firm]
        reached = end_share(share, self.after)
        if reached < target or share.min() < min(target, self.start):
            return None
        if self._cap is not None and not keeps_limits(self._objective(values), values):
            return None
        return replace(self._solution(values, reached, values, values), binding=())

    def steady(self, total: float) -> SteadyMarket:
        """Give the long run of the market, rivals doing on average what they do over the horizon.

        ``total`` are its sales, currency per period.
        """
        market, settings, firm = self.market, self.settings, self.controls.firm
        # Ramps only tell how fast one comes there.
        controls = make_controls(
            market, firm, settings.bounds, settings.prices, widen=settings.widen, margin=settings.margin
        )
        return SteadyMarket(market, controls, self.held.value, total)

    def _simulate(self, values: Floats) -> ShareTrajectory:
        return simulate_trajectory(self.response, self.effort_plan(values), self.total)

    def _last_share(self, values: Floats) -> float:
        share = self._simulate(values).share[:, self.controls.firm]
        return end_share(share, self.after, self._held_part)

    def _objective(self, values: Floats) -> PlanObjective:
        """Hold the rivals' efforts at their answer to ``values`` (L, H)."""
        efforts = self._simulate(values).chosen
        return PlanObjective(
            response=self.response,
            controls=self.controls,
            efforts=efforts,
            total=self.total,
            discount=self.discount,
            margin=self.settings.margin,
            after=self.after,
            held_part=self._held_part,
            goodwill=self.goodwill * self.discount[-1] / self.market.duration[-1],
            cap=self._cap,
        )

    def _choose(
        self,
        objective: PlanObjective,
        target: float,
        path: PathKind,
        ends: tuple[Floats, Floats],
        present: Floats,
        near: Floats | None,
    ) -> Floats:
        """Find controls (L, H) for the target while the rivals' efforts stay what they are."""
        worst, best = ends
        if target >= objective.last_share(best):
            return best
        if target <= objective.last_share(worst):
            return worst
        floor = min(self.start, target) if self.settings.keep else 0.0
        if near is not None and path == "cheapest":
            return cheapest_path(objective, target, worst, best, (near,), floor, NEARBY_STEPS)
        kind: PathKind = "linear" if path == "cheapest" else path
        wanted = wanted_path(kind, self.start, target, self.market.duration, self.after, objective.held_part)
        followed = follow_path(objective, wanted, worst, best)
        if path != "cheapest":
            return followed
        return cheapest_path(objective, target, worst, best, (followed, present), floor)

    def _snapped(self, values: Floats) -> Floats:
        """Take controls that are at a bound but for rounding to the bound."""
        low, high = self.controls.low, self.controls.high
        near = _ROUNDING * (high - low)
        return np.where(values - low <= near, low, np.where(high - values <= near, high, values))

    def _solution(self, values: Floats, target: float, worst: Floats, best: Floats) -> Solution:
        trajectory = self._simulate(values)
        reached = end_share(trajectory.share[:, self.controls.firm], self.after, self._held_part)
        missed, objective = abs(reached - target) > _MISS, self._objective(values)
        return Solution(
            own=values,
            levers=self.controls.chosen(values),
            course=trajectory,
            expenses=objective.expenses(values, trajectory.share, trajectory.total),
            given_up=objective.given_up(values, trajectory.share, trajectory.total),
            investment=split_investment(
                self.market, self.market.theta, trajectory.response, trajectory.total, self.controls.firm
            ),
            reached=reached,
            binding=self._binding(values, best if reached < target else worst) if missed else (),
        )

    def _binding(self, values: Floats, extreme: Floats) -> tuple[BoundHit, ...]:
        """Bounds at which controls (L, H) are at the extreme that would help further, and f still moves."""
        controls, hits = self.controls, []
        slope = np.einsum("lssn->ls", np.abs(self._objective(values).influence(values)[1]))
        for row, effort in enumerate(controls.index):
            has_room = controls.high[row] > controls.low[row]
            against = (values[row] == extreme[row]) & (slope[row] != 0.0) & has_room
            if against.any():
                last = int(np.flatnonzero(against)[-1])
                # The largest discount is the lowest price.
                is_upper = (values[row, last] == controls.high[row, last]) != controls.is_price[row]
                value = float(controls.chosen(values)[row, last])
                side = "upper" if is_upper else "lower"
                hits.append(BoundHit(self.market.efforts[effort], value, side, int(against.sum())))
        return tuple(hits) or (BoundHit("every effort", None, "best", self.market.horizon),)


def planner_of(market: ForecastMarket, settings: PlanSettings, total: TotalForecast) -> Planner:
    """Give the planner of the firm of the settings, with what it may change.

    Raises
    ------
    QueryError
        No such firm.
    PlanError
        Nothing that it could change, or bounds that make no sense.
    """
    controls = make_controls(
        market,
        market.firm_index(settings.firm),
        settings.bounds,
        settings.prices,
        widen=settings.widen,
        ramps=settings.ramps,
        margin=settings.margin,
    )
    return Planner(market, settings, controls, total.course(ForecastResponse(market)))
