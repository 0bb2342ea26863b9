"""The cheapest way to a share: efforts of all periods at once, with analytic gradients."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from pipeline.errors import PlanError
from pipeline.planning.allocation import between
from pipeline.planning.objective import Course, Slopes

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


def cheapest_course(
    course: Course,
    target: float,
    worst: Floats,
    best: Floats,
    guesses: tuple[Floats, ...],
    floor: float = 0.0,
) -> Floats:
    """Levers (L, H) of least discounted cost whose last share is ``target``.

    Parameters
    ----------
    course : Course
    target : float
        Between the shares that ``worst`` and ``best`` lead to.
    worst, best : (L, H) arrays
        Levers of smallest and largest f.
    guesses : tuple of (L, H) arrays
        Points to search from; the first one keeps above the floor as far as that is possible.
    floor : float
        Smallest share on the way; where even ``best`` does not keep it, what ``best`` keeps.
    """
    low, high = np.minimum(worst, best), np.maximum(worst, best)
    width = np.where(high > low, high - low, 1.0)
    firm = course.levers.firm
    least = np.log(np.minimum(max(floor, 1e-300), course.shares(best)[:, firm]))
    scale = max(abs(course.cost(guesses[0])), abs(course.cost(best)), 1e-300)
    slopes = _remembered(lambda z: course.slopes(low + z.reshape(low.shape) * width))
    flat = width.ravel()
    constraints = [
        {
            "type": "eq",
            "fun": lambda z: slopes(z).log_share[-1] - np.log(target),
            "jac": lambda z: slopes(z).share_slope[:, -1].ravel() * flat,
        }
    ]
    if floor > 0.0:
        constraints.append(
            {
                "type": "ineq",
                "fun": lambda z: (slopes(z).log_share - least)[:-1],
                "jac": lambda z: slopes(z).share_slope.transpose(1, 0, 2).reshape(least.size, -1)[:-1] * flat,
            }
        )
    candidates = []
    for guess in guesses:
        start = between(course.end, target, np.clip(guess, low, high), worst, best)
        candidates.append(start)
        found = minimize(
            lambda z: slopes(z).cost / scale,
            ((start - low) / width).ravel(),
            jac=lambda z: (slopes(z).cost_slope * width).ravel() / scale,
            bounds=[(0.0, 1.0 if wide else 0.0) for wide in (high > low).ravel()],
            constraints=constraints,
            method="SLSQP",
            options=_OPTIONS,
        )
        if np.isfinite(found.x).all():
            point = low + np.clip(found.x.reshape(low.shape), 0.0, 1.0) * width
            candidates.append(between(course.end, target, point, worst, best))
    # The optimiser keeps constraints to some digits; a point far below the floor is none of its answers.
    kept = [
        point for point in candidates if (np.log(course.shares(point)[:, firm]) >= least - _SLACK)[:-1].all()
    ]
    return min(kept or candidates[:1], key=course.cost)


def _remembered(function: Callable[[Floats], Slopes]) -> Callable[[Floats], Slopes]:
    """Keep the last value: an optimiser asks for value and gradients of one point one after the other."""
    last: dict[bytes, Slopes] = {}

    def call(z: Floats) -> Slopes:
        key = z.tobytes()
        if key not in last:
            last.clear()
            last[key] = function(z)
        return last[key]

    return call
