"""Starts of one problem that need no more looks: they lead to an optimum that is known, or nowhere.

A start leads to a known optimum when the local model at its point (the Gauss-Newton model of
`kernels.least_squares.levenberg_marquardt`) has its own minimum there: of the gradient little would be
left at the optimum, and the cost that the model expects there is about the one that was found. Its last steps
would only repeat those of another start.

A start leads nowhere when it would not come down to the known cost within its evaluations were it to go on as
it went last.
"""

import numpy as np

from kernels.least_squares.levenberg_marquardt import KNOWN_OPTIMUM, LEFT_BEHIND, UNBEGUN, Progress, Settings
from kernels.least_squares.trust_region import Scratch
from kernels.numeric.jit import jit
from kernels.numeric.jit_apart import jit_apart
from kernels.numeric.rows import copy_to

# Part of the gradient that may be left at the known optimum, and of the fall of the cost towards it that the
# local model may be wrong by. Chosen on 1,000 problems of each form and on 800 of models that are not true:
# of the lowest costs found none is lost by 0.3 that is not by 0.1; by 0.5 one is.
_LEFT = 0.3
_WRONG = 0.3

# Evaluations from one look at the progress of a start to the next, and looks that every start has.
_LOOK = 10
_PATIENCE = 2


@jit
def leads_to(
    known: np.ndarray,
    known_cost: float,
    theta: np.ndarray,
    cost: float,
    lower: np.ndarray,
    upper: np.ndarray,
    scratch: Scratch,
) -> bool:
    """Tell whether the local model at ``theta`` (P,) has its minimum at the known optimum (P,)."""
    here = 0.0
    left = 0.0
    fall = 0.0
    for c in range(scratch.position.size):
        p = scratch.position[c]
        square = scratch.normal[c, c]
        if square <= 0.0:
            # What has no effect here says nothing of where it leads.
            return False
        bent = 0.0
        for j in range(scratch.position.size):
            q = scratch.position[j]
            bent += scratch.normal[max(c, j), min(c, j)] * (known[q] - theta[q])
        slope = scratch.gradient[c]
        there = slope + bent
        fall -= (slope + 0.5 * bent) * (known[p] - theta[p])
        here += slope * slope / square
        pushed = (known[p] <= lower[p] and there > 0.0) or (known[p] >= upper[p] and there < 0.0)
        if not pushed:
            left += there * there / square
    wanted = cost - known_cost
    return left <= _LEFT * _LEFT * here and abs(fall - wanted) <= _WRONG * wanted


@jit_apart(UNBEGUN)
def end_early(
    progress: Progress,
    fell: bool,
    theta: np.ndarray,
    known: np.ndarray,
    known_cost: float,
    known_converged: bool,
    lower: np.ndarray,
    upper: np.ndarray,
    settings: Settings,
    seen: np.ndarray,
    scratch: Scratch,
) -> Progress:
    """End a minimisation that need not go on, ``theta`` (P,) becoming the known optimum where it leads there.

    Parameters
    ----------
    progress
        Of a start that is running.
    fell
        Whether its last evaluation was a better point.
    theta, known
        (P,) its point, and the best one of the starts before.
    known_cost, known_converged
        Cost there, and whether it is an optimum.
    seen
        (2,) how often was looked at the progress, and the cost at the last look.
    """
    if fell and known_converged and leads_to(known, known_cost, theta, progress.cost, lower, upper, scratch):
        copy_to(theta, known)
        return _ended(KNOWN_OPTIMUM, known_cost, progress.evaluations)
    if progress.evaluations % _LOOK == 0:
        left = settings.max_evaluations - progress.evaluations
        fallen, missing = seen[1] - progress.cost, progress.cost - known_cost
        if seen[0] >= _PATIENCE and fallen * left < missing * _LOOK:
            return _ended(LEFT_BEHIND, progress.cost, progress.evaluations)
        seen[0] += 1.0
        seen[1] = progress.cost
    return progress


@jit
def _ended(status: int, cost: float, evaluations: int) -> Progress:
    return Progress(status, cost, evaluations, 0.0, 0.0, False, 0.0, 0.0, 0.0)
