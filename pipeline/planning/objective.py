"""The market as one firm's plan sees it: shares, costs and their slopes, the other firms' efforts given."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kernels.motion.shares import ShareSensitivities
from kernels.numeric.arrays import Floats
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.response import ForecastResponse
from pipeline.planning.answering_total import follow_total, pressure_slopes, total_of_period, total_slope
from pipeline.planning.controls import Controls
from pipeline.results.prices.index import with_indices
from pipeline.results.totals.answering import AnsweringTotal, TotalSales

# Levels at which an effort is tried to see which one brings most.
_GRID = 33


class Slopes(NamedTuple):
    """What an optimiser needs to know of one point: L controls, H periods."""

    cost: float
    """Discounted money, less what sales earn."""
    cost_slope: Floats
    """(L, H) its derivative in the controls."""
    log_share: Floats
    """(H,) logarithm of the firm's share at the end of each period."""
    share_slope: Floats
    """(L, t, s) derivative of that of period t in the controls of period s."""
    money: Floats
    """(H,) expenses, currency per period."""
    money_slope: Floats
    """(L, t, s) their derivative."""


@dataclass(frozen=True, eq=False)
class PlanObjective:
    """Share and cost of the planning firm as functions of what it does: H periods, N firms, L of K efforts.

    Attributes
    ----------
    response : ForecastResponse
        The market, under the parameters to plan with.
    controls : Controls
    efforts : (K, H, N) array
        What all firms set, prices in currency; the controls in it are not read.
    total : (H,) array or AnsweringTotal
        Total sales, currency per period.
    discount : (H,) array
        Weight of a period's expenses, its duration included.
    margin : float
        Part of sales that is earned and counts against the expenses.
    after : int
        Periods at the end in which a share is held; the deadline is the last one before them.
    held_part : float
        What is held in them, as a part of the share wanted at the deadline.
    goodwill : (L, H) array, optional
        What a unit of effort is still worth after the last period, currency: what it would cost to bring the
        same effect about later. Counts against the expenses.
    cap : (H,) array, optional
        Most money, currency per period.
    """

    response: ForecastResponse
    controls: Controls
    efforts: Floats
    total: TotalSales
    discount: Floats
    margin: float = 0.0
    after: int = 0
    held_part: float = 1.0
    goodwill: Floats | None = None
    cap: Floats | None = None

    @property
    def market(self) -> ForecastMarket:
        """The market planned for."""
        return self.response.market

    @property
    def acts_on_rivals(self) -> bool:
        """Whether a control acts on the f of rivals: by a term of the model, or a price by the mean price."""
        return self.response.acts_on_rivals or bool(self.controls.is_price.any())

    @property
    def acts_on_total(self) -> bool:
        """Whether total sales answer to the controls."""
        return isinstance(self.total, AnsweringTotal)

    def evaluate(self, values: Floats) -> Floats:
        """Return f of all firms (H, N) when the controls have ``values`` (L, H)."""
        return self.response.evaluate(with_indices(self.market.prices, self._chosen(values)))

    def evaluate_slope(self, values: Floats) -> Floats:
        """Return the derivative (L, H) of the firm's f in its controls of the same period."""
        influence = self.influence(values)[1][..., self.controls.firm]
        return np.asarray(np.diagonal(influence, axis1=1, axis2=2))

    def influence(self, values: Floats) -> tuple[Floats, Floats]:
        """Return f of all firms (H, N), and its derivative in the controls, (L, t, s, N)."""
        controls, chosen = self.controls, self._chosen(values)
        efforts = with_indices(self.market.prices, chosen)
        f, influence = self.response.influence(efforts, controls.index, controls.firm)
        for price in self.market.prices:
            for row in np.flatnonzero(controls.index == price.effort):
                # The price moves the index of every firm k in its own period s.
                moved = price.slope(chosen[price.effort])[:, :, controls.firm]
                by_index = self.response.influence_of_all(efforts, price.effort)
                influence[row] = np.einsum("ktsn,sk->tsn", by_index, moved)
        return f, influence * controls.chosen_slope(values)[:, np.newaxis, :, np.newaxis]

    def course(self, values: Floats) -> tuple[Floats, Floats]:
        """Shares (H, N) at the ends of periods, and total sales (H,)."""
        market, f = self.market, self.evaluate(values)
        if isinstance(self.total, AnsweringTotal):
            return follow_total(self.response, self.total, self._chosen(values), f)
        return self.response.equation.shares(market.share, f, self.total, market.duration), self.total

    def shares(self, values: Floats) -> Floats:
        """Shares (H, N) at the ends of periods."""
        return self.course(values)[0]

    def total_at(self, t: int, before: Floats, values: Floats, f: Floats) -> float:
        """Total sales of period t which begins with shares ``before`` (N,), under f (H, N)."""
        if isinstance(self.total, AnsweringTotal):
            return total_of_period(self.total, t, before, self._chosen(values), f)
        return float(self.total[t])

    def period_slope(self, t: int, before: Floats, values: Floats) -> Floats:
        """Differentiate the log share at the end of period t in its controls, (L,); shares (N,) before."""
        f, influence = self.influence(values)
        at, firm = slice(t, t + 1), self.controls.firm
        total = np.array([self.total_at(t, before, values, f)])
        motion = self.response.equation.sensitivities(before, f[at], total, self.market.duration[at])
        ratio = motion.response[0, :, 0]
        by_response = ratio[firm] - motion.share[0] @ ratio
        here = influence[:, t, t]
        slope = here @ by_response
        if isinstance(self.total, AnsweringTotal):
            course = before[np.newaxis], self._chosen(values)[:, at], f[at]
            grown = pressure_slopes(self.total, self.controls, course, values[:, at], here[:, None, None])[0]
            slope = (
                slope + self.response.equation.returns_to_scale * float(by_response @ f[t]) * grown[:, 0, 0]
            )
        return np.asarray(slope)

    def _chosen(self, values: Floats) -> Floats:
        return self.controls.put(self.efforts, values)

    def last_share(self, values: Floats) -> float:
        """Share of the firm at the deadline, or what those after it come to; see `end_share`."""
        return end_share(self.shares(values)[:, self.controls.firm], self.after, self.held_part)

    def expenses(self, values: Floats, share: Floats, total: Floats) -> Floats:
        """Money of the firm per period (H,) at shares (H, N) and total sales (H,).

        Efforts that it does not change are included, and so is the margin that its prices give up.
        """
        sales = share[:, self.controls.firm] * total
        money = (self.controls.unit_cost(sales) * values).sum(axis=0)
        ratio, amount = self._fixed_efforts()
        return np.asarray(money + ratio * sales + amount)

    def given_up(self, values: Floats, share: Floats, total: Floats) -> Floats:
        """Margin that the firm gives up per period (H,) by prices below its usual one; above it, below 0."""
        sales, of_sales = (
            share[:, self.controls.firm] * total,
            self.controls.of_sales * self.controls.is_price,
        )
        return np.asarray(sales * (of_sales @ values))

    def cost(self, values: Floats) -> float:
        """Discounted money over the horizon, less what the sales earn, currency."""
        return self._net_cost(values, *self.course(values))

    def _net_cost(self, values: Floats, share: Floats, total: Floats) -> float:
        earned = self.margin * share[:, self.controls.firm] * total
        left = 0.0 if self.goodwill is None else float((self.goodwill * values).sum())
        return float(self.discount @ (self.expenses(values, share, total) - earned)) - left

    def slopes(self, values: Floats) -> Slopes:
        """Cost and the shares of the firm, with their derivatives in the controls."""
        market, firm, controls = self.market, self.controls.firm, self.controls
        f, influence = self.influence(values)
        total = self.course(values)[1] if isinstance(self.total, AnsweringTotal) else self.total
        motion = self.response.equation.sensitivities(market.share, f, total, market.duration)
        # Centred log-ratios to the log of the share itself: the mean under the shares drops out.
        grown: Floats | float = 0.0
        if isinstance(self.total, AnsweringTotal):
            by_effort, grown = self._with_total(self.total, values, f, influence, motion)
        elif self.acts_on_rivals:
            ratio = motion.response
            by_response = ratio[:, firm] - np.einsum("tn,tnsm->tsm", motion.share, ratio)
            by_effort = np.einsum("tum,lusm->lts", by_response, influence, optimize=True)
        else:
            own = motion.response[:, :, :, firm]
            by_response = own[:, firm] - np.einsum("tn,tns->ts", motion.share, own)
            by_effort = by_response @ influence[..., firm]
        sales = motion.share[:, firm] * total
        ratios = (values * controls.of_sales[:, np.newaxis]).sum(axis=0) + self._fixed_efforts()[0]
        unit_cost = controls.unit_cost(sales)
        by_sales = by_effort + grown
        money_slope = (ratios * sales)[:, np.newaxis] * by_sales
        period = np.arange(market.horizon)
        money_slope[:, period, period] += unit_cost
        earned = np.einsum("t,lts->ls", self.discount * self.margin * sales, by_sales)
        left = 0.0 if self.goodwill is None else self.goodwill
        return Slopes(
            self._net_cost(values, motion.share, total),
            np.einsum("t,lts->ls", self.discount, money_slope) - earned - left,
            np.log(motion.share[:, firm]),
            by_effort,
            self.expenses(values, motion.share, total),
            money_slope,
        )

    def _with_total(
        self,
        total: AnsweringTotal,
        values: Floats,
        f: Floats,
        influence: Floats,
        motion: ShareSensitivities,
    ) -> tuple[Floats, Floats]:
        """Differentiate the log share of the firm, and log total sales, in the controls, (L, t, s) each."""
        ratio, firm = motion.response, self.controls.firm
        by_response = ratio - np.einsum("tn,tnsm->tsm", motion.share, ratio)[:, np.newaxis]
        at_given = np.einsum("tnum,lusm->ltsn", by_response, influence, optimize=True)
        # Total sales act as all f together do, to the power gamma.
        by_total = self.response.equation.returns_to_scale * np.einsum("tnum,um->tnu", by_response, f)
        before = np.concatenate([self.market.share[np.newaxis], motion.share[:-1]])
        course = before, self._chosen(values), f
        grown = total_slope(total, self.controls, course, values, influence, (at_given, by_total))
        return at_given[..., firm] + np.einsum("tu,lus->lts", by_total[:, firm], grown), grown

    def extremes(self) -> tuple[Floats, Floats]:
        """Find the controls (L, H) at which f of the firm is smallest and largest, within the bounds.

        Each control is tried on its own, which is exact where the parts of f add up or multiply.
        """
        low, high = self.controls.low, self.controls.high
        worst, best = low.copy(), high.copy()
        period = np.arange(self.market.horizon)
        for control in range(len(low)):
            levels = np.linspace(low[control], high[control], _GRID)
            response = np.empty((_GRID, self.market.horizon))
            for number, level in enumerate(levels):
                values = high.copy()
                values[control] = level
                response[number] = self._push(self.evaluate(values))
            # On a tie, as where an effort does nothing, the cheaper end stands.
            lowest, highest = np.argmin(response, axis=0), np.argmax(response, axis=0)
            if np.isfinite(self.controls.ramp[control]):  # a course between two courses keeps the ramp
                lowest, highest = np.full_like(lowest, lowest[-1]), np.full_like(highest, highest[-1])
            worst[control], best[control] = levels[lowest, period], levels[highest, period]
        return worst, best

    def _push(self, f: Floats) -> Floats:
        """Say how f (H, N) pushes the share of the firm, (H,); where prices move it, all f count."""
        firm = self.controls.firm
        if not self.controls.is_price.any():
            return np.asarray(f[:, firm])
        present = self.market.share
        push = f * present**self.response.equation.returns_to_scale
        return np.asarray(push[:, firm] - present[firm] * push.sum(axis=1))

    def _fixed_efforts(self) -> tuple[Floats, Floats]:
        """Efforts of the firm that it does not change: ratios summed (H,), and amounts in currency (H,)."""
        kinds = np.array(self.market.kinds)
        fixed = np.ones(kinds.size, dtype=bool)
        fixed[self.controls.index] = False
        efforts = self.efforts[:, :, self.controls.firm]
        ratio = efforts[fixed & (kinds == "ratio")].sum(axis=0)
        return ratio, efforts[fixed & (kinds == "amount")].sum(axis=0) * self.market.reference_sales


def end_share(share: Floats, after: int, held_part: float = 1.0) -> float:
    """Share at the deadline, of shares (H,) at the ends of periods.

    Less where a later one is below the part of it that is to be held: what that one would be held of.
    """
    end = share[share.size - 1 - after :]
    return float(min(end[0], (end[1:] / held_part).min(initial=np.inf)))
