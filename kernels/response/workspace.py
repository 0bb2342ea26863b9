"""What a compiled response reads (`ResponseSpec`), and the scratch arrays it writes (`Workspace`)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.formula.program_set import TILE, ProgramSet
from kernels.numeric.elementary import log
from kernels.numeric.jit import jit, jit_making_arrays
from kernels.numeric.jit_apart import jit_apart
from kernels.numeric.rows import copy_to
from kernels.response import curves
from kernels.response.carryover import GEOMETRIC, NONE, carry_geometric, carry_lagged
from kernels.response.ispline import ispline_basis
from kernels.response.pareto import rank_efforts


class ResponseSpec(NamedTuple):
    """A response as arrays of one shape of types, so that no response ever triggers a compilation.

    "Parameter" indices point into ``theta``; -1 means "none". K efforts, m curve parameters at most.
    """

    n_parameters: int
    """R, the number of response parameters: the first ones of ``theta``."""
    link: int
    """A code of `kernels.response.links`."""
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
    program: NDArray[np.int64]
    """(K,) index of each effort's user-written curve in ``programs``."""
    programs: ProgramSet
    """User-written curves."""


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
    """(K, 3) parameters at which ``carried`` (two) and ``power`` (one) were computed."""
    lag_weight: NDArray[np.float64]
    """(6, T, lags + 1) weights of lags, their derivatives in two parameters, running sums of the three."""
    spare: NDArray[np.float64]
    """(m + 3, E) scratch rows: one for each curve parameter, then three."""
    slope: NDArray[np.float64]
    """(K, E) derivative of each curve in its carried effort."""
    absent: NDArray[np.int64]
    """(E + 1,) number of cells where the firm is absent, then their indices."""
    entered: NDArray[np.int64]
    """(E,) period in which the firm of a cell entered for its present stay."""
    rows: NDArray[np.int64]
    """(m,) rows of the gradient that a user-written curve writes."""
    parameters: NDArray[np.float64]
    """(m,) its parameters."""
    scalars: NDArray[np.float64]
    """(n, 1) its scalar registers."""
    registers: NDArray[np.float64]
    """(n, TILE) its vector registers."""


@jit_making_arrays
def make_workspace(spec, n_times, n_firms):
    """Allocate the scratch arrays for markets of ``n_times`` periods and ``n_firms`` firms."""
    n_efforts, n_curve_parameters = spec.curve_parameter.shape
    n_cells = n_times * n_firms
    n_lags = 0
    for k in range(n_efforts):
        n_lags = max(n_lags, spec.lags[k])
    n_scalars = 1
    n_registers = 1
    for m in range(spec.programs.layout.shape[0]):
        n_scalars = max(n_scalars, spec.programs.layout[m, 6])
        n_registers = max(n_registers, spec.programs.layout[m, 7])
    n_basis = spec.spline_piece.shape[1]
    shape = (n_efforts, n_cells)
    return Workspace(
        np.empty(shape),
        np.empty(shape),
        np.empty(shape),
        np.empty((n_efforts, 2, n_cells)),
        np.empty(shape),
        np.empty(shape),
        np.empty(shape),
        np.empty((n_efforts, n_basis, n_cells)),
        np.empty((n_efforts, n_basis, n_cells)),
        np.empty((n_efforts, 3)),
        np.empty((6, n_times, n_lags + 1)),
        np.empty((n_curve_parameters + 3, n_cells)),
        np.empty(shape),
        np.empty(n_cells + 1, np.int64),
        np.empty(n_cells, np.int64),
        np.empty(n_curve_parameters, np.int64),
        np.empty(n_curve_parameters),
        np.empty((n_scalars, 1)),
        np.empty((n_registers, TILE)),
    )


@jit_apart("none")
def prepare(spec, efforts, active, duration, work):  # noqa: ARG001
    """Compute what depends on data only, into ``work``; forgets what was cached for other data.

    Parameters
    ----------
    spec : ResponseSpec
    efforts : (K, T, N) array
        Efforts; values of absent firms are not read.
    active : (T, N) array of bool
        Whether the firm is in the market.
    duration : (T,) array
        Lengths of the periods, in periods.
    work : Workspace
        From `make_workspace`.
    """
    n_times, n_firms = active.shape
    absent = 0
    for t in range(n_times):
        for i in range(n_firms):
            e = t * n_firms + i
            if not active[t, i]:
                absent += 1
                work.absent[absent] = e
            stays = t > 0 and active[t, i] and active[t - 1, i]
            work.entered[e] = work.entered[e - n_firms] if stays else t
    work.absent[0] = absent
    for k in range(spec.curve.size):
        for t in range(n_times):
            for i in range(n_firms):
                # 1 is in the domain of every curve.
                work.effort[k, t * n_firms + i] = efforts[k, t, i] if active[t, i] else 1.0
        work.weight[k] = 1.0
        work.key[k] = np.nan
    if spec.ranked.size > 0:
        rank_efforts(spec.ranked, spec.rank_weight, work.effort, work.weight)
    for k in range(spec.curve.size):
        if spec.carry[k] == NONE:
            copy_to(work.carried[k], work.effort[k])
            work.kept[k] = 1.0
            _tabulate(spec, k, work)


@jit_apart("none")
def _tabulate(spec, k, work):
    """Compute what a curve needs of its carried effort, whatever its parameters."""
    code = spec.curve[k]
    work.key[k, 2] = np.nan
    if code == curves.ISPLINE:
        ispline_basis(
            work.carried[k], spec.spline_knot[k], spec.spline_piece[k], work.basis[k], work.basis_slope[k]
        )
    elif code == curves.LN or exponent_position(code) >= 0:
        for e in range(work.log.shape[1]):
            work.log[k, e] = log(work.carried[k, e])


@jit
def exponent_position(code):
    """Tell which parameter of a curve is the exponent of the effort, -1 when none is."""
    if code == curves.POWER:
        return 1
    if code == curves.HILL or code == curves.ADBUDG:
        return 2
    return -1


@jit_apart("none")
def refresh(spec, duration, work, theta):
    """Bring carried efforts and their powers up to date with ``theta``, where they are not."""
    for k in range(spec.curve.size):
        carry = spec.carry[k]
        if carry != NONE:
            first = theta[spec.carry_parameter[k, 0]]
            second = theta[spec.carry_parameter[k, 1]] if carry != GEOMETRIC else 0.0
            if work.key[k, 0] != first or work.key[k, 1] != second:
                _carry(spec, k, duration, work, first, second)
        position = exponent_position(spec.curve[k])
        if position >= 0:
            exponent = theta[spec.curve_parameter[k, position]]
            if work.key[k, 2] != exponent:
                curves.raise_to(work.log[k], exponent, work.power[k])
                work.key[k, 2] = exponent


@jit_apart("none")
def _carry(spec, k, duration, work, first, second):
    """Compute the carried effort k for two parameters of its carry-over, and what follows from it."""
    effort, carried, slope, kept = work.effort[k], work.carried[k], work.carried_slope[k], work.kept[k]
    if spec.carry[k] == GEOMETRIC:
        carry_geometric(effort, work.entered, duration, first, carried, slope[0], kept)
    else:
        carry_lagged(
            spec.carry[k], spec.lags[k], effort, work.entered, duration, first, second,
            work.lag_weight, carried, slope, kept,
        )  # fmt: skip
    work.key[k, 0] = first
    work.key[k, 1] = second
    _tabulate(spec, k, work)
