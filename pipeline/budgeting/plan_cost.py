"""What a flight plan costs as a function of the parameters: a quantity that experiments are proposed for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from kernels.numeric.arrays import Floats, Vector
from pipeline.config.sections.planning import PlanSettings
from pipeline.config.settings import Given, settings_of
from pipeline.errors import PlanError
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.periods import label_text
from pipeline.planning.chance import sure_market
from pipeline.planning.flight import market_to_plan
from pipeline.planning.planner import Planner, planner_of
from pipeline.results.effects.causal_market import CausalMarket
from pipeline.results.opened import require_opened
from pipeline.results.totals.continuation import TotalForecast

if TYPE_CHECKING:
    from pipeline.results.results import Results


@dataclass(frozen=True, eq=False)
class PlanCost:
    """Money of a plan, solved again under other parameters of its market: L controls, H periods.

    It is a quantity for `pipeline.causes.experiment.propose_experiment`, of the market, model and firm that
    it names. Plans are searched from the controls of the one at the estimates, so that they differ from
    it by what the parameters do and by nothing else.

    Attributes
    ----------
    market : ForecastMarket
        At the estimates.
    settings : PlanSettings
        With the target; without a probability.
    total : TotalForecast
    holding : bool
        Whether it is the cost per period of holding the target, all effects settled; else the discounted
        money of the way, to the end of the periods over which the target is held.
    own : (L, H) array
        Controls of the plan at the estimates.
    cost : float
        At the estimates, currency (per period for ``holding``).
    ignored : float or None
        Chance that was asked for and does not count: it holds itself what is not known of the parameters.
    """

    market: ForecastMarket
    settings: PlanSettings
    total: TotalForecast
    holding: bool
    own: Floats
    cost: float
    ignored: float | None = None

    @property
    def name(self) -> str:
        """What it is, in words."""
        target, firm = self.settings.target, self.settings.firm
        if self.holding:
            return f"what holding {target:.3g} costs {firm} per period"
        deadline = label_text(self.market.times[self.market.horizon - 1 - self.settings.value_after])
        return f"what the plan of {firm} to {target:.3g} by {deadline} costs"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of it."""
        if self.ignored is None:
            return ()
        return (
            f"The chance of {self.ignored:.0%} does not count here: it is the plan that comes to its target "
            "at the estimates.",
        )

    def __call__(self, one: CausalMarket) -> Callable[[Vector], float]:
        """Give the cost as a function of the parameters (P,) of its market.

        Raises
        ------
        PlanError
            Another market, or another model. By the function: the target cannot be reached under them.
        """
        if (one.market, one.model) != (self.market.market, self.market.model):
            raise PlanError(
                f"This is the cost of a plan in market {self.market.market} under {self.market.model}; got "
                f"market {one.market} under {one.model}."
            )

        def cost(theta: Vector) -> float:
            if np.array_equal(theta, self.market.theta):
                return self.cost
            moved = replace(self.market.under(theta), theta=theta)
            return _money(moved, self.settings, self.total, holding=self.holding, near=self.own)[0]

        return cost


def plan_cost(results: "Results", settings: Given[PlanSettings], *, holding: bool = False) -> PlanCost:
    """Take what a plan costs as a quantity.

    Parameters
    ----------
    results : Results
        Where the fits are.
    settings
        Of the plan, as for `pipeline.planning.flight.flight_plan`.
    holding : bool
        Take the cost per period of holding the target instead.

    Returns
    -------
    PlanCost
        A function of the parameters of a market, in currency (per period for ``holding``).

    Raises
    ------
    ConfigError, QueryError, ForecastError
        As `pipeline.planning.flight.flight_plan`.
    PlanError
        Likewise, and for a target that cannot be reached within the bounds.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> cost = beed.plan_cost(store, {"firm": "Burabay", "target": 0.36, "by": "+6"}, holding=True)
    >>> round(cost.cost / 1e6)
    79
    """
    require_opened(results)
    given = settings_of(PlanSettings, settings, what="plan")
    market, total = market_to_plan(results, given)
    start = float(market.share[market.firm_index(given.firm)])
    target = start if given.target is None else given.target
    kept = given.model_copy(update={"target": target, "probability": None})
    cost, own = _money(market, kept, total, holding=holding)
    return PlanCost(market, kept, total, holding, own, cost, given.probability)


def _money(
    market: ForecastMarket,
    settings: PlanSettings,
    total: TotalForecast,
    *,
    holding: bool,
    near: Floats | None = None,
) -> tuple[float, Floats]:
    """Plan under the parameters of a market: the money, and the controls (L, H)."""
    planner, target = planner_of(sure_market(market), settings, total), settings.target
    assert target is not None
    if holding and isinstance(planner.total, np.ndarray):
        return _holding(planner, target, planner.total), planner.controls.low
    least = planner.spend_least(target) if settings.path == "cheapest" else None
    solution = least or planner.solve(target, settings.path, near=near)
    if holding:  # total sales answer to the plan
        return _holding(planner, target, solution.course.total), solution.own
    if solution.binding:
        _refuse(settings, solution.reached)
    return float(planner.discount @ solution.expenses), solution.own


def _holding(planner: Planner, target: float, total: Floats) -> float:
    held = planner.steady(float(total.mean())).hold(target)
    if not held.feasible:
        _refuse(planner.settings, held.share)
    return held.cost


def _refuse(settings: PlanSettings, share: float) -> NoReturn:
    raise PlanError(
        f"The target of {settings.firm}, a share of {settings.target:.4g}, cannot be reached within the "
        f"bounds at the estimates or a twentieth of a standard error from them ({share:.4g} can), so its "
        "cost is no quantity that a test tells of. Choose a nearer target, a later deadline or wider bounds."
    )
