"""Errors that hang together over time: residual rows of a period less what the period before says of them.

An autocorrelation rho of the errors turns the rows r_t of a period into

    w_t (r_t - rho_t r_(t-1)),  rho_t = sign(rho) |rho|^(length of the period),
    w_t = sqrt((1 - rho^2) / (1 - rho_t^2)),

innovations of one variance. Where the firms that move are not those of the period before, and in the first
fitted period, the errors begin anew: rho_t = 0. All rows are then divided by the geometric mean of the w_t,
so that no determinant is left in the likelihood, as `kernels.least_squares.whitening` does it.

Source: Prais & Winsten (1954); the likelihood with its determinant is that of Beach & MacKinnon (1978),
Econometrica 46, 51.
"""

import math

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.jit import jit
from kernels.numeric.jit_apart import jit_apart


@jit_apart("none")
def take_out_correlation(rho, column, first, moving, duration, residual, jacobian):
    """Turn the rows that compare shares into innovations, in place.

    Parameters
    ----------
    rho : float
        Autocorrelation of the errors of periods of length 1, between -1 and 1.
    column : int
        Its column of the Jacobian, -1 when it is fixed.
    first : int
        First fitted period.
    moving : (time, firm) array of bool
        Firms that move: one row each but one.
    duration : (time,) array
        Lengths of the periods.
    residual : (R,) array
        Rows behind the last period are left alone.
    jacobian : (C, R) array
        C = 0 asks for the residuals alone.
    """
    end = 0
    for t in range(first, moving.shape[0]):
        end += max(_count(moving, t) - 1, 0)
    # From the last period to the first one: each needs the one before as it was.
    position = end
    log_weights, log_slopes = 0.0, 0.0
    for t in range(moving.shape[0] - 1, first - 1, -1):
        size = max(_count(moving, t) - 1, 0)
        position -= size
        kept, slope = 0.0, 0.0
        if t > first and _same(moving, t):
            kept, slope = _over(rho, duration[t])
        log_weight = 0.5 * (math.log1p(-rho * rho) - math.log1p(-kept * kept))
        log_slope = kept * slope / (1.0 - kept * kept) - rho / (1.0 - rho * rho)
        log_weights += size * log_weight
        log_slopes += size * log_slope
        weight = math.exp(log_weight)
        for r in range(position, position + size):
            before = residual[r - size] if t > first else 0.0
            innovation = weight * (residual[r] - kept * before)
            for c in range(jacobian.shape[0]):
                if kept != 0.0:
                    jacobian[c, r] -= kept * jacobian[c, r - size]
                jacobian[c, r] *= weight
            if column >= 0 and jacobian.shape[0] > 0:
                jacobian[column, r] = log_slope * innovation - weight * slope * before
            residual[r] = innovation
    if end > 0:
        _divide(math.exp(-log_weights / end), -log_slopes / end, column, end, residual, jacobian)


@jit
def _divide(factor, log_slope, column, end, residual, jacobian):
    """Multiply rows by a factor whose logarithm has a slope in the autocorrelation."""
    for c in range(jacobian.shape[0]):
        for r in range(end):
            jacobian[c, r] *= factor
    for r in range(end):
        residual[r] *= factor
        if column >= 0 and jacobian.shape[0] > 0:
            jacobian[column, r] += log_slope * residual[r]


@jit
def _over(rho, length):
    """Autocorrelation over a period of a length, and its slope in rho."""
    if length == 1.0:
        return rho, 1.0
    size = max(abs(rho), 1e-12)
    kept = size**length
    return math.copysign(kept, rho), length * kept / size


@jit
def _same(moving, t):
    """Tell whether the firms that move are those of the period before."""
    changed = 0
    for i in range(moving.shape[1]):
        changed += moving[t, i] != moving[t - 1, i]
    return changed == 0


@jit
def _count(moving, t):
    count = 0
    for i in range(moving.shape[1]):
        count += moving[t, i]
    return count


def kept_over(rho: float, duration: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the autocorrelation over periods of some lengths, with the sign of that over one."""
    return np.copysign(np.abs(rho) ** duration, rho)


def kept_and_weight(
    rho: float, first: int, moving: NDArray[np.bool_], duration: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give what `take_out_correlation` keeps of the period before and multiplies rows by, both (T,).

    With them an innovation is ``weight (error - kept error of the period before)``. Periods before ``first``
    begin anew, as the first one does.

    Parameters
    ----------
    rho : float
    first : int
    moving : (T, N) array of bool
    duration : (T,) array
    """
    same = np.zeros(len(moving), dtype=np.bool_)
    same[1:] = (moving[1:] == moving[:-1]).all(axis=1)
    same[: first + 1] = False
    kept = np.where(same, kept_over(rho, duration), 0.0)
    log_weight = 0.5 * (np.log1p(-rho * rho) - np.log1p(-kept * kept))
    rows = np.where(np.arange(len(moving)) < first, 0, np.maximum(moving.sum(axis=1) - 1, 0))
    return kept, np.exp(log_weight - rows @ log_weight / max(rows.sum(), 1))
