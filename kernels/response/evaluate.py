"""Value and gradients of a response over all periods and firms of one market, compiled."""

import numpy as np

from kernels.formula.program import run_program
from kernels.numeric.jit import jit, jit_inline, jit_making_arrays
from kernels.numeric.jit_apart import jit_apart
from kernels.numeric.rows import add_to, copy_to, multiply_by
from kernels.response import curves
from kernels.response.links import CES, IDENTITY, apply_link, write_effect_rows
from kernels.response.workspace import ResponseSpec, Workspace, make_workspace, prepare, refresh

__all__ = [
    "NON_FINITE",
    "OK",
    "ResponseSpec",
    "Workspace",
    "evaluate",
    "evaluate_effort_gradient",
    "make_workspace",
    "prepare",
]

OK = 0
NON_FINITE = 1


@jit_apart("int64")
def evaluate(spec, efforts, active, duration, work, theta, column, value, gradient):  # noqa: ARG001
    """Write the response and its derivatives in the free response parameters.

    Parameters
    ----------
    spec, efforts, active, duration, work
        As given to `prepare`, which must have been called with the same data.
    theta : (P,) array, C order
        All parameters of the market model; the response reads its own.
    column : (P,) array of int64
        Row of ``gradient`` for each parameter, -1 where it is fixed.
    value : (T, N) array, C order
        Response, per period; nan where the firm is absent.
    gradient : (C, T, N) array, C order
        Every row of a free response parameter is fully written, with 0 where the firm is absent; other rows
        are left as they are. Not to be read unless the status is `OK`.

    Returns
    -------
    int
        `OK`, or `NON_FINITE` when the response or its gradient is not finite for a firm that is present.
    """
    n_cells = value.size
    total = value.reshape(n_cells)
    flat = gradient.reshape((gradient.shape[0], n_cells))
    _write_sum(spec, duration, work, theta, column, total, flat, 0)
    constant, factor = work.spare[work.spare.shape[0] - 2], work.spare[work.spare.shape[0] - 1]
    apply_link(
        spec.link, spec.design, spec.effect_parameter, spec.elasticity, theta, total, constant, factor,
        work.spare[0],
    )  # fmt: skip
    _blank(work.absent, total, 0.0)
    if not _all_finite(total):
        _blank(work.absent, total, np.nan)
        return NON_FINITE
    if spec.link != IDENTITY:
        _blank(work.absent, factor, 0.0)
        _scale_rows(spec.curve_parameter, spec.repeated, spec.carry_parameter, column, flat, factor)
    if spec.link == CES and column[spec.elasticity] >= 0:
        add_to(flat[column[spec.elasticity]], work.spare[0])
    write_effect_rows(spec.link, spec.design, spec.effect_parameter, column, total, flat)
    return _finish(column[: spec.n_parameters], work.absent, total, flat)


@jit_making_arrays
def evaluate_effort_gradient(
    spec,
    efforts,  # noqa: ARG001
    active,  # noqa: ARG001
    duration,
    work,
    theta,
    value,
    effort_gradient,
):
    """Write the response, and its derivative in the efforts of the same period, shape ``(K, T, N)``.

    Where the derivative is infinite (a square root at 0) it is the one at an effort of 1e-12; a change of
    Pareto rank is not part of it. Other arguments and status as in `evaluate`.
    """
    n_cells = value.size
    total = value.reshape(n_cells)
    flat = effort_gradient.reshape((effort_gradient.shape[0], n_cells))
    column = np.full(theta.size, -1)
    _write_sum(spec, duration, work, theta, column, total, flat, curves.SLOPE)
    constant, factor = work.spare[work.spare.shape[0] - 2], work.spare[work.spare.shape[0] - 1]
    apply_link(
        spec.link, spec.design, spec.effect_parameter, spec.elasticity, theta, total, constant, factor,
        work.spare[0],
    )  # fmt: skip
    _blank(work.absent, total, 0.0)
    if not _all_finite(total):
        _blank(work.absent, total, np.nan)
        return NON_FINITE
    for k in range(spec.curve.size):
        copy_to(flat[k], work.slope[k])
        multiply_by(flat[k], work.kept[k])
        multiply_by(flat[k], work.weight[k])
        if spec.link != IDENTITY:
            multiply_by(flat[k], factor)
    return _finish(np.arange(spec.curve.size), work.absent, total, flat)


