"""Bounded Levenberg-Marquardt for one small least-squares problem.

Minimises the cost, half the sum of squared residuals, over a box of parameters. The trust region and its
rules are those of MINPACK's ``lmder`` (Moré 1978): steps are measured in units of the Jacobian's column
norms, and the radius follows the ratio of actual to predicted reduction. Two things differ. The step comes
from the normal equations, because with few parameters and many residuals forming them costs less than a QR
factorisation. And bounds are kept by an active set: a parameter that sits on a bound and is pushed outwards
by the gradient is held there.

The caller evaluates the model, so this module needs to know nothing of it and compiles once for all::

    code = ...                                   # evaluate at theta: fills residual (R,), jacobian (C, R)
    progress = begin(code, residual, jacobian, theta, settings, scratch)
    while progress.status == RUNNING:
        progress = propose(progress, theta, lower, upper, settings, scratch)
        if progress.status == RUNNING:
            code = ...                           # evaluate at scratch.theta
            progress = judge(progress, code, residual, jacobian, theta, settings, scratch)

``theta`` (P,) is always the best point evaluated, never nan. A code other than 0 says that the model has no
finite value at that point; it counts as an infinite cost. ``lower`` and ``upper`` (P,) may be infinite.

References
----------
J. J. Moré, "The Levenberg-Marquardt algorithm: implementation and theory", Numerical Analysis, Lecture
Notes in Mathematics 630, Springer 1978.
D. M. Bates, D. G. Watts, "A relative offset orthogonality convergence criterion for nonlinear least squares",
Technometrics 23 (1981) 179.
"""

import math
from typing import NamedTuple

import numpy as np

from kernels.least_squares.trust_region import Scratch, bounded_step
from kernels.numeric.jit import jit
from kernels.numeric.jit_apart import jit_apart
from kernels.numeric.rows import copy_to

COST_CONVERGED = 1
STEP_CONVERGED = 2
GRADIENT_CONVERGED = 3
PRECISION_REACHED = 4
KNOWN_OPTIMUM = 5
NOTHING_PROMISED = 6
EVALUATIONS_EXHAUSTED = 0
START_FAILED = -1
STEPS_FAILED = -2
PLATEAU = -3
LEFT_BEHIND = -4
RUNNING = -9

STATUS: dict[int, str] = {
    COST_CONVERGED: "Converged: neither the last step nor the local model lowers the cost noticeably.",
    STEP_CONVERGED: "Converged: the steps became negligible next to the parameters.",
    GRADIENT_CONVERGED: "Converged: the residual is orthogonal to every parameter that is free to move.",
    PRECISION_REACHED: "Converged as far as double precision allows: no lower cost can be resolved.",
    KNOWN_OPTIMUM: "Converged: the local model leads to the optimum that another start came to.",
    NOTHING_PROMISED: "Converged: the local model promises no noticeably lower cost.",
    EVALUATIONS_EXHAUSTED: "Not converged: the limit of evaluations was reached; raise max_evaluations.",
    START_FAILED: "Failed: the model has no finite value at the starting point; choose another start.",
    STEPS_FAILED: "Failed: the model has no finite value anywhere around the last point; tighten the bounds.",
    PLATEAU: "Not converged: on a plateau, where a parameter has lost its effect; choose another start.",
    LEFT_BEHIND: "Not converged: given up, as it came down too slowly to reach the optimum of another start.",
}

_EPSILON = 2.220446049250313e-16
_ACCEPTED_RATIO = 1e-4
# A column of the Jacobian this small beside its largest norm so far has vanished on the way ...
_VANISHED = 1e-8
# ... and with a residual that is this far from orthogonal to it the cost could still fall.
_DESCENT = 1e-3

FIRST_RADIUS = 1.0
"""The first step is at most as long as the start, as in scipy's trust-region reflective method: MINPACK's 100
can leap onto a plateau (NIST BoxBOD)."""


