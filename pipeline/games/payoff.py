"""Payoffs of all firms of a market when each holds its strategy: margin times sales, less expenses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PlanError
from pipeline.forecasting.efforts import EffortPlan
from pipeline.forecasting.market import FutureMarket
from pipeline.forecasting.response import ResponseAhead
from pipeline.forecasting.trajectory import ForecastError, evaluate_response, simulate_ahead

Floats = NDArray[np.float64]

_TOLERANCE = 1e-12
_ROUNDS = 500
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

    @property
    def has_gradient(self) -> bool:
        """Whether `gradient` gives it: in the long run, where efforts act on the firm's own f alone."""
        return self.steady and not self.market.reaches_out

    def gradient(self, strategies: Floats, firm: int) -> tuple[float, Floats]:
        """Payoff of one firm in the long run, and its derivative (L,) in the firm's own strategy.

        Raises
        ------
        ForecastError
            As `outcome`.
        """
        plan = self._plan(strategies)
        share = np.maximum(self._long_run(plan), _GONE)
        efforts = plan.efforts(share[np.newaxis], self.total)
        f, slope = self.ahead.slope(efforts)
        power, elastic = self._elasticities(plan, efforts, f[0], slope[:, 0])
        total, own = float(self.total[0]), share[firm]
        # Derivative of the firm's efforts in its strategies at given shares, then of its attraction.
        by_strategy = np.where(self.in_money, 1.0 / (own * total), 1.0 / self.scale)
        push = power * slope[self.levers, 0, firm] * by_strategy / max(f[0, firm], 1e-300)
        attraction = (np.arange(share.size) == firm) - own
        log_share = np.linalg.solve(self._system(share, elastic), attraction)[firm] * push
        sales = own * total
        ratio = sum(
            float(efforts[place, 0, firm])
            for place, kind in enumerate(self.market.kinds)
            if kind == "ratio" and not self.in_money[self.levers == place].any()
        )
        money = np.where(np.isnan(self.price), sales, self.price)
        payoff = self.discount[0] * (
            self.margin[firm] * sales
            - self._expenses(strategies, efforts, (share * total)[np.newaxis])[0, firm]
        )
        slopes = self.discount[0] * ((self.margin[firm] - ratio) * sales * log_share - money)
        return float(payoff), np.asarray(slopes)

    def _elasticities(
        self, plan: EffortPlan, efforts: Floats, f: Floats, slope: Floats
    ) -> tuple[float, Floats]:
        """Power of f in long-run shares, and how strongly more sales thin out what money buys, (N,)."""
        power = 1.0 / (1.0 - self.market.returns_to_scale(self.market.theta))
        thinned = np.isfinite(plan.budget[:, 0]) & plan.is_ratio[:, np.newaxis]
        bought = np.where(thinned, slope * efforts[:, 0], 0.0).sum(axis=0)
        return power, power * bought / np.maximum(f, 1e-300)

    def _system(self, share: Floats, elastic: Floats) -> Floats:
        """Differentiate ``ln share - ln(attraction share)`` by ln share, (N, N): identity without budgets."""
        return np.asarray(np.diag(1.0 + elastic) - np.outer(np.ones(share.size), share * elastic))

    def _long_run(self, plan: EffortPlan) -> Floats:
        """Shares (N,) at rest: in proportion to ``f**(1 / (1 - gamma))``, budgets and sales agreeing."""
        market, theta = self.market, self.market.theta
        gamma = market.returns_to_scale(theta)
        if gamma >= 1.0:
            raise PlanError(
                f"With returns to scale of {gamma:.3g} (model {market.model}) shares do not come to rest: in "
                "the long run one firm takes the market. Give a horizon, e.g. --horizon 52."
            )
        share, best, weight = market.share, np.inf, 1.0
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
            # Newton's step; where it does not bring both sides nearer, shorter ones.
            weight = min(1.0, 2.0 * weight) if error < best else max(0.5 * weight, 1 / 64)
            best = min(best, error)
            slope = self.ahead.slope(efforts)[1][:, 0]
            elastic = self._elasticities(plan, efforts, f, slope)[1]
            move = np.linalg.solve(self._system(found, np.maximum(elastic, 0.0)), step)
            share = np.clip(share * np.exp(np.clip(weight * move, -3.0, 3.0)), _GONE, 1.0)
        raise ForecastError(
            f"Budgets and long-run shares of market {market.market} do not agree after {_ROUNDS} rounds."
        )
