"""What keeps a search for efforts within limits: shares on the way, ramps, money per period."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

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
    matrix, room = _ramp_rows(objective, width, low)
    if len(matrix):
        constraints.append({"type": "ineq", "fun": lambda z: room - matrix @ z, "jac": lambda _: -matrix})
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


def _ramp_rows(objective: "PlanObjective", width: Floats, low: Floats) -> tuple[Floats, Floats]:
    """Rows of ``matrix @ z <= room``: both ways from each period to the next, in units of the ramp."""
    n_controls, n_times = low.shape
    rows, room = [], []
    for control in np.flatnonzero(np.isfinite(objective.controls.ramp)).tolist():
        ramp = objective.controls.ramp[control]
        for t in range(1, n_times):
            row = np.zeros((n_controls, n_times))
            row[control, t], row[control, t - 1] = width[control, t], -width[control, t - 1]
            step = low[control, t] - low[control, t - 1]
            rows += [row.ravel() / ramp, -row.ravel() / ramp]
            room += [1.0 - step / ramp, 1.0 + step / ramp]
    return np.array(rows).reshape(len(rows), n_controls * n_times), np.array(room)


def keeps_limits(objective: "PlanObjective", values: Floats) -> bool:
    """Tell whether controls (L, H) keep ramps and the cap, but for rounding."""
    ramp = objective.controls.ramp[:, np.newaxis]
    finite = np.isfinite(ramp[:, 0])
    if (np.abs(np.diff(values, axis=1)) > ramp * (1.0 + _SLACK))[finite].any():
        return False
    if objective.cap is None:
        return True
    return bool(
        (objective.expenses(values, objective.shares(values)) <= objective.cap * (1.0 + _SLACK)).all()
    )