class Settings(NamedTuple):
    """When to stop: the meanings are those of MINPACK's ``lmder``."""

    cost_tolerance: float
    step_tolerance: float
    gradient_tolerance: float
    max_evaluations: int
    first_radius: float
    """Of the trust region, as a multiple of the length of the start."""
    bounded_radius: float
    """Longest step that may end on a bound, as a multiple of the length of theta. A bold step into a corner
    where a coefficient is zero, and its companions have no effect, could not be undone."""
    promise_tolerance: float = 0.0
    """Part of the cost that a whole step of the local model must promise to be evaluated: the square of the
    relative offset of Bates & Watts. It saves the evaluation that only confirms an optimum."""


class Progress(NamedTuple):
    """Where a minimisation stands."""

    status: int
    """`RUNNING`, or a key of `STATUS`."""
    cost: float
    """At the best point; infinite when the start failed."""
    evaluations: int
    radius: float
    """Of the trust region: the longest step, in units of the scales."""
    damping: float
    beside_failure: bool
    """Whether a failed evaluation limits the radius."""
    length: float
    """Of the proposed step, in units of the scales."""
    slope: float
    """Derivative of the cost along the proposed step."""
    predicted: float
    """Fall of the cost that the local model expects of the proposed step."""


UNBEGUN = Progress(RUNNING, math.inf, 0, 0.0, 0.0, False, 0.0, 0.0, 0.0)
"""Before the first evaluation; the type of all that follow it."""


@jit
def half_sum_of_squares(residual: np.ndarray) -> float:
    """Cost of a residual; infinite when any entry is not finite."""
    total = 0.0
    for i in range(residual.size):
        total += residual[i] * residual[i]
    # Written so that nan fails the comparison too.
    return 0.5 * total if total <= 1e300 else math.inf


@jit
def normal_equations(
    jacobian: np.ndarray, residual: np.ndarray, normal: np.ndarray, gradient: np.ndarray
) -> bool:
    """Fill the lower triangle of J J' (C, C) and J r (C,), J being (C, R); tell whether all are finite."""
    n_columns, n_rows = jacobian.shape
    trace = 0.0
    for i in range(n_columns):
        row = jacobian[i]
        total = 0.0
        square = 0.0
        for k in range(n_rows):
            total += row[k] * residual[k]
            square += row[k] * row[k]
        gradient[i] = total
        normal[i, i] = square
        trace += square
        for j in range(i):
            other = jacobian[j]
            total = 0.0
            for k in range(n_rows):
                total += row[k] * other[k]
            normal[i, j] = total
    # With a finite trace and a finite residual every other entry is finite by Cauchy-Schwarz.
    return trace <= 1e300


@jit
def _gradient_angle(
    scratch: Scratch, theta: np.ndarray, lower: np.ndarray, upper: np.ndarray, cost: float
) -> float:
    """Hold the parameters that the gradient pushes out of the box; return the largest cosine of the others.

    The cosine is that of the angle between the residual and a column of the Jacobian.
    """
    largest = 0.0
    for c in range(scratch.position.size):
        p = scratch.position[c]
        slope = scratch.gradient[c]
        scratch.step[c] = 0.0
        scratch.held[c] = (
            lower[p] == upper[p]
            or (theta[p] <= lower[p] and slope >= 0.0)
            or (theta[p] >= upper[p] and slope <= 0.0)
        )
        square = scratch.normal[c, c]
        if not scratch.held[c] and square > 0.0 and cost > 0.0:
            largest = max(largest, abs(slope) / math.sqrt(square * 2.0 * cost))
    return largest


@jit
def _or_plateau(status: int, scratch: Scratch, cost: float) -> int:
    """Replace a status of convergence where a free parameter has lost its effect on the residual on the way.

    The local model then predicts no lower cost, though there may be one. With a coefficient on a bound its
    companions have no effect either: that is an optimum, not a plateau.
    """
    if status <= 0 or cost == 0.0:
        return status
    vanished = False
    for c in range(scratch.position.size):
        if scratch.held[c]:
            return status
        norm = math.sqrt(scratch.normal[c, c])
        if scratch.felt[c] and norm <= _VANISHED * scratch.scale[c]:
            vanished = vanished or abs(scratch.gradient[c]) >= _DESCENT * norm * math.sqrt(2.0 * cost)
    return PLATEAU if vanished else status


