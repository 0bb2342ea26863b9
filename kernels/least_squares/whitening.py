"""Errors that differ by firm: residual rows of a period in units of their own covariance.

With C the covariance of the errors of log shares (known up to a term common to all firms) and B the Helmert
basis of the firms that move in a period, its rows have the covariance V = B C B'. They are multiplied by the
symmetric root ``V^(-1/2)``. Unlike a Cholesky factor it commutes with every change of basis, so whitened rows
say the same of a firm whatever the order of the firms and whoever else is there.

C is scaled so that ``ln det V`` summed over the periods is 0. Then whitened rows are as wide as the others
are, and the likelihood of the errors is that of independent errors of one variance: no determinant is left.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.jit_apart import jit_apart
from kernels.numeric.simplex import helmert_basis


class Whitening(NamedTuple):
    """What the rows of each period are multiplied by; one for all markets of a stack."""

    factor: NDArray[np.float64]
    """(membership, firm - 1, firm - 1) symmetric roots, padded at the end."""
    membership: NDArray[np.int64]
    """(time,) which of them; none at all leaves every row as it is."""


NO_WHITENING = Whitening(np.zeros((0, 0, 0)), np.zeros(0, dtype=np.int64))
"""Errors of all log-ratios alike and independent."""


def scaled_covariance(
    covariance: NDArray[np.float64], moving: NDArray[np.bool_], first: int
) -> NDArray[np.float64]:
    """Scale a covariance so that the rows of the periods from ``first`` on have ``sum ln det V = 0``.

    Parameters
    ----------
    covariance : (N, N) array
        Of the errors of log shares, up to a term common to all firms.
    moving : (T, N) array of bool
        Firms that have a row in each period, but for one.
    first : int
        First fitted period.

    Raises
    ------
    ValueError
        The errors of some log-ratio have no variance.
    """
    patterns, count = np.unique(moving[first:], axis=0, return_counts=True)
    total, rows = 0.0, 0
    for present, periods in zip(patterns, count.tolist(), strict=True):
        size = int(present.sum()) - 1
        if size > 0:
            sign, log_determinant = np.linalg.slogdet(_of_rows(covariance, present))
            if sign <= 0.0 or not np.isfinite(log_determinant):
                raise ValueError(
                    "Got errors that leave a log-ratio of some firms without any variance; expected a "
                    "positive definite covariance of log-ratios."
                )
            total += periods * log_determinant
            rows += periods * size
    scaled: NDArray[np.float64] = covariance * np.exp(-total / max(rows, 1))
    return scaled


def make_whitening(covariance: NDArray[np.float64], moving: NDArray[np.bool_]) -> Whitening:
    """Give the symmetric roots that whiten the rows of every period.

    Parameters
    ----------
    covariance : (N, N) array
        Of the errors of log shares: see `scaled_covariance`.
    moving : (T, N) array of bool
        Firms that have a row in each period, but for one.
    """
    patterns, membership = np.unique(moving, axis=0, return_inverse=True)
    factor = np.zeros((len(patterns), max(moving.shape[1] - 1, 0), max(moving.shape[1] - 1, 0)))
    for number, present in enumerate(patterns):
        size = int(present.sum()) - 1
        if size > 0:
            variance, axes = np.linalg.eigh(_of_rows(covariance, present))
            factor[number, :size, :size] = (axes / np.sqrt(variance)) @ axes.T
    return Whitening(factor, np.ascontiguousarray(membership.reshape(-1), dtype=np.int64))


def firm_roots(whitening: Whitening, moving: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give what takes whitened deviations of firms back to those of log shares: (T, N, N), symmetric.

    Deviations of firms are rows times the Helmert basis of the firms that move, ``moving`` (T, N).
    """
    patterns, first = np.unique(moving, axis=0, return_index=True)
    roots = np.zeros((*moving.shape, moving.shape[1]))
    for present, period in zip(patterns, first.tolist(), strict=True):
        firms = np.flatnonzero(present)
        if firms.size > 1:
            basis, size = helmert_basis(firms.size), firms.size - 1
            root = np.linalg.inv(whitening.factor[whitening.membership[period], :size, :size])
            same = np.flatnonzero((moving == present).all(axis=1))
            roots[np.ix_(same, firms, firms)] = basis.T @ root @ basis
    return roots


def _of_rows(covariance: NDArray[np.float64], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    basis = helmert_basis(int(present.sum()))
    rows: NDArray[np.float64] = basis @ covariance[np.ix_(present, present)] @ basis.T
    return rows


@jit_apart("none", rare=True)
def whiten(factor, membership, first, active, rows, scratch):
    """Whiten the rows of all fitted periods, in place.

    Parameters
    ----------
    factor, membership : arrays
        Those of a `Whitening`.
    first : int
        First fitted period.
    active : (time, firm) array of bool
        Which firms move.
    rows : (R,) array
        Of a residual or of a column of its Jacobian; those behind the last period are left alone.
    scratch : (firm,) array
    """
    position = 0
    for t in range(first, membership.size):
        size = -1
        for i in range(active.shape[1]):
            size += active[t, i]
        root = factor[membership[t]]
        for k in range(size):
            scratch[k] = rows[position + k]
        for k in range(size):
            total = 0.0
            for j in range(size):
                total += root[k, j] * scratch[j]
            rows[position + k] = total
        position += max(size, 0)
