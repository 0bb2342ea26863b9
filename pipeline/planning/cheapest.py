"""The cheapest way to a share: efforts of all periods at once, with analytic gradients."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from pipeline.errors import PlanError
from pipeline.planning.allocation import between
from pipeline.planning.unit_box import UnitBox

if TYPE_CHECKING:
    from pipeline.planning.objective import PlanObjective, Slopes

Floats = NDArray[np.float64]

# The optimiser solves a dense problem of this size in every step.
_LARGEST = 600
_OPTIONS = {"maxiter": 400, "ftol": 1e-12}
_SLACK = 1e-7


def refuse_many(unknowns: int) -> None:
    """Refuse a search that would take too long.

    Raises
    ------
    PlanError
        More efforts times periods than the optimiser takes.
    """
    if unknowns > _LARGEST:
        raise PlanError(
            f"The cheapest path would be searched over {unknowns} unknowns (efforts times periods); at "
            f"most {_LARGEST} are searched. Choose a nearer deadline, or another path."
        )


def cheapest_path(
    objective: "PlanObjective",
    target: float,
    worst: Floats,
    best: Floats,
    guesses: tuple[Floats, ...],
    floor: float = 0.0,
) -> Floats:
    """Find controls (L, H) of least discounted cost whose last share is ``target``.

    Parameters
    ----------
    objective : PlanObjective
    target : float
        Between the shares that ``worst`` and ``best`` lead to.
    worst, best : (L, H) arrays
        Controls of smallest and largest f.
    guesses : tuple of (L, H) arrays
        Points to search from; the first one keeps above the floor as far as that is possible.
    floor : float
        Smallest share on the way; where even ``best`` does not keep it, what ``best`` keeps.
    """
    box, firm = UnitBox(worst, best), objective.controls.firm
    log_floor = np.log(np.minimum(max(floor, 1e-300), objective.shares(best)[:, firm]))
    scale = max(abs(objective.cost(guesses[0])), abs(objective.cost(best)), 1e-300)
    slopes = _remembered(lambda z: objective.slopes(box.point(z)))
    constraints = _constraints(slopes, box.width.ravel(), target, log_floor if floor > 0.0 else None)
    candidates = []
    for guess in guesses:
        start = between(objective.last_share, target, np.clip(guess, box.low, box.high), worst, best)
        candidates.append(start)
        optimum = minimize(
            lambda z: slopes(z).cost / scale,
            box.scaled(start),
            jac=lambda z: (slopes(z).cost_slope * box.width).ravel() / scale,
            bounds=box.bounds,
            constraints=constraints,
            method="SLSQP",
            options=_OPTIONS,
        ).x
        if np.isfinite(optimum).all():
            candidates.append(between(objective.last_share, target, box.nearest(optimum), worst, best))
    # The optimiser keeps constraints to some digits; a point far below the floor does not count as one.
    allowed = [
        point
        for point in candidates
        if (np.log(objective.shares(point)[:, firm]) >= log_floor - _SLACK)[:-1].all()
    ]
    return min(allowed or candidates[:1], key=objective.cost)


def _constraints(
    slopes: "Callable[[Floats], Slopes]", width: Floats, target: float, log_floor: Floats | None
) -> list[dict[str, object]]:
    """Constraints on the log of the share: the target at the end; a floor (H,) on the way if there is one."""
    constraints: list[dict[str, object]] = [
        {
            "type": "eq",
            "fun": lambda z: slopes(z).log_share[-1] - np.log(target),
            "jac": lambda z: slopes(z).share_slope[:, -1].ravel() * width,
        }
    ]
    if log_floor is not None:
        n_times = log_floor.size
        constraints.append(
            {
                "type": "ineq",
                "fun": lambda z: (slopes(z).log_share - log_floor)[:-1],
                "jac": lambda z: slopes(z).share_slope.transpose(1, 0, 2).reshape(n_times, -1)[:-1] * width,
            }
        )
    return constraints


def _remembered(function: "Callable[[Floats], Slopes]") -> "Callable[[Floats], Slopes]":
    """Keep the last value: an optimiser asks for value and gradients of one point one after the other."""
    last: dict[bytes, Slopes] = {}

    def call(z: Floats) -> "Slopes":
        key = z.tobytes()
        if key not in last:
            last.clear()
            last[key] = function(z)
        return last[key]

    return call