@jit
def _accept_equations(scratch: Scratch) -> None:
    """Make the trial's normal equations current, and let the scales grow with its column norms."""
    for c in range(scratch.position.size):
        scratch.gradient[c] = scratch.trial_gradient[c]
        for j in range(c + 1):
            scratch.normal[c, j] = scratch.trial_normal[c, j]
        norm = math.sqrt(scratch.normal[c, c])
        scratch.felt[c] = scratch.felt[c] or norm > 0.0
        # A column that is zero at the start has no scale of its own yet.
        if scratch.scale[c] == 0.0 or norm > scratch.scale[c]:
            scratch.scale[c] = norm if norm > 0.0 else 1.0


@jit
def _scaled_length(scratch: Scratch, theta: np.ndarray) -> float:
    """Length of the free parameters in units of the scales."""
    total = 0.0
    for c in range(scratch.position.size):
        total += (scratch.scale[c] * theta[scratch.position[c]]) ** 2
    return math.sqrt(total)


@jit
def _move(
    scratch: Scratch, theta: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> tuple[float, float, float]:
    """Fill the trial point; return the step's scaled length, the slope along it and the fall it predicts."""
    step, position = scratch.step, scratch.position
    copy_to(scratch.theta, theta)
    length = 0.0
    slope = 0.0
    curvature = 0.0
    for c in range(step.size):
        p = position[c]
        scratch.theta[p] = min(max(theta[p] + step[c], lower[p]), upper[p])
        length += (scratch.scale[c] * step[c]) ** 2
        slope += scratch.gradient[c] * step[c]
        half_row = 0.5 * scratch.normal[c, c] * step[c]
        for j in range(c):
            half_row += scratch.normal[c, j] * step[j]
        curvature += half_row * step[c]
    return math.sqrt(length), slope, -slope - curvature


@jit
def _shrink_factor(actual: float, cost: float, trial_cost: float, slope: float) -> float:
    """Factor by which the radius shrinks after a poor step: the minimiser of a parabola.

    ``actual`` (fall of the cost) and ``slope`` (derivative of the cost along the step) are relative to the
    cost.
    """
    if actual >= 0.0:
        return 0.5
    if 0.01 * trial_cost >= cost or slope >= 0.0:
        return 0.1
    return max(0.1, 0.5 * slope / (slope + actual))


@jit
def _stop(
    actual: float, predicted: float, ratio: float, radius: float, size: float, settings: Settings
) -> int:
    """Status that ends the iteration, or `RUNNING`; reductions are relative to the cost."""
    if abs(actual) <= settings.cost_tolerance and predicted <= settings.cost_tolerance and ratio <= 2.0:
        return COST_CONVERGED
    if radius <= settings.step_tolerance * size:
        return STEP_CONVERGED
    if abs(actual) <= _EPSILON and predicted <= _EPSILON:
        return PRECISION_REACHED
    if radius <= _EPSILON * size:
        return PRECISION_REACHED
    return RUNNING


@jit
def _cost(code: int, residual: np.ndarray, jacobian: np.ndarray, scratch: Scratch) -> float:
    """Cost of an evaluation, infinite when anything is not finite; fills the trial's normal equations."""
    if code != 0:
        return math.inf
    cost = half_sum_of_squares(residual)
    if cost < math.inf and not normal_equations(
        jacobian, residual, scratch.trial_normal, scratch.trial_gradient
    ):
        return math.inf
    return cost


@jit_apart(UNBEGUN)
def begin(
    code: int,
    residual: np.ndarray,
    jacobian: np.ndarray,
    theta: np.ndarray,
    settings: Settings,
    scratch: Scratch,
) -> Progress:
    """Start from the evaluation at ``theta``: its status ``code`` (0 is success), residual and Jacobian.

    ``scratch.position`` must name the free parameters.
    """
    cost = _cost(code, residual, jacobian, scratch)
    if cost == math.inf:
        return Progress(START_FAILED, cost, 1, 0.0, 0.0, False, 0.0, 0.0, 0.0)
    scratch.scale[:] = 0.0
    scratch.felt[:] = False
    _accept_equations(scratch)
    size = _scaled_length(scratch, theta)
    radius = settings.first_radius * (size if size > 0.0 else 1.0)
    return Progress(RUNNING, cost, 1, radius, 0.0, False, 0.0, 0.0, 0.0)


@jit_apart(UNBEGUN)
def propose(
    progress: Progress,
    theta: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    settings: Settings,
    scratch: Scratch,
) -> Progress:
    """Fill ``scratch.theta`` with the next point to evaluate, inside the bounds (P,), or stop."""
    cost, evaluations = progress.cost, progress.evaluations
    radius, damping = progress.radius, progress.damping
    status = RUNNING
    length = slope = predicted = 0.0
    if _gradient_angle(scratch, theta, lower, upper, cost) <= settings.gradient_tolerance:
        status = GRADIENT_CONVERGED
    elif evaluations >= settings.max_evaluations:
        status = EVALUATIONS_EXHAUSTED
    else:
        size = _scaled_length(scratch, theta)
        while predicted <= 0.0 and status == RUNNING:
            _gradient_angle(scratch, theta, lower, upper, cost)
            damping, stopped = bounded_step(scratch, theta, lower, upper, radius, damping)
            if stopped and radius > settings.bounded_radius * size:
                radius = settings.bounded_radius * size
                _gradient_angle(scratch, theta, lower, upper, cost)
                damping, stopped = bounded_step(scratch, theta, lower, upper, radius, damping)
            length, slope, predicted = _move(scratch, theta, lower, upper)
            if predicted <= 0.0:
                # Held parameters or rounding spoilt the step: a shorter one is closer to steepest descent.
                radius = 0.1 * min(radius, length)
                damping *= 10.0
                if radius <= _EPSILON * size:
                    status = PRECISION_REACHED
        whole = damping == 0.0 and not stopped
        if whole and status == RUNNING and predicted <= settings.promise_tolerance * cost:
            status = NOTHING_PROMISED
    status = _or_plateau(status, scratch, cost)
    return Progress(
        status, cost, evaluations, radius, damping, progress.beside_failure, length, slope, predicted
    )


@jit_apart(UNBEGUN)
def judge(
    progress: Progress,
    code: int,
    residual: np.ndarray,
    jacobian: np.ndarray,
    theta: np.ndarray,
    settings: Settings,
    scratch: Scratch,
) -> Progress:
    """Accept or reject the proposed point by its evaluation; if it is better, ``theta`` (P,) becomes it."""
    cost, radius, damping, length = progress.cost, progress.radius, progress.damping, progress.length
    trial_cost = _cost(code, residual, jacobian, scratch)
    # A radius shrunk by a failed evaluation says nothing of a minimum, until a step is free of it.
    beside_failure = trial_cost == math.inf or (progress.beside_failure and length >= 0.9 * radius)
    actual = max(1.0 - trial_cost / cost, -1.0)
    predicted = progress.predicted / cost
    ratio = actual / predicted
    if progress.evaluations == 1:
        radius = min(radius, length)
    if ratio <= 0.25:
        factor = _shrink_factor(actual, cost, trial_cost, progress.slope / cost)
        radius = factor * min(radius, 10.0 * length)
        damping /= factor
    elif damping == 0.0 or ratio >= 0.75:
        radius = 2.0 * length
        damping *= 0.5
    if ratio >= _ACCEPTED_RATIO:
        copy_to(theta, scratch.theta)
        cost = trial_cost
        _accept_equations(scratch)
    status = COST_CONVERGED
    if cost > 0.0:
        status = _stop(actual, predicted, ratio, radius, _scaled_length(scratch, theta), settings)
    status = _or_plateau(status, scratch, cost)
    if status != RUNNING and beside_failure:
        status = STEPS_FAILED
    return Progress(status, cost, progress.evaluations + 1, radius, damping, beside_failure, length, 0.0, 0.0)
