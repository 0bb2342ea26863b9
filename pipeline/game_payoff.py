"""Payoffs of all firms of a market when each holds its strategy: margin times sales, less expenses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PlanError
from pipeline.forecast_efforts import EffortPlan
from pipeline.forecast_market import FutureMarket
from pipeline.forecast_path import ForecastError, evaluate_response, simulate_ahead
from pipeline.forecast_response import ResponseAhead

Floats = NDArray[np.float64]

_TOLERANCE = 1e-13
_ROUNDS = 2000
# Shares below this count as gone: a firm without f sells nothing in the long run.
_GONE = 1e-9


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a profile of strategies leads to: N firms.

    Attributes
    ----------
    share : (N,) array
        In the long run, or at the end of the horizon.
    expenses : (N,) array
        Currency per period (long run), or discounted over the horizon.
    payoff : (N,) array
        Likewise.
    """

    share: Floats
    expenses: Floats
    payoff: Floats


@dataclass(frozen=True, eq=False)
class Table:
    """The rules of a game on one market: L levers, N firms, H periods (1 in the long run).

    Attributes
    ----------
    market : FutureMarket
        A steady one in the long run.
    ahead : ResponseAhead
    plan : EffortPlan
        What firms do besides their strategies.
    levers : (L,) array of int
        Efforts that strategies set.
    in_money : (L,) array of bool
        Whether a strategy is money that buys a ratio of sales.
    scale : (L,) array
        Units of a strategy in one unit of the effort, where it is no money that buys a ratio.
    price : (L,) array
        Currency per period for one unit of a strategy; nan where it is itself a ratio of sales.
    margin : (N,) array
    total : (H,) array
        Total sales, currency per period.
    discount : (H,) array
        Weights of the periods.
    steady : bool
        Whether the long run counts.
    """

    market: FutureMarket
    ahead: ResponseAhead
    plan: EffortPlan
    levers: NDArray[np.intp]
    in_money: NDArray[np.bool_]
    scale: Floats
    price: Floats
    margin: Floats
    total: Floats
    discount: Floats
    steady: bool

    def outcome(self, strategies: Floats) -> Outcome:
        """Play strategies (L, N).

        Raises
        ------
        ForecastError
            f cannot be used there, or budgets and shares do not come to agree.
        """
        plan = self._plan(strategies)
        if self.steady:
            share = self._long_run(plan)[np.newaxis]
            efforts = plan.efforts(np.maximum(share, _GONE), self.total)
        else:
            course = simulate_ahead(self.market, self.market.theta, plan, self.total, ahead=self.ahead)
            share, efforts = course.share, course.efforts
        sales = share * self.total[:, np.newaxis]
        expenses = self._expenses(strategies, efforts, sales)
        payoff = self.discount @ (self.margin * sales - expenses)
        return Outcome(share[-1], self.discount @ expenses, payoff)

    def _plan(self, strategies: Floats) -> EffortPlan:
        value, budget = self.plan.value.copy(), self.plan.budget.copy()
        for row, place in enumerate(self.levers):
            if self.in_money[row]:
                budget[place] = strategies[row]
            else:
                value[place] = strategies[row] / self.scale[row]
        return EffortPlan(value, budget, self.plan.is_ratio, self.plan.reference_sales, self.plan.reaction)

    def _expenses(self, strategies: Floats, efforts: Floats, sales: Floats) -> Floats:
        """Money of each firm in each period, (H, N): strategies, and efforts that stay as they are."""
        money = np.zeros_like(sales)
        for row, place in enumerate(self.levers):
            if np.isnan(self.price[row]):
                money += efforts[place] * sales
            else:
                money += strategies[row] * self.price[row]
        for place, kind in enumerate(self.market.kinds):
            if place not in self.levers and kind == "ratio":
                money += efforts[place] * sales
            elif place not in self.levers and kind == "amount":
                money += efforts[place] * self.market.reference_sales
        return money

    def _long_run(self, plan: EffortPlan) -> Floats:
        """Shares (N,) at rest: in proportion to ``f**(1 / (1 - gamma))``, budgets and sales agreeing."""
        market, theta = self.market, self.market.theta
        gamma = market.returns_to_scale(theta)
        if gamma >= 1.0:
            raise PlanError(
                f"With returns to scale of {gamma:.3g} (model {market.model}) shares do not come to rest: in "
                "the long run one firm takes the market. Give a horizon, e.g. --horizon 52."
            )
        share, weight, best, stuck = market.share, 1.0, np.inf, 0
        for _ in range(_ROUNDS):
            efforts = plan.efforts(share[np.newaxis], self.total)
            f = evaluate_response(self.ahead, market, theta, efforts)[0]
            if not f.max() > 0.0:
                return market.share
            log = np.log(np.maximum(f, 1e-300)) / (1.0 - gamma)
            found = np.exp(log - log.max())
            found /= found.sum()
            if not plan.follows_sales:
                return np.asarray(found)
            # The money of a firm that is gone buys what it would buy one that is nearly gone.
            step = np.log(np.maximum(found, _GONE)) - np.log(share)
            error = float(np.abs(step).max())
            if error < _TOLERANCE:
                return np.asarray(found)
            stuck = 0 if error < 0.9 * best else stuck + 1
            best = min(best, error)
            if stuck >= 3:
                weight, best, stuck = max(0.5 * weight, 1 / 64), error, 0
            share = share * np.exp(weight * step)
        raise ForecastError(
            f"Budgets and long-run shares of market {market.market} do not agree after {_ROUNDS} rounds."
        )
