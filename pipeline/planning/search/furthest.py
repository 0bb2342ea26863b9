"""The smallest and the largest share that can be come to, where no corner of the bounds tells."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from kernels.numeric.arrays import Floats
from pipeline.errors import PlanError
from pipeline.planning.search.limits import keeps_limits, limit_constraints
from pipeline.planning.search.remembered import remembered
from pipeline.planning.unit_box import UnitBox

if TYPE_CHECKING:
    from pipeline.planning.objective import PlanObjective


_OPTIONS = {"maxiter": 200, "ftol": 1e-10}


def reachable(objective: "PlanObjective") -> tuple[Floats, Floats]:
    """Find controls (L, H) that come to the smallest and to the largest share at the deadline.

    At corners of the bounds, where efforts act on the f of the firm in the same period or are carried over.
    Where they act on later periods or on rivals otherwise, or money per period is capped, by a search.

    Raises
    ------
    PlanError
        Even the least there is to spend is above the cap.
    """
    worst, best = objective.extremes()
    market = objective.market
    if objective.cap is None and not market.acts_beyond_period:
        return worst, best
    low = objective.controls.low
    if objective.cap is not None and not keeps_limits(objective, low):
        raise PlanError(
            f"The smallest efforts allowed cost more than the cap of {objective.cap.min():.4g} per period "
            "(or change by more than their ramps). Give a higher cap, or lower bounds."
        )
    return _search(objective, worst, -1.0, low), _search(objective, best, 1.0, low)


def _search(objective: "PlanObjective", corner: Floats, sign: float, low: Floats) -> Floats:
    """Search for the largest (sign 1) or smallest (sign -1) share at the deadline."""
    box = UnitBox(objective.controls.low, objective.controls.high)
    at = objective.market.horizon - 1 - objective.after
    slopes = remembered(lambda z: objective.slopes(box.point(z)))
    candidates = [low]
    for start in (_affordable(objective, low, corner), low):
        candidates.append(start)
        found = minimize(
            lambda z: -sign * slopes(z).log_share[at],
            box.scaled(start),
            jac=lambda z: -sign * (slopes(z).share_slope[:, at] * box.width).ravel(),
            bounds=box.bounds,
            constraints=limit_constraints(objective, slopes, box.width, box.low),
            method="SLSQP",
            options=_OPTIONS,
        ).x
        if np.isfinite(found).all():
            candidates.append(_affordable(objective, low, box.nearest(found)))
    return max(candidates, key=lambda point: sign * objective.last_share(point))


def _affordable(objective: "PlanObjective", low: Floats, point: Floats) -> Floats:
    """Go back towards the least there is to spend until the limits are kept."""
    part, lowest, highest = 1.0, 0.0, 1.0
    if keeps_limits(objective, point):
        return point
    for _ in range(40):
        part = 0.5 * (lowest + highest)
        if keeps_limits(objective, low + part * (point - low)):
            lowest = part
        else:
            highest = part
    return np.asarray(low + lowest * (point - low))
