"""What a compiled response reads (`ResponseSpec`), and the scratch arrays it writes (`Workspace`)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.jit import jit

IDENTITY = 0
"""f = b_i + sum of curves."""
EXPONENTIAL = 1
"""f = exp(b_i + sum of curves)."""
CES = 2
"""f = exp(b_i) (sum of curves)^(1/rho)."""


class ResponseSpec(NamedTuple):
    """A response as arrays of one shape of types, so that no response ever triggers a compilation.

    "Parameter" indices point into ``theta``; -1 means "none". K efforts, m curve parameters at most.
    """

    link: int
    """`IDENTITY`, `EXPONENTIAL` or `CES`."""
    curve: NDArray[np.int64]
    """(K,) code of each effort's curve."""
    curve_parameter: NDArray[np.int64]
    """(K, m) parameter indices of each curve."""
    repeated: NDArray[np.bool_]
    """(K, m) whether an earlier curve already reads the same parameter."""
    carry: NDArray[np.int64]
    """(K,) code of each effort's carry-over."""
    carry_parameter: NDArray[np.int64]
    """(K, 2) parameter indices of each carry-over."""
    lags: NDArray[np.int64]
    """(K,) longest lag of each carry-over with a finite memory, periods."""
    design: NDArray[np.float64]
    """(N, Q) firm constants from effect parameters: b = design @ theta[effect_parameter]."""
    effect_parameter: NDArray[np.int64]
    """(Q,) parameter indices of the firm effects."""
    elasticity: int
    """Parameter index of the exponent rho of a CES response, else -1."""
    ranked: NDArray[np.int64]
    """(n,) effort indices in Pareto order, the leading one first; empty without ranking."""
    rank_weight: NDArray[np.float64]
    """(n + 1, n) Pareto weights by number of efforts used and rank."""
    spline_knot: NDArray[np.float64]
    """(K, pieces + 1) knots of I-splines."""
    spline_piece: NDArray[np.float64]
    """(K, basis, pieces, 4) cubic coefficients in u - knot, constant first."""
    spline_sign: NDArray[np.float64]
    """(K,) 1 for an increasing spline, -1 for a decreasing one."""
    program_size: NDArray[np.int64]
    """(K, 3) operations, constants and parameters of each user-written curve; 0 elsewhere."""
    program_code: NDArray[np.int64]
    """(K, operations, 4) tape of each user-written curve."""
    program_constant: NDArray[np.float64]
    """(K, constants) constants of each tape."""


class Workspace(NamedTuple):
    """Scratch arrays of one thread for one response and one shape of market; E = T N cells.

    `prepare` fills what depends on data only; the rest is overwritten by each evaluation. ``key`` remembers
    for which parameters the cached arrays were computed, so fixed exponents cost nothing.
    """

    effort: NDArray[np.float64]
    """(K, E) efforts, weighted by their Pareto rank; 1 where the firm is absent."""
    weight: NDArray[np.float64]
    """(K, E) Pareto weights, 1 without ranking."""
    carried: NDArray[np.float64]
    """(K, E) efforts after carry-over."""
    carried_slope: NDArray[np.float64]
    """(K, 2, E) derivative of carried efforts in the parameters of the carry-over."""
    kept: NDArray[np.float64]
    """(K, E) derivative of carried efforts in the effort of the same period."""
    log: NDArray[np.float64]
    """(K, E) logarithms of carried efforts."""
    power: NDArray[np.float64]
    """(K, E) carried efforts to the power of the curve's exponent."""
    basis: NDArray[np.float64]
    """(K, basis, E) I-splines at carried efforts."""
    basis_slope: NDArray[np.float64]
    """(K, basis, E) their derivatives."""
    key: NDArray[np.float64]
    """(K, 4) parameters at which ``carried`` (two), ``power`` (one) were computed; flag of ``log``."""
    lag_weight: NDArray[np.float64]
    """(3, T, lags + 1) weights of lags and their derivatives in two parameters."""
    spare: NDArray[np.float64]
    """(registers, E) scratch rows."""
    slope: NDArray[np.float64]
    """(K, E) derivative of each curve in its carried effort."""
    absent: NDArray[np.int64]
    """(E + 1,) number of cells of absent firms, then their indices."""
    entered: NDArray[np.int64]
    """(E,) period in which the firm of a cell entered for its present stay."""
