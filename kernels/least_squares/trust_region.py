"""The step of a bounded trust region, from normal equations scaled to a unit diagonal.

The radius limits the length of the step measured in units of ``scale``. The step inside the radius follows
Moré's iteration (MINPACK ``lmpar``) on the damping. Bounds are kept by an active set: a parameter that the
step would carry over its bound goes onto the bound, and the step of the others is solved again given that
move.

References
----------
J. J. Moré, "The Levenberg-Marquardt algorithm: implementation and theory", Numerical Analysis, Lecture
Notes in Mathematics 630, Springer 1978.
"""

import math
from typing import NamedTuple

import numpy as np

from kernels.numeric.jit import jit, jit_making_arrays

_EPSILON = 2.220446049250313e-16
# The smallest damping tried when the normal equations are singular, relative to their unit diagonal.
_SINGULAR_DAMPING = 1e-14


class Scratch(NamedTuple):
    """Working memory of :func:`bounded_step` for P parameters of which C are free."""

    position: np.ndarray
    """(C,) index into theta of each free parameter."""
    normal: np.ndarray
    """(C, C) Gauss-Newton matrix at the current point (lower triangle)."""
    gradient: np.ndarray
    """(C,) gradient of the cost at the current point."""
    trial_normal: np.ndarray
    trial_gradient: np.ndarray
    scale: np.ndarray
    """(C,) largest column norm of the Jacobian seen so far: the unit in which steps are measured."""
    felt: np.ndarray
    """(C,) whether a parameter had an effect on the residual at any point so far."""
    step: np.ndarray
    held: np.ndarray
    """(C,) whether the step of a parameter is settled already by a bound."""
    moving: np.ndarray
    """(C,) the parameters that are not held, first ones first."""
    factor: np.ndarray
    """(C, C) Cholesky factor of the damped, scaled normal equations."""
    right: np.ndarray
    scaled: np.ndarray
    half: np.ndarray
    theta: np.ndarray
    """(P,) trial point."""


@jit_making_arrays
def make_scratch(n_parameters: int, n_columns: int) -> Scratch:
    """Allocate the working memory of :func:`bounded_step`."""
    size = n_columns
    return Scratch(
        np.zeros(size, np.int64),
        np.zeros((size, size)),
        np.zeros(size),
        np.zeros((size, size)),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size, np.bool_),
        np.zeros(size),
        np.zeros(size, np.bool_),
        np.zeros(size, np.int64),
        np.zeros((size, size)),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size),
        np.zeros(n_parameters),
    )


@jit
def _factorise(normal: np.ndarray, scratch: Scratch, size: int, damping: float) -> bool:
    """Cholesky factor of the scaled normal equations of the moving parameters plus damping times identity."""
    moving, scale, factor = scratch.moving, scratch.scale, scratch.factor
    for i in range(size):
        for j in range(i + 1):
            row, column = max(moving[i], moving[j]), min(moving[i], moving[j])
            total = normal[row, column] / (scale[row] * scale[column])
            if i == j:
                total += damping
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            if i > j:
                factor[i, j] = total / factor[j, j]
            elif total > 4.0 * size * _EPSILON:
                factor[i, i] = math.sqrt(total)
            else:
                return False
    return True


@jit
def _solve(scratch: Scratch, size: int) -> tuple[float, float]:
    """Solve for the scaled step; return its length and the squared length of L^-1 times it."""
    factor, right, scaled, half = scratch.factor, scratch.right, scratch.scaled, scratch.half
    for i in range(size):
        total = right[i]
        for k in range(i):
            total -= factor[i, k] * half[k]
        half[i] = total / factor[i, i]
    for i in range(size - 1, -1, -1):
        total = half[i]
        for k in range(i + 1, size):
            total -= factor[k, i] * scaled[k]
        scaled[i] = total / factor[i, i]
    length = 0.0
    curvature = 0.0
    for i in range(size):
        total = scaled[i]
        length += total * total
        for k in range(i):
            total -= factor[i, k] * half[k]
        half[i] = total / factor[i, i]
        curvature += half[i] * half[i]
    return math.sqrt(length), curvature


@jit
def _trust_region_step(scratch: Scratch, size: int, radius: float, damping: float) -> float:
    """Find the damping, and with it ``scratch.scaled``, for which the step has the length of the radius.

    Moré's iteration (MINPACK ``lmpar``): no damping when the Gauss-Newton step fits; else Newton on the
    secular equation inside a shrinking interval until the length is within a tenth of the radius.
    """
    if _factorise(scratch.normal, scratch, size, 0.0):
        length, curvature = _solve(scratch, size)
        if length <= 1.1 * radius:
            return 0.0
        lowest = (length - radius) / radius * length * length / curvature
    else:
        lowest = _SINGULAR_DAMPING
        while not _factorise(scratch.normal, scratch, size, lowest):
            lowest *= 10.0
        length, curvature = _solve(scratch, size)
        if length <= 1.1 * radius:
            return lowest
    steepest = 0.0
    for i in range(size):
        steepest += scratch.right[i] * scratch.right[i]
    highest = max(math.sqrt(steepest) / radius, lowest)
    damping = min(max(damping, lowest), highest)
    if damping == 0.0:
        damping = 1e-3 * highest
    for _ in range(10):
        if not _factorise(scratch.normal, scratch, size, damping):
            lowest = damping
            damping = max(10.0 * damping, _SINGULAR_DAMPING)
            continue
        length, curvature = _solve(scratch, size)
        if abs(length - radius) <= 0.1 * radius:
            break
        if length > radius:
            lowest = max(lowest, damping)
        else:
            highest = min(highest, damping)
        damping = max(lowest, damping + (length - radius) / radius * length * length / curvature)
        damping = min(damping, highest)
    return damping


@jit
def bounded_step(
    scratch: Scratch, theta: np.ndarray, lower: np.ndarray, upper: np.ndarray, radius: float, damping: float
) -> tuple[float, bool]:
    """Fill ``scratch.step`` with a step that stays in the box.

    ``scratch.held`` and ``scratch.step`` name on entry the parameters that must not move. Returns the damping
    that the step took, and whether it runs into a bound.
    """
    position, step, held = scratch.position, scratch.step, scratch.held
    n_columns = position.size
    stopped = False
    for _ in range(n_columns + 1):
        # Not the constant 0: the compiler would make a second copy of what takes it.
        size = np.int64(0)
        for c in range(n_columns):
            if held[c]:
                continue
            slope = scratch.gradient[c]
            for j in range(n_columns):
                if held[j]:
                    slope += scratch.normal[max(c, j), min(c, j)] * step[j]
            scratch.moving[size] = c
            scratch.right[size] = -slope / scratch.scale[c]
            size += 1
        if size == 0:
            break
        damping = _trust_region_step(scratch, size, radius, damping)
        crossed = False
        for i in range(size):
            c = scratch.moving[i]
            p = position[c]
            step[c] = scratch.scaled[i] / scratch.scale[c]
            if theta[p] + step[c] < lower[p]:
                step[c] = lower[p] - theta[p]
                held[c] = crossed = True
            elif theta[p] + step[c] > upper[p]:
                step[c] = upper[p] - theta[p]
                held[c] = crossed = True
        if not crossed:
            break
        stopped = True
    return damping, stopped
