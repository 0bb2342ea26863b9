"""Payoffs of all firms of a market when each holds its strategy: margin times sales, less expenses.

Where firms set prices, the margin is that of the price: `margin_at`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from pipeline.errors import ForecastError
from pipeline.forecasting.efforts import EffortPlan
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.trajectory import simulate_trajectory
from pipeline.planning.unit_box import UnitBox
from pipeline.results.prices.index import with_indices
from pipeline.results.prices.margin import margin_at
from pipeline.results.totals.answering import AnsweringTotal, TotalSales, reference_sales

_TOLERANCE = 1e-12
_ROUNDS = 500
# Shares below this count as gone: a firm without f sells nothing in the long run.
_GONE = 1e-9
_SMALLEST = 1e-300


@dataclass(frozen=True, eq=False)
class Payoffs:
    """What the strategies of N firms lead to.

    Attributes
    ----------
    share : (N,) array
        In the long run, or at the end of the horizon.
    sales : (N,) array
        Likewise, currency per period.
    expenses : (N,) array
        Currency per period (long run), or discounted over the horizon.
    payoff : (N,) array
        Likewise.
    """

    share: Floats
    sales: Floats
    expenses: Floats
    payoff: Floats


@dataclass(frozen=True, eq=False)
class StrategySpace:
    """What each firm may set once and for all: L efforts, or the budgets for them.

    Attributes
    ----------
    efforts : (L,) array of int
        Positions of the efforts that strategies set.
    low, high : (L,) arrays
        Bounds of strategies, in the unit of the effort or in currency per period.
    buys_ratio : (L,) array of bool
        Whether a strategy is money that buys a ratio of sales.
    scale : (L,) array
        Units of a strategy in one unit of the effort, where it is no money that buys a ratio.
    price : (L,) array
        Currency per period for one unit of a strategy; nan where it is itself a ratio of sales, 0 where it is
        the price of what the firm sells.
    """

    efforts: NDArray[np.intp]
    low: Floats
    high: Floats
    buys_ratio: NDArray[np.bool_]
    scale: Floats
    price: Floats

    @cached_property
    def box(self) -> UnitBox:
        """Strategies of one firm, scaled to the room there is."""
        return UnitBox(self.low, self.high)


@dataclass(frozen=True, eq=False)
class PayoffModel:
    """What strategies (L, N) of the N firms of a market pay, over H periods or in the long run.

    Attributes
    ----------
    response : ForecastResponse
        The market under its estimates; a steady one in the long run.
    space : StrategySpace
    held : EffortPlan
        What firms do besides their strategies.
    margin : (N,) array
        Part of sales that is earned before expenses; where firms set prices, at their usual price.
    total : (H,) array or AnsweringTotal
        Total sales, currency per period.
    discount : (H,) array
        Weights of the periods.
    steady : bool
        Whether the long run counts; then H is 1, and gamma below 1.
    """

    response: ForecastResponse
    space: StrategySpace
    held: EffortPlan
    margin: Floats
    total: TotalSales
    discount: Floats
    steady: bool

    def evaluate(self, strategies: Floats) -> Payoffs:
        """Play strategies (L, N).

        Raises
        ------
        ForecastError
            f cannot be used there, or budgets and shares do not come to agree.
        """
        plan = self.effort_plan(strategies)
        if self.steady:
            share, efforts, total = self._at_rest(plan)
        else:
            trajectory = simulate_trajectory(self.response, plan, self.total)
            share, efforts, total = trajectory.share, trajectory.efforts, trajectory.total
        sales = share * total[:, np.newaxis]
        expenses = self._expenses(strategies, efforts, sales)
        payoff = self.discount @ (self._margins(plan) * sales - expenses)
        return Payoffs(share[-1], sales[-1], self.discount @ expenses, payoff)

    def _margins(self, plan: EffortPlan) -> Floats:
        """Part of sales that is earned, (N,), or (H, N) at the prices of each period."""
        margin = self.margin
        for price in plan.prices:
            margin = margin_at(plan.value[price.effort], price.usual, margin)
        return margin

    def _at_rest(self, plan: EffortPlan) -> tuple[Floats, Floats, Floats]:
        """Shares (1, N), efforts (K, 1, N) and total sales (1,) in the long run, all in agreement."""
        total = reference_sales(self.total)
        for _ in range(_ROUNDS):
            share = self._long_run(plan, total)[np.newaxis]
            chosen = plan.chosen(np.maximum(share, _GONE), total)
            efforts = with_indices(plan.prices, chosen)
            if not isinstance(self.total, AnsweringTotal):
                return share, efforts, total
            following = self.total.at(share, chosen)
            if float(np.abs(np.log(following / total)).max()) < _TOLERANCE:
                return share, efforts, total
            total = following
        raise ForecastError(
            f"Long-run shares and total sales of market {self.response.market.market} do not agree after "
            f"{_ROUNDS} rounds."
        )

    def effort_plan(self, strategies: Floats) -> EffortPlan:
        """Give the efforts, or the money for them, of strategies (L, N)."""
        value, budget = self.held.value.copy(), self.held.budget.copy()
        for row, effort in enumerate(self.space.efforts):
            if self.space.buys_ratio[row]:
                budget[effort] = strategies[row]
            else:
                value[effort] = strategies[row] / self.space.scale[row]
        return replace(self.held, value=value, budget=budget)

    def _expenses(self, strategies: Floats, efforts: Floats, sales: Floats) -> Floats:
        """Money of each firm in each period, (H, N): strategies, and efforts that stay as they are."""
        money = np.zeros_like(sales)
        for row, effort in enumerate(self.space.efforts):
            is_ratio = np.isnan(self.space.price[row])
            money += efforts[effort] * sales if is_ratio else strategies[row] * self.space.price[row]
        unit_cost = self.response.market.unit_cost(sales)
        for effort in range(len(efforts)):
            if effort not in self.space.efforts:
                money += efforts[effort] * unit_cost[effort]
        return money

    @property
    def has_gradient(self) -> bool:
        """Whether `gradient` gives it: in the long run, where efforts act on the firm's own f alone.

        A price moves the indices of all firms and the margin.
        """
        alone = not (self.response.market.acts_beyond_period or self.held.prices)
        return self.steady and alone and not isinstance(self.total, AnsweringTotal)

    def gradient(self, strategies: Floats, firm: int) -> tuple[float, Floats]:
        """Payoff of one firm in the long run, and its derivative (L,) in the firm's own strategy.

        Raises
        ------
        ForecastError
            As `evaluate`.
        """
        plan, space, sales_of_all = self.effort_plan(strategies), self.space, reference_sales(self.total)
        share = np.maximum(self._long_run(plan, sales_of_all), _GONE)
        efforts = plan.efforts(share[np.newaxis], sales_of_all)
        f, slope = self.response.slope(efforts)
        power, thinning = self._elasticities(plan, efforts, f[0], slope[:, 0])
        total, own_share = float(sales_of_all[0]), share[firm]
        # Derivative of the firm's efforts in its strategies at given shares, then of its attraction.
        by_strategy = np.where(space.buys_ratio, 1.0 / (own_share * total), 1.0 / space.scale)
        push = power * slope[space.efforts, 0, firm] * by_strategy / max(f[0, firm], _SMALLEST)
        attraction = (np.arange(share.size) == firm) - own_share
        log_share = np.linalg.solve(_log_share_system(share, thinning), attraction)[firm] * push
        sales = own_share * total
        ratio = sum(
            float(efforts[effort, 0, firm])
            for effort, kind in enumerate(self.response.market.kinds)
            if kind == "ratio" and not space.buys_ratio[space.efforts == effort].any()
        )
        money = np.where(np.isnan(space.price), sales, space.price)
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
        power = 1.0 / (1.0 - self.response.equation.returns_to_scale)
        thinned = np.isfinite(plan.budget[:, 0]) & plan.is_ratio[:, np.newaxis]
        bought = np.where(thinned, slope * efforts[:, 0], 0.0).sum(axis=0)
        return power, power * bought / np.maximum(f, _SMALLEST)

    def _long_run(self, plan: EffortPlan, total: Floats) -> Floats:
        """Shares (N,) at rest: in proportion to ``f**(1 / (1 - gamma))``, budgets and sales agreeing."""
        market, gamma = self.response.market, self.response.equation.returns_to_scale
        share, best, weight = market.share, np.inf, 1.0
        for _ in range(_ROUNDS):
            efforts = plan.efforts(share[np.newaxis], total)
            f = self.response.evaluate(efforts)[0]
            if not f.max() > 0.0:
                return market.share
            log_attraction = np.log(np.maximum(f, _SMALLEST)) / (1.0 - gamma)
            attracted = np.exp(log_attraction - log_attraction.max())
            attracted /= attracted.sum()
            if not plan.follows_sales:
                return np.asarray(attracted)
            # The money of a firm that is gone buys what it would buy one that is nearly gone.
            step = np.log(np.maximum(attracted, _GONE)) - np.log(share)
            error = float(np.abs(step).max())
            if error < _TOLERANCE:
                return np.asarray(attracted)
            # Newton's step; where it does not bring both sides nearer, shorter ones.
            weight = min(1.0, 2.0 * weight) if error < best else max(0.5 * weight, 1 / 64)
            best = min(best, error)
            slope = self.response.slope(efforts)[1][:, 0]
            thinning = np.maximum(self._elasticities(plan, efforts, f, slope)[1], 0.0)
            move = np.linalg.solve(_log_share_system(attracted, thinning), step)
            share = np.clip(share * np.exp(np.clip(weight * move, -3.0, 3.0)), _GONE, 1.0)
        raise ForecastError(
            f"Budgets and long-run shares of market {market.market} do not agree after {_ROUNDS} rounds."
        )


def _log_share_system(share: Floats, thinning: Floats) -> Floats:
    """Differentiate ``ln share - ln(attraction share)`` by ln share, (N, N): identity without budgets."""
    return np.asarray(np.diag(1.0 + thinning) - np.outer(np.ones(share.size), share * thinning))
