"""Coordinates of the simplex: closure, Helmert basis, isometric and centred log-ratios.

Row k (from 1) of the Helmert basis is sqrt(k/(k+1)) (1/k, .., 1/k, -1, 0, .., 0): the log-ratio of the
geometric mean of the first k shares to share k + 1, scaled so that the basis is orthonormal.
Source: Egozcue et al. (2003), Isometric logratio transformations for compositional data analysis.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernels.numeric.jit import jit, jit_making_arrays


def close(values: ArrayLike) -> NDArray[np.float64]:
    """Scale non-negative amounts to shares.

    Parameters
    ----------
    values : (..., firm) array
        Amounts (sales, say), any unit; NaN stays NaN and counts as nothing.

    Returns
    -------
    (..., firm) array
        Shares that sum to 1 over the firms that are there.

    Raises
    ------
    ValueError
        If an amount is negative or infinite, or if a market has no positive amount.
    """
    amounts = np.asarray(values, dtype=np.float64)
    bad = (amounts < 0) | np.isinf(amounts)
    if bad.any():
        where = tuple(int(k) for k in np.argwhere(bad)[0])
        raise ValueError(
            f"Shares need amounts that are finite and not negative; got {amounts[where]} at {where}."
        )
    total = np.nansum(amounts, axis=-1, keepdims=True)
    if (total == 0).any():
        empty = tuple(int(k) for k in np.argwhere(total[..., 0] == 0)[0])
        raise ValueError(f"Shares need a positive total in every market and period; got 0 at {empty}.")
    return amounts / total


def helmert_basis(n_firms: int) -> NDArray[np.float64]:
    """Return the orthonormal basis of contrasts, shape ``(n_firms - 1, n_firms)``."""
    basis = np.zeros((n_firms - 1, n_firms))
    for k in range(1, n_firms):
        basis[k - 1, :k] = 1.0 / np.sqrt(k * (k + 1.0))
        basis[k - 1, k] = -np.sqrt(k / (k + 1.0))
    return basis


def ilr(share: ArrayLike) -> NDArray[np.float64]:
    """Isometric log-ratio coordinates of positive shares: ``(..., firm)`` to ``(..., firm - 1)``.

    Raises
    ------
    ValueError
        If a share is not positive and finite; the message names the first such index.
    """
    shares = np.asarray(share, dtype=np.float64)
    bad = ~((shares > 0) & np.isfinite(shares))
    if bad.any():
        where = tuple(int(k) for k in np.argwhere(bad)[0])
        raise ValueError(f"Log-ratios need positive finite shares; got {shares[where]} at {where}.")
    return np.log(shares) @ helmert_basis(shares.shape[-1]).T


def ilr_inverse(coordinates: ArrayLike) -> NDArray[np.float64]:
    """Shares whose `ilr` is given: ``(..., firm - 1)`` to ``(..., firm)``."""
    rows = np.asarray(coordinates, dtype=np.float64)
    logs = rows @ helmert_basis(rows.shape[-1] + 1)
    shares = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


@jit_making_arrays
def helmert_factors(n_firms):
    """Return ``(2, n_firms)`` factors of `helmert_row`: 1/sqrt(k(k+1)) and sqrt(k/(k+1)) at k, 0 at 0."""
    factors = np.zeros((2, n_firms))
    for k in range(1, n_firms):
        factors[0, k] = 1.0 / np.sqrt(k * (k + 1.0))
        factors[1, k] = np.sqrt(k / (k + 1.0))
    return factors


@jit
def helmert_row(factors, present, x, out, start):
    """Write the Helmert coordinates of the entries of ``x`` with ``present``, from ``out[start]`` on."""
    total = 0.0
    k = 0
    for i in range(x.size):
        if present[i]:
            if k > 0:
                out[start + k - 1] = factors[0, k] * total - factors[1, k] * x[i]
            total += x[i]
            k += 1


@jit
def helmert_full_rows(factors, x, out, start):
    """Write the Helmert coordinates of all rows of ``x (time, firm)``, one row after the other."""
    n_times, n_firms = x.shape
    position = start
    for t in range(n_times):
        total = x[t, 0]
        for k in range(1, n_firms):
            value = x[t, k]
            out[position] = factors[0, k] * total - factors[1, k] * value
            total += value
            position += 1


@jit
def share_tangent(present, share, x, out):
    """Write d share of all present firms into ``out (firm,)``, from ``x`` = d ln share up to an addend."""
    mean = 0.0
    for i in range(x.size):
        if present[i]:
            mean += share[i] * x[i]
    for i in range(x.size):
        if present[i]:
            out[i] = share[i] * (x[i] - mean)
