"""The cheapest way to a share: efforts of all periods at once, with analytic gradients."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from kernels.numeric.arrays import Floats
from pipeline.errors import PlanError
from pipeline.planning.search.allocation import between
from pipeline.planning.search.limits import Constraint, keeps_limits, limit_constraints
from pipeline.planning.search.remembered import remembered
from pipeline.planning.unit_box import UnitBox

if TYPE_CHECKING:
    from pipeline.planning.objective import PlanObjective, Slopes


# The optimiser solves a dense problem of this size in every step.
_LARGEST = 600
_TOLERANCE = 1e-12
_STEPS = 400
NEARBY_STEPS = 60
"""Steps of the optimiser from the optimum of nearly the same problem."""
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
    steps: int = _STEPS,
) -> Floats:
    """Find controls (L, H) of least discounted cost whose last share is ``target``.

    Parameters
    ----------
    objective : PlanObjective
    target : float
        Between the shares that ``worst`` and ``best`` lead to.
    worst, best : (L, H) arrays
        Controls that lead to a smaller and a larger share, within all limits.
    guesses : tuple of (L, H) arrays
        Points to search from; the first one keeps above the floor as far as that is possible.
    floor : float
        Smallest share on the way; where even ``best`` does not keep it, what ``best`` keeps.
    steps : int
        Most steps of the optimiser.
    """
    controls = objective.controls
    box, firm = UnitBox(controls.low, controls.high), controls.firm
    log_floor = np.log(np.minimum(max(floor, 1e-300), objective.shares(best)[:, firm]))
    scale = max(abs(objective.cost(guesses[0])), abs(objective.cost(best)), 1e-300)
    slopes = remembered(lambda z: objective.slopes(box.point(z)))
    constraints = _constraints(
        objective, slopes, box.width.ravel(), target, log_floor if floor > 0.0 else None
    ) + limit_constraints(objective, slopes, box.width, box.low)
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
            options={"maxiter": steps, "ftol": _TOLERANCE},
        ).x
        if np.isfinite(optimum).all():
            candidates.append(between(objective.last_share, target, box.nearest(optimum), worst, best))
    deadline = objective.market.horizon - 1 - objective.after
    # The optimiser keeps constraints to some digits; a point far below the floor does not count as one.
    allowed = [
        point
        for point in candidates
        if (np.log(objective.shares(point)[:, firm]) >= log_floor - _SLACK)[:deadline].all()
        and keeps_limits(objective, point)
    ]
    return min(allowed or candidates[:1], key=objective.cost)


def _constraints(
    objective: "PlanObjective",
    slopes: "Callable[[Floats], Slopes]",
    width: Floats,
    target: float,
    log_floor: Floats | None,
) -> list[Constraint]:
    """Constraints on the log of the share: the target from the deadline on; a floor (H,) before, if any."""
    deadline = objective.market.horizon - 1 - objective.after
    wanted = np.log(target) + np.append(0.0, np.full(objective.after, np.log(objective.held_part)))
    constraints: list[Constraint] = [
        {
            "type": "ineq" if objective.after else "eq",
            "fun": lambda z: slopes(z).log_share[deadline:] - wanted,
            "jac": lambda z: _rows(slopes(z).share_slope)[deadline:] * width,
        }
    ]
    if log_floor is not None:
        constraints.append(
            {
                "type": "ineq",
                "fun": lambda z: (slopes(z).log_share - log_floor)[:deadline],
                "jac": lambda z: _rows(slopes(z).share_slope)[:deadline] * width,
            }
        )
    return constraints


def _rows(slope: Floats) -> Floats:
    """Put derivatives (L, t, s) into rows of t."""
    return slope.transpose(1, 0, 2).reshape(slope.shape[1], -1)
