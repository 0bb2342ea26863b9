"""The shortest vector under linear inequalities, by its dual: scipy's nonnegative least squares.

C. L. Lawson, R. J. Hanson, "Solving Least Squares Problems", SIAM 1995, chapter 23: problem LDP.
"""

import numpy as np
from scipy import optimize

from kernels.numeric.arrays import Matrix, Vector

# What the dual leaves of its right side where the inequalities contradict each other: rounding.
_ROUNDING = 1e-12


def least_distance(rows: Matrix, least: Vector) -> Vector | None:
    """Minimise ``|z|`` under ``rows @ z >= least``.

    Parameters
    ----------
    rows : (K, C) array
    least : (K,) array

    Returns
    -------
    (C,) array or None
        None where no vector keeps all constraints.
    """
    length = np.sqrt(np.einsum("kc,kc->k", rows, rows))
    some = length > 0.0
    if some.all():
        away = least / length
    elif (least[~some] > 0.0).any():
        return None
    else:
        away = np.where(some, least, -1.0) / np.where(some, length, 1.0)
    # z is at least as long as the farthest constraint is away: in units of that, numbers are about one.
    size = float(away.max(initial=0.0))
    # Few constraints are near: others join when what these allow does not keep them.
    chosen = away > 0.0
    z = np.zeros(rows.shape[1])
    while size > 0.0:
        found = _least_distance(rows[chosen] / length[chosen, np.newaxis], away[chosen] / size)
        if found is None:
            return None
        z = size * found
        broken = ~chosen & (rows @ z < least - _ROUNDING * np.abs(least))
        if not broken.any():
            break
        chosen |= broken
    return z


def _least_distance(rows: Matrix, least: Vector) -> Vector | None:
    """Solve it by the dual, with rows of length 1 and the largest of ``least`` about 1."""
    system = np.concatenate([rows.T, least[np.newaxis]])
    wanted = np.zeros(len(system))
    wanted[-1] = 1.0
    try:
        weight, _ = optimize.nnls(system, wanted)
    except RuntimeError:
        # More iterations than it allows itself.
        return None
    left = wanted - system @ weight
    if left[-1] <= _ROUNDING:
        return None
    z: Vector = -left[:-1] / left[-1]
    return z