# Functions below take the arrays they read instead of the records: each array of a record that is passed on
# costs two atomic reference counts, and a record has twenty.


@jit_inline
def _write_sum(spec, duration, work, theta, column, total, flat, want):
    """Write the sum of all curves into ``total`` and their derivatives in parameters into ``flat``."""
    refresh(spec, duration, work, theta)
    total[:] = 0.0
    curves.add_curves(
        spec.curve, spec.curve_parameter, spec.repeated, spec.carry_parameter, theta, column, want,
        work.carried, work.log, work.power, work.slope, work.spare, total, flat,
    )  # fmt: skip
    if spec.spline_piece.shape[1] > 0:
        _add_splines(
            spec.curve, spec.curve_parameter, spec.carry_parameter, spec.spline_sign, theta, column, want,
            work.basis, work.basis_slope, work.slope, total, flat,
        )  # fmt: skip
    if spec.programs.layout.shape[0] > 0:
        _add_programs(spec, work, theta, column, want, total, flat)
    for k in range(spec.curve.size):
        for m in range(2):
            p = spec.carry_parameter[k, m]
            if p >= 0 and column[p] >= 0:
                copy_to(flat[column[p]], work.slope[k])
                multiply_by(flat[column[p]], work.carried_slope[k, m])


@jit_apart("none")
def _add_splines(
    code, index, carry_index, signs, theta, column, want_always, basis, basis_slope, slopes, total, flat
):
    """Add the splines: sums of non-negative coefficients times I-splines, with the sign of the spline."""
    for k in range(code.size):
        if code[k] != curves.ISPLINE:
            continue
        want = curves.wanted(want_always, index[k], carry_index[k], column)
        slopes[k] = 0.0
        for j in range(basis.shape[1]):
            p = index[k, j]
            if p < 0:
                break
            curves.spline_term(basis[k, j], basis_slope[k, j], signs[k], theta[p], want, total, slopes[k])
            if column[p] >= 0:
                row = flat[column[p]]
                for e in range(row.size):
                    row[e] = signs[k] * basis[k, j, e]


@jit_apart("none")
def _add_programs(spec, work, theta, column, want_always, total, flat):
    """Add the user-written curves."""
    result = work.spare[work.spare.shape[0] - 2]
    for k in range(spec.curve.size):
        if spec.curve[k] != curves.EXPRESSION:
            continue
        want = curves.wanted(want_always, spec.curve_parameter[k], spec.carry_parameter[k], column)
        n_parameters = spec.programs.layout[spec.program[k], 5]
        for m in range(n_parameters):
            p = spec.curve_parameter[k, m]
            work.parameters[m] = theta[p]
            work.rows[m] = column[p]
        run_program(
            spec.programs,
            spec.program[k],
            work.carried[k],
            work.parameters[:n_parameters],
            work.rows[:n_parameters],
            work.scalars,
            work.registers,
            result,
            flat,
            work.slope[k] if want & curves.SLOPE else work.slope[k][:0],
        )
        add_to(total, result)


@jit
def _scale_rows(index, repeated, carry_index, column, flat, factor):
    """Chain the derivatives of the sum of curves to those of f."""
    for k in range(index.shape[0]):
        for m in range(index.shape[1]):
            p = index[k, m]
            if p >= 0 and column[p] >= 0 and not repeated[k, m]:
                multiply_by(flat[column[p]], factor)
        for m in range(2):
            p = carry_index[k, m]
            if p >= 0 and column[p] >= 0:
                multiply_by(flat[column[p]], factor)


@jit
def _blank(absent, row, filler):
    """Fill the cells of absent firms."""
    for m in range(1, absent[0] + 1):
        row[absent[m]] = filler


@jit
def _finish(rows, absent, total, flat):
    """Blank the cells of absent firms and tell whether the gradient of all others is finite."""
    finite = True
    for p in range(rows.size):
        if rows[p] >= 0:
            row = flat[rows[p]]
            _blank(absent, row, 0.0)
            finite = finite and _all_finite(row)
    _blank(absent, total, np.nan)
    return OK if finite else NON_FINITE


@jit
def _all_finite(row):
    """Tell whether no entry is nan or infinite, without a branch in the loop."""
    bad = 0
    for e in range(row.size):
        bad += 0 if abs(row[e]) <= 1.7976931348623157e308 else 1
    return bad == 0
