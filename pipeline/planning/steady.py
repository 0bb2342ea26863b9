"""The long run of one firm against rivals who go on as they are: what a share costs, what money holds."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from kernels.numeric.arrays import Floats
from pipeline.errors import ForecastError
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.response import ForecastResponse
from pipeline.planning.controls import Controls
from pipeline.planning.objective import PlanObjective
from pipeline.planning.search.allocation import cheapest_efforts, largest_response

_SMALLEST_SHARE = 1e-5
_GRID = 41
# A pull that misses what is needed by more than this part of it does not hold the share.
_MISS = 1e-9


@dataclass(frozen=True, eq=False)
class Holding:
    """What it takes to hold a share, period after period, once carry-over and lags have settled.

    Attributes
    ----------
    share : float
        The share held: the one asked for, or the nearest that the bounds allow.
    wanted : float
        The share asked for.
    efforts : (L,) array
        Values of the controls.
    cost : float
        Currency per period, for all efforts of the firm that cost money.
    """

    share: float
    wanted: float
    efforts: Floats
    cost: float

    @property
    def feasible(self) -> bool:
        """Whether the bounds allow this share, or more."""
        return self.share >= self.wanted * (1.0 - _MISS)


class SteadyMarket:
    """One firm's market at rest: everybody does the same in all periods, and effects of the past are over.

    Parameters
    ----------
    market : ForecastMarket
    controls : Controls
        What the firm may change; bounds are those of its first period.
    efforts : (K, H, N) array
        Of all firms; rivals do on average what they do in it.
    total : float
        Total sales, currency per period.

    Notes
    -----
    The firm holds a share while the others keep their present proportions m_j: from ``dshare_i/dt = 0``,
    ``f_i / sum_j f_j m_j**gamma = (share / (1 - share))**(1 - gamma)``. The left side is its *pull*. In the
    investment form the proportions do not matter.
    """

    def __init__(self, market: ForecastMarket, controls: Controls, efforts: Floats, total: float) -> None:
        first = slice(0, 1)
        self._objective = PlanObjective(
            response=ForecastResponse(market.steady()),
            controls=replace(controls, low=controls.low[:, first], high=controls.high[:, first]),
            efforts=efforts.mean(axis=1, keepdims=True),
            total=np.array([total]),
            discount=np.ones(1),
        )
        self._controls, self._total = controls, total
        self._gamma = self._objective.response.equation.returns_to_scale
        part = np.where(np.arange(market.firms.size) == controls.firm, 0.0, market.share)
        self._weight = np.where(part > 0.0, (part / part.sum()) ** self._gamma, 0.0)
        self._worst, self._best = (values[:, 0] for values in self._objective.extremes())

    def pull(self, efforts: Floats) -> float:
        """Return f of the firm over that of the others, for controls (L,)."""
        f = self._objective.evaluate(efforts[:, np.newaxis])[0]
        return float(f[self._controls.firm] / (self._weight @ f))

    def _pull_slope(self, efforts: Floats) -> Floats:
        f, influence = self._objective.influence(efforts[:, np.newaxis])
        by_firm, others = influence[:, 0, 0], self._weight @ f[0]
        own = f[0, self._controls.firm]
        return np.asarray(
            (by_firm[:, self._controls.firm] - own / others * (by_firm @ self._weight)) / others
        )

    def hold(self, share: float) -> Holding:
        """Find the cheapest efforts that hold a share.

        Where even the smallest efforts allowed hold more, those are the answer.

        Raises
        ------
        ForecastError
            Shares cannot be computed within the bounds.
        """
        needed = self._needed(share)
        unit_cost = self._controls.unit_cost(np.asarray(share * self._total))
        efforts = cheapest_efforts(self.pull, self._pull_slope, unit_cost, needed, self._worst, self._best)
        held = share
        if abs(self.pull(efforts) - needed) > _MISS * needed:
            held = self._held(self.pull(efforts), share)
        return Holding(held, share, efforts, self._cost(efforts, held))

    def share_of_budget(self, money: float) -> float:
        """Find the largest share that a steady budget holds, in currency per period.

        0 where the budget does not pay for the smallest efforts allowed, or holds nothing.
        """

        def surplus(log_odds: float) -> float:
            """How far the pull that the money buys at a share is above what holds it, relative to that."""
            share = 1.0 / (1.0 + np.exp(-log_odds))
            unit_cost = self._controls.unit_cost(np.asarray(share * self._total))
            fixed = self._cost(np.zeros_like(self._worst), share)
            try:
                bought = largest_response(
                    self.pull, self._pull_slope, unit_cost, money - fixed, self._worst, self._best
                )
                return self.pull(bought) / self._needed(share) - 1.0
            except (ValueError, ForecastError):
                return -1.0

        largest = float(np.log((1 - _SMALLEST_SHARE) / _SMALLEST_SHARE))
        levels = np.linspace(-largest, largest, _GRID)
        held = np.flatnonzero(np.array([surplus(level) for level in levels]) >= 0.0)
        if not held.size:
            return 0.0
        last = int(held[-1])
        if last == _GRID - 1:
            return 1.0
        log_odds = brentq(surplus, levels[last], levels[last + 1], xtol=1e-12)
        return float(1.0 / (1.0 + np.exp(-log_odds)))

    def _needed(self, share: float) -> float:
        return float((share / (1.0 - share)) ** (1.0 - self._gamma))

    def _held(self, pull: float, wanted: float) -> float:
        """Share that a pull holds; the whole market, or nothing, where returns to scale leave no rest."""
        if self._gamma >= 1.0:
            return wanted if pull == 1.0 else float(pull > 1.0)
        odds = max(pull, 0.0) ** (1.0 / (1.0 - self._gamma))
        return float(odds / (1.0 + odds))

    def _cost(self, efforts: Floats, share: float) -> float:
        shares = np.full((1, self._weight.size), share)
        return float(self._objective.expenses(efforts[:, np.newaxis], shares, np.array([self._total]))[0])
