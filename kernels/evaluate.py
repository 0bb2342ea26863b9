"""Value and gradients of a response over all periods and firms of one market, compiled."""

import numpy as np

from kernels import curves
from kernels.carryover import NONE
from kernels.elementary import exp, log
from kernels.jit import jit
from kernels.program import run_program
from kernels.workspace import (
    CES,
    EXPONENTIAL,
    IDENTITY,
    ResponseSpec,
    Workspace,
    make_workspace,
    prepare,
    refresh,
)

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


@jit
def evaluate(spec, efforts, active, duration, work, theta, column, value, gradient):
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
        are left as they are.

    Returns
    -------
    int
        `OK`, or `NON_FINITE` when the response or its gradient is not finite for a firm that is present.
    """
    n_cells = value.size
    total = value.reshape(n_cells)
    flat = gradient.reshape((gradient.shape[0], n_cells))
    _sum_curves(spec, duration, work, theta, column, total, flat, False)
    factor = work.spare[work.spare.shape[0] - 1]
    _link(spec, theta, column, total, flat, factor, work)
    if spec.link != IDENTITY:
        _scale_curve_rows(spec, column, flat, factor)
    _write_effect_rows(spec, column, total, flat)
    if spec.link == CES and column[spec.elasticity] >= 0:
        flat[column[spec.elasticity]] += work.spare[0]
    return _finish(spec, work, column, total, flat)


@jit
def evaluate_effort_gradient(spec, efforts, active, duration, work, theta, value, effort_gradient):
    """Write the response, and its derivative in the efforts of the same period, shape ``(K, T, N)``.

    Where the derivative is infinite (a square root at 0) it is the one at an effort of 1e-12; a change of
    Pareto rank is not part of it. Other arguments and status as in `evaluate`.
    """
    n_cells = value.size
    total = value.reshape(n_cells)
    flat = effort_gradient.reshape((effort_gradient.shape[0], n_cells))
    column = np.full(theta.size, -1)
    _sum_curves(spec, duration, work, theta, column, total, flat, True)
    factor = work.spare[work.spare.shape[0] - 1]
    _link(spec, theta, column, total, flat, factor, work)
    for k in range(spec.curve.size):
        for e in range(n_cells):
            flat[k, e] = work.slope[k, e] * work.kept[k, e] * work.weight[k, e]
        if spec.link != IDENTITY:
            flat[k] *= factor
    status = OK
    for m in range(1, work.absent[0] + 1):
        total[work.absent[m]] = 0.0
        flat[:, work.absent[m]] = 0.0
    if not _all_finite(total):
        status = NON_FINITE
    for k in range(spec.curve.size):
        if not _all_finite(flat[k]):
            status = NON_FINITE
    for m in range(1, work.absent[0] + 1):
        total[work.absent[m]] = np.nan
    return status


@jit
def _sum_curves(spec, duration, work, theta, column, total, flat, want_slope):
    """Write the sum of all curves into ``total`` and their derivatives in parameters into ``flat``."""
    total[:] = 0.0
    width = spec.curve_parameter.shape[1]
    for k in range(spec.curve.size):
        refresh(spec, k, duration, work, theta)
        want = curves.SLOPE if want_slope else 0
        for m in range(width):
            p = spec.curve_parameter[k, m]
            if p >= 0 and column[p] >= 0:
                want |= 1 << m
        if spec.carry[k] != NONE:
            for m in range(2):
                p = spec.carry_parameter[k, m]
                if p >= 0 and column[p] >= 0:
                    want |= curves.SLOPE
        _add_curve(spec, k, work, theta, column, want, total, flat)
        for m in range(width):
            if spec.repeated[k, m] and want & (1 << m):
                flat[column[spec.curve_parameter[k, m]]] += work.spare[m]
        for m in range(2):
            p = spec.carry_parameter[k, m]
            if p >= 0 and column[p] >= 0:
                row = flat[column[p]]
                for e in range(row.size):
                    row[e] = work.slope[k, e] * work.carried_slope[k, m, e]


@jit
def _row(spec, k, m, work, column, flat):
    """Where the derivative in parameter m of curve k goes: its row, or scratch (fixed, or added later)."""
    p = spec.curve_parameter[k, m]
    if p < 0 or column[p] < 0 or spec.repeated[k, m]:
        return work.spare[m]
    return flat[column[p]]


@jit
def _add_curve(spec, k, work, theta, column, want, total, flat):
    """Dispatch on the curve of effort k."""
    code = spec.curve[k]
    index = spec.curve_parameter[k]
    u, log_u, power, slope = work.carried[k], work.log[k], work.power[k], work.slope[k]
    spare = work.spare[work.spare.shape[0] - 2]
    if code == curves.ISPLINE:
        _add_spline(spec, k, work, theta, column, want, total, flat)
        return
    if code == curves.EXPRESSION:
        _add_program(spec, k, work, theta, column, want, total, flat)
        return
    beta = theta[index[0]]
    d_beta = _row(spec, k, 0, work, column, flat)
    if code == curves.LINEAR:
        curves.linear(u, beta, want, total, d_beta, slope)
    elif code == curves.LN:
        curves.natural_log(u, log_u, beta, want, total, d_beta, slope)
    elif code == curves.SQRT:
        curves.square_root(u, beta, want, total, d_beta, slope)
    else:
        second = theta[index[1]]
        d_second = _row(spec, k, 1, work, column, flat)
        if code == curves.POWER:
            curves.power_curve(u, log_u, power, beta, second, want, total, d_beta, d_second, slope)
        elif code == curves.LOG:
            curves.log_curve(u, beta, second, want, total, d_beta, d_second, slope)
        elif code == curves.EXPONENTIAL:
            curves.exponential_curve(u, beta, second, want, total, d_beta, d_second, slope)
        elif code == curves.MICHAELIS_MENTEN:
            curves.michaelis_menten(u, beta, second, want, total, d_beta, d_second, slope)
        elif code == curves.LOGISTIC:
            curves.tanh_curve(u, beta, 0.5 * second, 0.5, want, total, d_beta, d_second, slope)
        elif code == curves.TANH:
            rate = 1.0 / second
            curves.tanh_curve(u, beta, rate, -rate * rate, want, total, d_beta, d_second, slope)
        else:
            third = theta[index[2]]
            d_third = _row(spec, k, 2, work, column, flat)
            if code == curves.HILL:
                curves.hill(
                    u, log_u, power, beta, second, third, want, total, d_beta, d_second, d_third, slope, spare
                )
            else:
                d = theta[index[3]]
                d_d = _row(spec, k, 3, work, column, flat)
                curves.adbudg(
                    u, log_u, power, beta, second, third, d,
                    want, total, d_beta, d_second, d_third, d_d, slope, spare,
                )  # fmt: skip


@jit
def _add_spline(spec, k, work, theta, column, want, total, flat):
    """Add the sum of non-negative coefficients times I-splines, with the sign of the spline."""
    sign = spec.spline_sign[k]
    slope = work.slope[k]
    if want & curves.SLOPE:
        slope[:] = 0.0
    for j in range(spec.spline_piece.shape[1]):
        p = spec.curve_parameter[k, j]
        if p < 0:
            break
        height = sign * theta[p]
        basis = work.basis[k, j]
        for e in range(total.size):
            total[e] += height * basis[e]
        if want & (1 << j):
            row = _row(spec, k, j, work, column, flat)
            for e in range(total.size):
                row[e] = sign * basis[e]
        if want & curves.SLOPE:
            for e in range(total.size):
                slope[e] += height * work.basis_slope[k, j, e]


@jit
def _add_program(spec, k, work, theta, column, want, total, flat):
    """Add a user-written curve."""
    n_parameters = spec.programs.layout[spec.program[k], 5]
    for m in range(n_parameters):
        p = spec.curve_parameter[k, m]
        work.parameters[m] = theta[p]
        work.rows[m] = column[p]
    result = work.spare[work.spare.shape[0] - 2]
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
    total += result


@jit
def _link(spec, theta, column, total, flat, factor, work):
    """Turn the sum of curves S into f, in place, and write df/dS into ``factor`` (not for `IDENTITY`).

    For `CES` the part of df/drho that does not go through S is written into the first scratch row.
    """
    n_firms = spec.design.shape[0]
    n_times = total.size // n_firms
    constant = work.spare[work.spare.shape[0] - 2]
    constant[:n_firms] = 0.0
    for q in range(spec.effect_parameter.size):
        effect = theta[spec.effect_parameter[q]]
        for i in range(n_firms):
            constant[i] += spec.design[i, q] * effect
    if spec.link == CES:
        rho = theta[spec.elasticity]
        for e in range(total.size):
            b = constant[e % n_firms]
            logarithm = log(total[e])
            total[e] = exp(b + logarithm / rho)
            factor[e] = exp(b + (1.0 / rho - 1.0) * logarithm) / rho
            work.spare[0, e] = -total[e] * (logarithm / (rho * rho))
    elif spec.effect_parameter.size > 0:
        for t in range(n_times):
            for i in range(n_firms):
                total[t * n_firms + i] += constant[i]
    if spec.link == EXPONENTIAL:
        for e in range(total.size):
            y = exp(total[e])
            total[e] = y
            factor[e] = y


@jit
def _scale_curve_rows(spec, column, flat, factor):
    """Chain the derivatives of the sum of curves to those of f."""
    for k in range(spec.curve.size):
        for m in range(spec.curve_parameter.shape[1]):
            p = spec.curve_parameter[k, m]
            if p >= 0 and column[p] >= 0 and not spec.repeated[k, m]:
                flat[column[p]] *= factor
        for m in range(2):
            p = spec.carry_parameter[k, m]
            if p >= 0 and column[p] >= 0:
                flat[column[p]] *= factor


@jit
def _write_effect_rows(spec, column, total, flat):
    """Write the derivatives in the firm effects: the design, times f where effects are inside exp."""
    n_firms = spec.design.shape[0]
    for q in range(spec.effect_parameter.size):
        c = column[spec.effect_parameter[q]]
        if c < 0:
            continue
        row = flat[c]
        row[:] = 0.0
        for i in range(n_firms):
            d = spec.design[i, q]
            if d == 0.0:
                continue
            for e in range(i, row.size, n_firms):
                row[e] = d if spec.link == IDENTITY else d * total[e]


@jit
def _finish(spec, work, column, total, flat):
    """Blank the cells of absent firms and tell whether all others are finite."""
    n_absent = work.absent[0]
    for m in range(1, n_absent + 1):
        total[work.absent[m]] = 0.0
    finite = _all_finite(total)
    for p in range(spec.n_parameters):
        if column[p] >= 0:
            row = flat[column[p]]
            for m in range(1, n_absent + 1):
                row[work.absent[m]] = 0.0
            finite = finite and _all_finite(row)
    for m in range(1, n_absent + 1):
        total[work.absent[m]] = np.nan
    return OK if finite else NON_FINITE


@jit
def _all_finite(row):
    """Tell whether no entry is nan or infinite, without a branch in the loop."""
    bad = 0
    for e in range(row.size):
        bad += 0 if abs(row[e]) <= 1.7976931348623157e308 else 1
    return bad == 0
