"""Monotone splines: non-negative combinations of I-splines, knots from data.

I-splines are integrals of normalised B-splines, so each rises from 0 to 1 within its support (Ramsay 1988,
"Monotone Regression Splines in Action", Statistical Science 3(4)). Here they are piecewise cubic with
continuous second derivative, and constant outside the outer knots.
"""

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.jit import jit

INTERIOR_KNOTS = 2
"""Default number of knots between the smallest and the largest effort."""
DEGREE = 2
"""Degree of the splines whose integrals are the I-splines."""


def ispline_size(n_interior: int = INTERIOR_KNOTS) -> int:
    """Count the I-splines for a number of interior knots."""
    return n_interior + DEGREE + 1


def ispline_knots(values: NDArray[np.float64], n_interior: int = INTERIOR_KNOTS) -> NDArray[np.float64]:
    """Choose knots: the range of the data, and quantiles of the values inside it.

    Parameters
    ----------
    values : array
        Efforts of firms that are present, any shape; values that are not finite are left out.
    n_interior : int
        Number of interior knots.

    Returns
    -------
    (n_interior + 2,) array
        Increasing. Evenly spaced where quantiles coincide (an effort with few distinct values).

    Raises
    ------
    ValueError
        If ``n_interior`` is negative.
    """
    if n_interior < 0:
        raise ValueError(f"A spline got {n_interior} interior knots; it needs 0 or more.")
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    # Cubes of a smaller range would underflow.
    if high - low <= max(1e-9 * max(abs(low), abs(high)), 1e-60):
        half = 0.5 * max(abs(low), 1.0)
        low, high = low - half, high + half
    inside = finite[(finite > low) & (finite < high)]
    even = np.linspace(low, high, n_interior + 2)
    if inside.size == 0:
        return even
    knots = even.copy()
    knots[1:-1] = np.quantile(inside, np.linspace(0, 1, n_interior + 2)[1:-1])
    return knots if np.diff(knots).min() > 0.01 * (high - low) / (n_interior + 1) else even


def ispline_pieces(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the I-splines on increasing knots as polynomials between them.

    Returns
    -------
    (basis, pieces, 4) array
        Coefficients of 1, x, x**2, x**3 with x = u - (left knot of the piece).
    """
    # scipy is slow to import and only splines need it.
    from scipy.interpolate import BSpline, PPoly

    order = DEGREE + 1
    padded = np.concatenate([np.repeat(knots[0], order), knots, np.repeat(knots[-1], order)])
    n_basis = knots.size + DEGREE
    pieces = np.empty((n_basis - 1, knots.size - 1, 4))
    for j in range(1, n_basis):
        # The I-spline is the sum of the B-splines of one degree more from j on.
        spline = BSpline(padded, (np.arange(n_basis) >= j).astype(float), order)
        polynomial = PPoly.from_spline(spline)
        pieces[j - 1] = polynomial.c[::-1, order : order + knots.size - 1].T
    return pieces


@jit
def ispline_basis(u, knot, piece, basis, slope):
    """Evaluate all I-splines and their derivatives on a block.

    Parameters
    ----------
    u : (E,) array
        Effort.
    knot : (pieces + 1,) array
        From `ispline_knots`; the last one may be repeated, with constant pieces.
    piece : (J, pieces, 4) array
        From `ispline_pieces`.
    basis, slope : (>= J, E) array
        Values in 0..1, and derivatives in ``u``: 0 outside the outer knots.
    """
    last = knot.size - 2
    for e in range(u.size):
        at = 0
        while at < last and u[e] > knot[at + 1]:
            at += 1
        x = min(max(u[e], knot[0]), knot[last + 1]) - knot[at]
        inside = 1.0 if knot[0] <= u[e] <= knot[last + 1] else 0.0
        for j in range(piece.shape[0]):
            c = piece[j, at]
            basis[j, e] = c[0] + x * (c[1] + x * (c[2] + x * c[3]))
            slope[j, e] = inside * (c[1] + x * (2.0 * c[2] + x * 3.0 * c[3]))
