"""What keeps a search for efforts within limits: shares on the way, ramps, money per period."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats

if TYPE_CHECKING:
    from pipeline.planning.objective import PlanObjective, Slopes

Constraint = dict[str, Any]
# An optimiser keeps limits to some digits.
_SLACK = 1e-6


def limit_constraints(
    objective: "PlanObjective", slopes: "Callable[[Floats], Slopes]", width: Floats, low: Floats
) -> list[Constraint]:
    """Constraints of `scipy.optimize.minimize` for ramps and the cap, over the unit box.

    Parameters
    ----------
    objective : PlanObjective
    slopes
        Of a point of the box, flat.
    width, low : (L, H) arrays
        The box.
    """
    constraints = []
    ramped = np.flatnonzero(np.isfinite(objective.controls.ramp))
    if ramped.size and low.shape[1] > 1:
        constraints.append(_ramp_constraint(objective, width, low, ramped))
    if objective.cap is not None:
        cap, n_times = objective.cap, objective.cap.size
        constraints.append(
            {
                "type": "ineq",
                "fun": lambda z: 1.0 - slopes(z).money / cap,
                "jac": lambda z: (
                    -slopes(z).money_slope.transpose(1, 0, 2).reshape(n_times, -1)
                    * width.ravel()
                    / cap[:, np.newaxis]
                ),
            }
        )
    return constraints


def _ramp_constraint(
    objective: "PlanObjective", width: Floats, low: Floats, ramped: NDArray[np.intp]
) -> Constraint:
    """Keep what is set by some controls within their ramps, both ways from each period to the next."""
    controls, ramp = objective.controls, objective.controls.ramp[ramped, np.newaxis]
    n_times = low.shape[1]

    def room(z: Floats) -> Floats:
        chosen = controls.chosen(low + z.reshape(low.shape) * width)[ramped]
        step = (np.diff(chosen, axis=1) / ramp).ravel()
        return np.concatenate([1.0 - step, 1.0 + step])

    def slope(z: Floats) -> Floats:
        per_unit = controls.chosen_slope(low + z.reshape(low.shape) * width) * width
        step = np.zeros((ramped.size, n_times - 1, *low.shape))
        for number, control in enumerate(ramped):
            for t in range(n_times - 1):
                ends = per_unit[control, t : t + 2] / ramp[number]
                step[number, t, control, t : t + 2] = ends * [-1.0, 1.0]
        rows = step.reshape(-1, low.size)
        return np.concatenate([-rows, rows])

    return {"type": "ineq", "fun": room, "jac": slope}


def keeps_limits(objective: "PlanObjective", values: Floats) -> bool:
    """Tell whether controls (L, H) keep ramps and the cap, but for rounding."""
    ramp = objective.controls.ramp[:, np.newaxis]
    finite = np.isfinite(ramp[:, 0])
    if (np.abs(np.diff(objective.controls.chosen(values), axis=1)) > ramp * (1.0 + _SLACK))[finite].any():
        return False
    if objective.cap is None:
        return True
    return bool(
        (objective.expenses(values, *objective.course(values)) <= objective.cap * (1.0 + _SLACK)).all()
    )
