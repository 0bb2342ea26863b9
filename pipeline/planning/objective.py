"""The market as one firm's plan sees it: shares, costs and their slopes, the other firms' efforts given."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.motion.shares import share_sensitivities
from pipeline.forecasting.market import FutureMarket
from pipeline.forecasting.response import ResponseAhead
from pipeline.forecasting.trajectory import evaluate_response, follow_shares
from pipeline.planning.controls import Levers

Floats = NDArray[np.float64]

# Levels at which an effort is tried to see which one brings most.
_GRID = 33


class Slopes(NamedTuple):
    """What an optimiser needs to know of one point: L levers, H periods."""

    cost: float
    """Discounted money, less what sales earn."""
    cost_slope: Floats
    """(L, H) its derivative in the levers."""
    log_share: Floats
    """(H,) logarithm of the firm's share at the end of each period."""
    share_slope: Floats
    """(L, t, s) derivative of that of period t in the levers of period s."""


@dataclass(frozen=True, eq=False)
class Course:
    """Everything but the planning firm's own efforts. H periods, N firms, K efforts, L levers.

    Attributes
    ----------
    market : FutureMarket
    theta : (P,) array
    ahead : ResponseAhead
        For these parameters.
    levers : Levers
    efforts : (K, H, N) array
        Of all firms; the levers in it are not read.
    total : (H,) array
        Total sales, currency per period.
    discount : (H,) array
        Weight of a period's expenses, its duration included.
    margin : float
        Part of sales that is earned and counts against the expenses.
    """

    market: FutureMarket
    theta: Floats
    ahead: ResponseAhead
    levers: Levers
    efforts: Floats
    total: Floats
    discount: Floats
    margin: float = 0.0

    def response(self, own: Floats) -> Floats:
        """F of all firms (H, N) when the levers are ``own`` (L, H)."""
        return evaluate_response(self.ahead, self.market, self.theta, self.levers.put(self.efforts, own))

    def shares(self, own: Floats) -> Floats:
        """Shares (H, N) at the ends of periods."""
        return follow_shares(self.market, self.theta, self.response(own), self.total)

    def end(self, own: Floats) -> float:
        """Share of the firm at the end of the last period."""
        return float(self.shares(own)[-1, self.levers.firm])

    def expenses(self, own: Floats, share: Floats) -> Floats:
        """Money of the firm per period (H,), efforts that it does not change included."""
        sales = share[:, self.levers.firm] * self.total
        money = (self.levers.unit_cost(sales) * own).sum(axis=0)
        ratio, amount = self._others()
        return np.asarray(money + ratio * sales + amount)

    def cost(self, own: Floats) -> float:
        """Discounted money over the horizon, less what the sales earn, currency."""
        return self._net(own, self.shares(own))

    def _net(self, own: Floats, share: Floats) -> float:
        earned = self.margin * share[:, self.levers.firm] * self.total
        return float(self.discount @ (self.expenses(own, share) - earned))

    def slopes(self, own: Floats) -> "Slopes":
        """Cost and the shares of the firm, with their derivatives in the levers."""
        market, firm, levers = self.market, self.levers.firm, self.levers
        efforts = levers.put(self.efforts, own)
        f, slope = self.ahead.slope(efforts)
        found = share_sensitivities(
            market.share,
            f,
            self.total,
            market.duration,
            jump_price=market.jump_price(self.theta),
            reference_sales=market.reference_sales,
            returns_to_scale=market.returns_to_scale(self.theta),
        )
        # Centred log-ratios to the log of the share itself: the mean under the shares drops out.
        ratio = found.response[:, :, :, firm]
        by_response = ratio[:, firm] - np.einsum("tn,tns->ts", found.share, ratio)
        by_effort = by_response[np.newaxis] * slope[levers.index, np.newaxis, :, firm]
        if self.ahead.carries:
            by_effort = by_effort @ self.ahead.spread(efforts)[levers.index, :, :, firm]
        sales = found.share[:, firm] * self.total
        per_sales = (own * levers.is_ratio[:, np.newaxis]).sum(axis=0) + self._others()[0] - self.margin
        through_sales = np.einsum("t,lts->ls", self.discount * per_sales * sales, by_effort)
        return Slopes(
            self._net(own, found.share),
            self.discount * levers.unit_cost(sales) + through_sales,
            np.log(found.share[:, firm]),
            by_effort,
        )

    def extremes(self) -> tuple[Floats, Floats]:
        """Levers (L, H) at which f of the firm is smallest and largest, within the bounds.

        Each lever is tried on its own, which is exact where the parts of f add up or multiply.
        """
        low, high, firm = self.levers.low, self.levers.high, self.levers.firm
        worst, best = low.copy(), high.copy()
        for lever in range(len(low)):
            levels = np.linspace(low[lever], high[lever], _GRID)
            values = np.empty((_GRID, self.market.horizon))
            for place, level in enumerate(levels):
                own = high.copy()
                own[lever] = level
                values[place] = self.response(own)[:, firm]
            period = np.arange(self.market.horizon)
            # On a tie, as where an effort does nothing, the cheaper end stands.
            worst[lever] = levels[np.argmin(values, axis=0), period]
            best[lever] = levels[np.argmax(values, axis=0), period]
        return worst, best

    def _others(self) -> tuple[Floats, Floats]:
        """Efforts of the firm that are no levers: ratios summed (H,), and amounts in currency (H,)."""
        kinds = np.array(self.market.kinds)
        fixed = np.ones(kinds.size, dtype=bool)
        fixed[self.levers.index] = False
        own = self.efforts[:, :, self.levers.firm]
        ratio = own[fixed & (kinds == "ratio")].sum(axis=0)
        return ratio, own[fixed & (kinds == "amount")].sum(axis=0) * self.market.reference_sales
