"""How shares at the end of one period follow f in it, and the shares that it began at; many at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernels.motion.course import Slopes
from kernels.motion.share_arguments import check_arguments
from kernels.motion.shares import differentiate_market
from kernels.numeric.jit import jit_making_arrays


class PeriodTangents(NamedTuple):
    """Derivatives of ln share at the ends of B periods of N firms; weighted with the shares they sum to 0."""

    share: NDArray[np.float64]
    """(B, N) shares at the ends, nan where a firm is absent."""
    response: NDArray[np.float64]
    """(B, N, N) by f of a firm (second axis); 0 where absent."""
    state: NDArray[np.float64]
    """(B, N, N) by ln of the share a firm began with (second axis), the others scaled to keep the sum."""


def period_tangents(
    initial_share: ArrayLike,
    response: ArrayLike,
    total_sales: ArrayLike,
    duration: ArrayLike,
    *,
    jump_price: float,
    reference_sales: float,
    returns_to_scale: float,
) -> PeriodTangents:
    """Differentiate the shares at the ends of single periods, in closed form.

    Parameters
    ----------
    initial_share : (B, N) array
        Shares at the starts, summing to 1 over the firms present; 0 for others.
    response : (B, N) array
        f; nan where a firm is absent.
    total_sales, duration : (B,) arrays
        Currency per period, and periods.
    jump_price, reference_sales, returns_to_scale : float
        As in `kernels.motion.shares.simulate_shares`.

    Raises
    ------
    ValueError
        As `kernels.motion.shares.simulate_shares`.
    ArithmeticError
        A period needs too many steps.
    """
    given = check_arguments(
        initial_share,
        np.asarray(response, dtype=np.float64)[:, np.newaxis],
        np.asarray(total_sales, dtype=np.float64)[:, np.newaxis],
        np.asarray(duration, dtype=np.float64)[:, np.newaxis],
        jump_price,
        reference_sales,
        returns_to_scale,
        None,
    )
    n_periods, _, n = given.response.shape
    share, tangent = np.empty((n_periods, n)), np.empty((n_periods, 2 * n, n))
    # Compiled code passes over what overflows in silence; uncompiled code would warn.
    with np.errstate(over="ignore", invalid="ignore"):
        failed = _differentiate_periods(
            given.initial_share, given.active, given.response, given.entry_share, given.total_sales,
            given.duration, given.jump_price, given.reference_sales, given.returns_to_scale, share, tangent,
        )  # fmt: skip
    if failed >= 0:
        raise ArithmeticError(f"The shares of period {failed} could not be resolved: too many steps.")
    present = given.active[:, 0]
    mean = np.einsum("bci,bi->bc", tangent, np.where(present, share, 0.0))
    tangent = np.where(present[:, np.newaxis], tangent - mean[..., np.newaxis], 0.0)
    return PeriodTangents(np.where(present, share, np.nan), tangent[:, :n], tangent[:, n:])


@jit_making_arrays
def _differentiate_periods(
    initial_share, active, response, entry_share, total_sales, duration, jump_price, reference_sales, gamma,
    share, tangent,
):  # fmt: skip
    """Write shares (B, N) and derivatives (B, 2 N, N); return a period that was not solved, or -1."""
    n_periods, n = share.shape
    x, unit, end = np.empty((2 * n, n)), np.empty((2 * n, 1, n)), np.empty((1, n))
    nothing = np.zeros((3, 2 * n))
    slopes = Slopes(nothing[0], nothing[1], nothing[2], np.zeros((2 * n, 1)))
    for b in range(n_periods):
        x[:] = 0.0
        unit[:] = 0.0
        for j in range(n):
            if active[b, 0, j]:
                unit[j, 0, j] = 1.0
                for i in range(n):
                    x[n + j, i] = (1.0 if i == j else 0.0) - initial_share[b, j]
        solved = differentiate_market(
            initial_share[b], active[b], response[b], entry_share[b], total_sales[b], duration[b],
            jump_price[b], reference_sales[b], gamma[b], False, x, unit, slopes, end,
        )  # fmt: skip
        if not solved:
            return b
        share[b] = end[0]
        tangent[b] = unit[:, 0]
    return -1
