"""Efforts that take a firm along a given path of its share, period by period, at least cost in each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from kernels.numeric.arrays import Floats
from pipeline.config.sections.planning import PathKind
from pipeline.planning.search.allocation import cheapest_efforts, largest_response

if TYPE_CHECKING:
    from pipeline.planning.objective import PlanObjective


_EXACT = {"xtol": 1e-300, "rtol": 8.9e-16, "maxiter": 500}


def wanted_path(
    kind: PathKind, start: float, target: float, duration: Floats, after: int = 0, held_part: float = 1.0
) -> Floats:
    """Share of the firm at the ends of H periods, from ``start`` to ``target``.

    Parameters
    ----------
    kind
        ``linear``: equal steps per unit of time; ``logistic``: equal steps of the log-odds.
    start, target
        Shares before the first and after the last period.
    duration : (H,) array
        Lengths of the periods.
    after : int
        Periods at the end in which a share is held.
    held_part : float
        That share, as a part of the target.
    """
    way = duration[: duration.size - after]
    part = np.cumsum(way) / way.sum()
    if kind == "linear":
        path = start + part * (target - start)
    else:
        odds = np.log(start / (1 - start)) + part * (
            np.log(target / (1 - target)) - np.log(start / (1 - start))
        )
        path = 1.0 / (1.0 + np.exp(-odds))
    path[-1] = target
    return np.concatenate([path, np.full(after, held_part * target)])


def follow_path(objective: "PlanObjective", path: Floats, worst: Floats, best: Floats) -> Floats:
    """Find controls (L, H) that bring the share of the firm to ``path`` (H,) at the end of each period.

    Where the bounds do not allow it, the share comes as near as it can, and later periods make up for it.
    """
    market, controls = objective.market, objective.controls
    values, state = worst.copy(), market.share
    for t in range(market.horizon):
        period = _Period(objective, values, t, state)
        low, high = worst[:, t], best[:, t]
        if t:  # what the period before leaves of the bounds, up and down
            low, high = (np.clip(side, *controls.within_ramp(values[:, t - 1])) for side in (low, high))
        wanted = period.wanted(path[t], period.response(low), period.response(high))
        unit_cost = controls.unit_cost(np.asarray(path[t] * period.total(values[:, t])))
        guesses = (values[:, t - 1],) if t else ()
        values[:, t] = cheapest_efforts(period.response, period.slope, unit_cost, wanted, low, high, guesses)
        if objective.cap is not None:
            values[:, t] = _affordable(period, values[:, t], path[t], unit_cost, low, high)
        state = period.end(objective.evaluate(values)[t], values[:, t])
    return values


def _affordable(
    period: "_Period", point: Floats, share: float, unit_cost: Floats, low: Floats, high: Floats
) -> Floats:
    """Replace efforts (L,) that cost more than the cap by those of largest effect that do not."""
    objective, t = period.objective, period.t
    assert objective.cap is not None
    shares = np.full((objective.market.horizon, objective.market.firms.size), share)
    total = np.full(len(shares), period.total(point))
    fixed = float(objective.expenses(np.zeros_like(period.values), shares, total)[t])
    money = float(objective.cap[t]) - fixed
    if unit_cost @ point <= money or unit_cost @ np.minimum(low, high) >= money:
        return point
    return largest_response(period.response, period.slope, unit_cost, money, low, high)


@dataclass(frozen=True, eq=False)
class _Period:
    """Period t of a path: controls (L, H) are final before it, and it begins with shares (N,)."""

    objective: "PlanObjective"
    values: Floats
    t: int
    state: Floats

    def _with(self, point: Floats) -> Floats:
        """Give controls (L, H), those of this period replaced by ``point`` (L,)."""
        trial = self.values.copy()
        trial[:, self.t] = point
        return trial

    def total(self, point: Floats) -> float:
        """Total sales of the period, currency per period."""
        values, objective = self._with(point), self.objective
        f = objective.evaluate(values) if objective.acts_on_total else np.empty((0, 0))
        return objective.total_at(self.t, self.state, values, f)

    def response(self, point: Floats) -> float:
        """Return f of the firm; where more than that is acted on, the log of the share that comes of it."""
        f, firm = self.objective.evaluate(self._with(point))[self.t], self.objective.controls.firm
        return float(np.log(self.end(f, point)[firm]) if self._in_shares else f[firm])

    def slope(self, point: Floats) -> Floats:
        """Return the derivative (L,) of `response`."""
        objective = self.objective
        if not self._in_shares:
            return objective.evaluate_slope(self._with(point))[:, self.t]
        return objective.period_slope(self.t, self.state, self._with(point))

    @property
    def _in_shares(self) -> bool:
        return self.objective.acts_on_rivals or self.objective.acts_on_total

    def end(self, f: Floats, point: Floats) -> Floats:
        """Shares (N,) at the end of the period, for f (N,) and controls (L,)."""
        market, period = self.objective.market, slice(self.t, self.t + 1)
        share = self.objective.response.equation.shares(
            self.state, f[np.newaxis], np.array([self.total(point)]), market.duration[period]
        )[0]
        return np.asarray(share / share.sum())

    def wanted(self, share: float, low: float, high: float) -> float:
        """Find the `response`, within [low, high], that takes the firm to a share in the period."""
        if self._in_shares:
            return float(np.clip(np.log(share), min(low, high), max(low, high)))
        firm, f = self.objective.controls.firm, self.objective.evaluate(self.values)[self.t]
        present = self.values[:, self.t]

        def end_share(response: float) -> float:
            changed = f.copy()
            changed[firm] = response
            return float(self.end(changed, present)[firm])

        if not low < high or end_share(high) <= share:
            return high
        if end_share(low) >= share:
            return low
        return float(brentq(lambda response: end_share(response) - share, low, high, **_EXACT))
