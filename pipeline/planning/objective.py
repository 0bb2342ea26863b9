"""The market as one firm's plan sees it: shares, costs and their slopes, the other firms' efforts given."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.response import ForecastResponse
from pipeline.planning.controls import Controls

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
        Of all firms; the controls in it are not read.
    total : (H,) array
        Total sales, currency per period.
    discount : (H,) array
        Weight of a period's expenses, its duration included.
    margin : float
        Part of sales that is earned and counts against the expenses.
    after : int
        Periods at the end in which the target is held; the deadline is the last one before them.
    goodwill : (L, H) array, optional
        What a unit of effort is still worth after the last period, currency: what it would cost to bring the
        same effect about later. Counts against the expenses.
    cap : (H,) array, optional
        Most money, currency per period.
    """

    response: ForecastResponse
    controls: Controls
    efforts: Floats
    total: Floats
    discount: Floats
    margin: float = 0.0
    after: int = 0
    goodwill: Floats | None = None
    cap: Floats | None = None

    @property
    def market(self) -> ForecastMarket:
        """The market planned for."""
        return self.response.market

    def evaluate(self, values: Floats) -> Floats:
        """Return f of all firms (H, N) when the controls have ``values`` (L, H)."""
        return self.response.evaluate(self.controls.put(self.efforts, values))

    def evaluate_slope(self, values: Floats) -> Floats:
        """Return the derivative (L, H) of the firm's f in its controls of the same period."""
        influence = self.influence(values)[1][..., self.controls.firm]
        return np.asarray(np.diagonal(influence, axis1=1, axis2=2))

    def influence(self, values: Floats) -> tuple[Floats, Floats]:
        """Return f of all firms (H, N), and its derivative in the controls, (L, t, s, N)."""
        controls = self.controls
        return self.response.influence(controls.put(self.efforts, values), controls.index, controls.firm)

    def shares(self, values: Floats) -> Floats:
        """Shares (H, N) at the ends of periods."""
        market, f = self.market, self.evaluate(values)
        return self.response.equation.shares(market.share, f, self.total, market.duration)

    def last_share(self, values: Floats) -> float:
        """Share of the firm at the deadline, or the smallest one from then on."""
        return end_share(self.shares(values)[:, self.controls.firm], self.after)

    def expenses(self, values: Floats, share: Floats) -> Floats:
        """Money of the firm per period (H,) at shares (H, N), efforts that it does not change included."""
        sales = share[:, self.controls.firm] * self.total
        money = (self.controls.unit_cost(sales) * values).sum(axis=0)
        ratio, amount = self._fixed_efforts()
        return np.asarray(money + ratio * sales + amount)

    def cost(self, values: Floats) -> float:
        """Discounted money over the horizon, less what the sales earn, currency."""
        return self._net_cost(values, self.shares(values))

    def _net_cost(self, values: Floats, share: Floats) -> float:
        earned = self.margin * share[:, self.controls.firm] * self.total
        left = 0.0 if self.goodwill is None else float((self.goodwill * values).sum())
        return float(self.discount @ (self.expenses(values, share) - earned)) - left

    def slopes(self, values: Floats) -> Slopes:
        """Cost and the shares of the firm, with their derivatives in the controls."""
        market, firm, controls = self.market, self.controls.firm, self.controls
        f, influence = self.influence(values)
        motion = self.response.equation.sensitivities(market.share, f, self.total, market.duration)
        # Centred log-ratios to the log of the share itself: the mean under the shares drops out.
        if self.response.acts_on_rivals:
            ratio = motion.response
            by_response = ratio[:, firm] - np.einsum("tn,tnsm->tsm", motion.share, ratio)
            by_effort = np.einsum("tum,lusm->lts", by_response, influence, optimize=True)
        else:
            own = motion.response[:, :, :, firm]
            by_response = own[:, firm] - np.einsum("tn,tns->ts", motion.share, own)
            by_effort = by_response @ influence[..., firm]
        sales = motion.share[:, firm] * self.total
        ratios = (values * controls.is_ratio[:, np.newaxis]).sum(axis=0) + self._fixed_efforts()[0]
        unit_cost = controls.unit_cost(sales)
        money_slope = (ratios * sales)[:, np.newaxis] * by_effort
        period = np.arange(market.horizon)
        money_slope[:, period, period] += unit_cost
        earned = np.einsum("t,lts->ls", self.discount * self.margin * sales, by_effort)
        left = 0.0 if self.goodwill is None else self.goodwill
        return Slopes(
            self._net_cost(values, motion.share),
            np.einsum("t,lts->ls", self.discount, money_slope) - earned - left,
            np.log(motion.share[:, firm]),
            by_effort,
            self.expenses(values, motion.share),
            money_slope,
        )

    def extremes(self) -> tuple[Floats, Floats]:
        """Find the controls (L, H) at which f of the firm is smallest and largest, within the bounds.

        Each control is tried on its own, which is exact where the parts of f add up or multiply.
        """
        low, high, firm = self.controls.low, self.controls.high, self.controls.firm
        worst, best = low.copy(), high.copy()
        period = np.arange(self.market.horizon)
        for control in range(len(low)):
            levels = np.linspace(low[control], high[control], _GRID)
            response = np.empty((_GRID, self.market.horizon))
            for number, level in enumerate(levels):
                values = high.copy()
                values[control] = level
                response[number] = self.evaluate(values)[:, firm]
            # On a tie, as where an effort does nothing, the cheaper end stands.
            lowest, highest = np.argmin(response, axis=0), np.argmax(response, axis=0)
            if np.isfinite(self.controls.ramp[control]):  # a course between two courses keeps the ramp
                lowest, highest = np.full_like(lowest, lowest[-1]), np.full_like(highest, highest[-1])
            worst[control], best[control] = levels[lowest, period], levels[highest, period]
        return worst, best

    def _fixed_efforts(self) -> tuple[Floats, Floats]:
        """Efforts of the firm that it does not change: ratios summed (H,), and amounts in currency (H,)."""
        kinds = np.array(self.market.kinds)
        fixed = np.ones(kinds.size, dtype=bool)
        fixed[self.controls.index] = False
        efforts = self.efforts[:, :, self.controls.firm]
        ratio = efforts[fixed & (kinds == "ratio")].sum(axis=0)
        return ratio, efforts[fixed & (kinds == "amount")].sum(axis=0) * self.market.reference_sales


def end_share(share: Floats, after: int) -> float:
    """Share at the deadline, or the smallest one from then on, of shares (H,) at the ends of periods."""
    return float(share[share.size - 1 - after :].min())
