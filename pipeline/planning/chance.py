"""How likely what a firm does brings it to a share: parameters, models, noise, total and rivals drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.planning import PlanSettings
from pipeline.errors import PlanError
from pipeline.forecasting.bands import DrawnCourses
from pipeline.forecasting.draws import draw_parameters
from pipeline.forecasting.efforts import EffortPlan, held_efforts, varied_plans
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.members import Member, share_out
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.trajectory import ShareTrajectory, simulate_trajectory
from pipeline.results.totals.answering import TotalSales
from pipeline.results.totals.continuation import TotalForecast
from pipeline.seeds import fit_seed

if TYPE_CHECKING:
    from pipeline.planning.controls import Controls


# A plan that ends on the target but for rounding reaches it, also where a draw changes nothing.
_ROUNDING = 1e-9
# Draws tried for each one wanted, before the parameters are called too uncertain for a chance.
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Contender:
    """A market under one of the models that take part, its weight, and its replicates (B, P) if any."""

    market: ForecastMarket
    weight: float = 1.0
    replicates: Floats | None = None


@dataclass(frozen=True, slots=True)
class Chance:
    """Chance that the share at the deadline is the target or more, and its Monte Carlo error.

    Both are nan without draws.
    """

    value: float
    error: float
    draws: int


@dataclass(frozen=True, eq=False)
class _Future:
    """One draw: the market under its parameters, from a state, and what all firms but one will do."""

    response: ForecastResponse
    efforts: EffortPlan


class Futures:
    """Futures of a market, drawn once, so that plans are compared under the same luck.

    Parameters
    ----------
    contenders : sequence of Contender
        The market under each model that takes part; weights sum to 1.
    settings : PlanSettings
        What is drawn, how often; rivals.
    controls : Controls
        Whose efforts are the plan's, and which.
    total : TotalForecast
        Total sales.
    batch : int
        Another number, other luck.

    Raises
    ------
    PlanError
        Shares can be computed under hardly any draw.
    """

    def __init__(
        self,
        contenders: Sequence[Contender],
        settings: PlanSettings,
        controls: "Controls",
        total: TotalForecast,
        batch: int = 0,
    ) -> None:
        self._settings, self._controls = settings, controls
        drawn = settings.uncertainty
        seed = fit_seed(settings.seed, f"chance {batch}", contenders[0].market.market)
        rng = np.random.default_rng(seed)
        self._entropy = seed.generate_state(4).tolist()
        known = ForecastResponse(contenders[0].market)
        self._totals = [total.course(known)] * drawn.draws
        if drawn.total_sales:
            self._totals = total.courses(known, rng, drawn.draws, noise=drawn.noise)
        counts = share_out([Member(one.market.model, one.weight) for one in contenders], drawn.draws)
        self._groups: list[tuple[ForecastMarket, list[_Future], list[TotalSales]]] = []
        first = 0
        for one, count in zip(contenders, counts, strict=True):
            if count:
                totals = self._totals[first : first + count]
                self._groups.append((one.market, self._draw(one, totals, rng), totals))
            first += count

    @property
    def draws(self) -> int:
        """Number of futures."""
        return len(self._totals)

    def shares(self, own: Floats) -> Floats:
        """Shares of the firm (D, H) at the ends of periods when its controls have values (L, H).

        0 in a future in which shares cannot be computed for them.
        """
        firm, found = self._controls.firm, []
        for number, (market, futures, totals) in enumerate(self._groups):
            rows, kept = [], []
            for row, future in enumerate(futures):
                trajectory = self._follow(future, own, totals[row])
                if trajectory is not None:
                    rows.append((future, trajectory))
                    kept.append(row)
            shares = np.zeros((len(futures), market.horizon, market.firms.size))
            if rows:
                courses = DrawnCourses(market, rows[0][1], len(rows))
                for row, (future, trajectory) in enumerate(rows):
                    courses.put(row, future.response, trajectory)
                shares[kept] = courses.share
                if self._settings.uncertainty.noise:
                    # The same errors for every plan.
                    luck = np.random.SeedSequence(self._entropy, spawn_key=(number,))
                    shares[kept] = courses.with_errors(np.random.default_rng(luck))
            found.append(shares[:, :, firm])
        return np.concatenate(found) if found else np.empty((0, self._controls.low.shape[1]))

    def chance(self, own: Floats, target: float, deadline: int = -1) -> Chance:
        """Chance that the share at the end of a period is the target or more, for controls (L, H)."""
        return chance_of(self.shares(own)[:, deadline], target)

    def assured(self, own: Floats, probability: float, deadline: int = -1) -> tuple[float, float]:
        """Largest share that is reached with a probability at the end of a period, and the one above it.

        Between the two the same number of futures reaches a target.
        """
        ordered = np.sort(self.shares(own)[:, deadline])
        place = int((1.0 - probability) * self.draws + 1e-9)
        return float(ordered[min(place, self.draws - 1)]), float(ordered[min(place + 1, self.draws - 1)])

    def _follow(self, future: _Future, own: Floats, total: TotalSales) -> ShareTrajectory | None:
        firm, controls = self._controls.firm, self._controls
        efforts = future.efforts
        plan = efforts.with_values(firm, controls.put(efforts.value, own)[:, :, firm])
        try:
            return simulate_trajectory(future.response, plan, total)
        except (ValueError, ArithmeticError):
            return None

    def _draw(self, one: Contender, totals: list[TotalSales], rng: np.random.Generator) -> list[_Future]:
        """Draw parameters and rivals' efforts, one for each of D totals, under which shares exist."""
        market, drawn, count = one.market, self._settings.uncertainty, len(totals)
        plan = _own_plan(market, self._settings, self._controls)
        plans = [plan] * count
        if drawn.efforts:
            plans = varied_plans(plan, market, self._settings.rivals, count, rng)
        futures: list[_Future] = []
        for tries in range(_TRIES * count):
            theta = market.theta
            if drawn.parameters:
                theta = draw_parameters(market, 1, rng, one.replicates)[0]
            try:
                under = market.under(theta) if drawn.parameters else market
                future = _Future(ForecastResponse(under, theta), plans[(len(futures) + tries) % count])
                simulate_trajectory(future.response, future.efforts, totals[len(futures)])
            except (ValueError, ArithmeticError):
                continue
            futures.append(future)
            if len(futures) == count:
                return futures
        raise PlanError(
            f"Shares can be computed under only {len(futures)} of {_TRIES * count} draws of the parameters "
            f"and efforts of {market.model}; ask for no draws (--set uncertainty.draws=0), or set "
            "uncertainty.parameters or uncertainty.efforts to false."
        )


def _own_plan(market: ForecastMarket, settings: PlanSettings, controls: "Controls") -> EffortPlan:
    """Efforts without a plan, in which nothing that the firm does varies."""
    planner = np.arange(market.firms.size) == controls.firm
    held = held_efforts(market, settings.rivals, planner.tolist())
    return held.with_planned(held.reaction.planned | planner)


def chance_of(shares: Floats, target: float) -> Chance:
    """Count the futures (D,) that come to a target or more."""
    if not shares.size:
        return Chance(float("nan"), float("nan"), 0)
    value = float((shares >= target - _ROUNDING).mean())
    return Chance(value, float(np.sqrt(value * (1.0 - value) / shares.size)), shares.size)


def sure_market(market: ForecastMarket) -> ForecastMarket:
    """Give the market as plans are made on it: what fades by itself is no firm's doing."""
    calm, state = np.zeros(market.firms.size), market.state
    if state is None:
        return replace(market, last_error=calm)
    return replace(market, last_error=calm, state=lambda theta: (state(theta)[0], calm))
