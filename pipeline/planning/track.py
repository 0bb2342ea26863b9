"""Efforts that take a firm along a given path of its share, period by period, at least cost in each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from pipeline.config.sections.planning import PathKind
from pipeline.planning.allocation import cheapest_efforts

if TYPE_CHECKING:
    from pipeline.planning.objective import PlanObjective

Floats = NDArray[np.float64]

_EXACT = {"xtol": 1e-300, "rtol": 8.9e-16, "maxiter": 500}


def wanted_path(kind: PathKind, start: float, target: float, duration: Floats) -> Floats:
    """Share of the firm at the ends of H periods, from ``start`` to ``target``.

    Parameters
    ----------
    kind
        ``linear``: equal steps per unit of time; ``logistic``: equal steps of the log-odds.
    start, target
        Shares before the first and after the last period.
    duration : (H,) array
        Lengths of the periods.
    """
    part = np.cumsum(duration) / duration.sum()
    if kind == "linear":
        path = start + part * (target - start)
    else:
        odds = np.log(start / (1 - start)) + part * (
            np.log(target / (1 - target)) - np.log(start / (1 - start))
        )
        path = 1.0 / (1.0 + np.exp(-odds))
    path[-1] = target
    return np.asarray(path)


def follow_path(objective: "PlanObjective", path: Floats, worst: Floats, best: Floats) -> Floats:
    """Find controls (L, H) that bring the share of the firm to ``path`` (H,) at the end of each period.

    Where the bounds do not allow it, the share comes as near as it can, and later periods make up for it.
    """
    market, controls = objective.market, objective.controls
    values, state = worst.copy(), market.share
    for t in range(market.horizon):
        period = _Period(objective, values, t, state)
        wanted = period.wanted_response(path[t], period.response(worst[:, t]), period.response(best[:, t]))
        unit_cost = controls.unit_cost(np.asarray(path[t] * objective.total[t]))
        guesses = (values[:, t - 1],) if t else ()
        values[:, t] = cheapest_efforts(
            period.response, period.slope, unit_cost, wanted, worst[:, t], best[:, t], guesses
        )
        state = period.end(objective.evaluate(values)[t])
    return values


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

    def response(self, point: Floats) -> float:
        """Return f of the firm."""
        return float(self.objective.evaluate(self._with(point))[self.t, self.objective.controls.firm])

    def slope(self, point: Floats) -> Floats:
        """Return the derivative (L,) of f of the firm."""
        return self.objective.evaluate_slope(self._with(point))[:, self.t]

    def end(self, f: Floats) -> Floats:
        """Shares (N,) at the end of the period, for f (N,)."""
        market, period = self.objective.market, slice(self.t, self.t + 1)
        share = self.objective.response.equation.shares(
            self.state, f[np.newaxis], self.objective.total[period], market.duration[period]
        )[0]
        return np.asarray(share / share.sum())

    def wanted_response(self, share: float, low: float, high: float) -> float:
        """Find f of the firm, within [low, high], that takes it to a share by the end of the period."""
        firm, f = self.objective.controls.firm, self.objective.evaluate(self.values)[self.t]

        def end_share(response: float) -> float:
            changed = f.copy()
            changed[firm] = response
            return float(self.end(changed)[firm])

        if not low < high or end_share(high) <= share:
            return high
        if end_share(low) >= share:
            return low
        return float(brentq(lambda response: end_share(response) - share, low, high, **_EXACT))
