"""Residuals of a market model against observed shares, and their Jacobian, in one pass over time.

Row order: for each period from ``first`` on, one row per firm that moves but one (in the order of firms);
then one row per free parameter with a positive prior weight (in the order of ``theta``). Residual = model -
target, the innovation with its sign turned. Where the errors differ by firm, the rows of each period are
whitened: see `kernels.least_squares.whitening`. Where they hang together over time, rows are innovations:
see `kernels.least_squares.serial_errors`. Where periods differ in length, so do their errors and their gains:
see `kernels.least_squares.lengths`.

Parameter vector ``theta``: response parameters, then jump_price, returns_to_scale, gain, and, when the
initial state is estimated, the log-ratios ln(share_i / share_N) of the first N - 1 firms at the start of
period 0 (entries of firms absent in period 0 are not used; if firm N is absent, fix one entry of a firm
that is there); ``data.entries`` errors of the first shares of firms that enter, see
`kernels.least_squares.entries`; the coefficients of ``data.controls``, by which errors go with what is
observed; last, with ``data.serial``, the autocorrelation of the errors.
"""

import numpy as np

from kernels.least_squares.entries import enter_shares, set_entry_slopes
from kernels.least_squares.further_rows import add_control, write_prior
from kernels.least_squares.lengths import divide_by_spread, set_lengths
from kernels.least_squares.market import (
    ILR,
    PLAIN,
    MarketData,
    MarketWorkspace,
    make_market_workspace,
    n_observations,
    n_rows,
    observed_target,
    prepare_market,
)
from kernels.least_squares.serial_errors import take_out_correlation
from kernels.least_squares.whitening import whiten
from kernels.motion.bernoulli_work import LOG, SHARE
from kernels.motion.course import INVESTMENT, PROPORTIONAL, SCALED
from kernels.motion.trajectory import (
    follow_investment,
    follow_proportional,
    follow_scaled,
    investment_coefficients,
    investment_tangent,
    proportional_tangent,
    time_scale,
)
from kernels.numeric.elementary import LOG_OF_ZERO, exp, log
from kernels.numeric.jit import jit, jit_inline
from kernels.numeric.jit_apart import jit_apart
from kernels.numeric.rows import copy_to
from kernels.numeric.simplex import helmert_full_rows, helmert_row, share_tangent
from kernels.response.evaluate import evaluate

__all__ = [
    "ILR",
    "INVESTMENT",
    "PLAIN",
    "PROPORTIONAL",
    "SCALED",
    "STATUS",
    "MarketData",
    "MarketWorkspace",
    "make_market_workspace",
    "n_observations",
    "n_rows",
    "observed_target",
    "prepare_market",
    "residual_jacobian",
    "simulate_market",
]

OK = 0
NON_FINITE_RESPONSE = 1
NEGATIVE_RESPONSE = 2
BAD_PARAMETER = 3
NO_CONVERGENCE = 4
NON_FINITE_RESIDUAL = 5
STATUS = {
    OK: "The residuals were computed.",
    NON_FINITE_RESPONSE: "The response or its gradient is not finite for a firm that is present.",
    NEGATIVE_RESPONSE: "The response is negative, which only returns_to_scale = 1 allows.",
    BAD_PARAMETER: "jump_price must be positive, returns_to_scale at least 0, gain from 0 to 1, "
    "autocorrelation between -1 and 1, all finite.",
    NO_CONVERGENCE: "The general form was not resolved: the point needs too many steps a period.",
    NON_FINITE_RESIDUAL: "A residual is not finite: a modelled share vanished or a target is missing.",
}
"""What each status code of this module means, as a sentence."""

# Markets near observed ones take one or two steps a period; a fit that strays so far off that it needs this
# many on average learns more from a refusal than from the wait.
_STEPS_A_PERIOD = 32


@jit_apart("int64")
def residual_jacobian(
    spec, data, target, prior_mean, prior_weight, gamma_form, theta, column, work, residual, jacobian
):
    """Write the residuals of a market model and their Jacobian.

    Parameters
    ----------
    spec : ResponseSpec
        The response, of R parameters.
    data : MarketData
        One market.
    target : (n_observations,) array
        From `observed_target`, or a replicate of it.
    prior_mean, prior_weight : (P,) arrays
        Row ``weight * (theta - mean)`` for each free parameter with ``weight > 0``.
    gamma_form : int
        `INVESTMENT`, `PROPORTIONAL` (``theta[R + 1]`` is then not read) or `SCALED`.
    theta : (P,) array
        Natural parameter values, P = R + 3, or R + 2 + N with an estimated initial state (``data.first ==
        0``), one more for every entry and control, and one more with ``data.serial``. The gain is between
        0 and 1.
    column : (P,) int64 array
        Jacobian column of each parameter, -1 when it is fixed.
    work : MarketWorkspace
        Scratch, made for as many columns as ``jacobian`` has, prepared for ``data``.
    residual : (n_rows,) array, output
    jacobian : (C, n_rows) array, output
        Derivative of residual r by column c at ``jacobian[c, r]``; C = 0 (and ``column`` all -1) asks for the
        residuals alone. Without rows too (R = 0) it only follows the shares, see `simulate_market`.

    Returns
    -------
    int
        A key of `STATUS`; outputs are complete only when it is 0.
    """
    want_share = data.kind == PLAIN or residual.size == 0
    status = _follow(spec, data, gamma_form, theta, column, work, want_share)
    if status != OK or residual.size == 0:
        return status
    tangent, x, active, scratch = work.tangent, work.x, work.course.active, work.state[0]
    end = _write_rows(
        data.kind, work.whole[0], data.first, target, work.helmert, active, work.path, tangent, scratch,
        residual, jacobian,
    )  # fmt: skip
    first_control = theta.size - data.serial - data.controls.shape[0]
    for k in range(data.controls.shape[0]):
        add_control(theta[first_control + k], column[first_control + k], data.controls[k], residual, jacobian)
    factor, membership = data.whitening.factor, data.whitening.membership
    if membership.size > 0:
        whiten(factor, membership, data.first, active, residual, scratch)
        for c in range(jacobian.shape[0]):
            whiten(factor, membership, data.first, active, jacobian[c], scratch)
    if work.uneven[0] and data.by_length:
        divide_by_spread(work.log_spread, work.spread_slope, data.first, active, residual, jacobian)
    if data.serial:
        rho, free = theta[theta.size - 1], column[theta.size - 1]
        if not -1.0 < rho < 1.0:
            return BAD_PARAMETER
        take_out_correlation(rho, free, data.first, active, data.duration, residual, jacobian)
    write_prior(prior_mean, prior_weight, theta, column, end, residual, jacobian)
    total = 0.0
    for r in range(residual.size):
        total += 0.0 * residual[r]
    # What is not finite in a tangent stays so in all later periods.
    last = tangent.shape[1] - 1
    for c in range(x.shape[0]):
        for i in range(x.shape[1]):
            total += 0.0 * tangent[c, last, i]
    return OK if total == 0.0 else NON_FINITE_RESIDUAL


def simulate_market(spec, data, gamma_form, theta, column, work, share):
    """Write the modelled shares at the end of every period, ``share (time, firm)``; NaN where absent.

    Arguments as in `residual_jacobian`; ``column`` is all -1 unless ``work`` was made for its columns.
    Periods before ``data.first`` hold the observed shares; firms in the period they enter in those that the
    next period begins at, which are the observed ones where they have no parameter.
    Returns a key of `STATUS`.
    """
    # Compiled once with the residuals: what follows the shares is nearly all of the code.
    none, nothing, rows = np.zeros(theta.size), np.empty(0), np.empty((len(work.x), 0))
    status = residual_jacobian(
        spec, data, nothing, none, none, gamma_form, theta, column, work, nothing, rows
    )  # fmt: skip
    _write_shares(data.first, data.active, data.share, work.course.active, work.entered, work.path, share)
    return status


@jit
def _write_shares(first, active, observed, moving, entered, path, share):
    for t in range(share.shape[0]):
        entering = 0.0
        for i in range(share.shape[1]):
            if active[t, i] and not moving[t, i]:
                entering += entered[t, i]
        for i in range(share.shape[1]):
            share[t, i] = np.nan
            if active[t, i]:
                share[t, i] = observed[t, i]
                if t >= first:
                    share[t, i] = path[0, t, i] * (1.0 - entering) if moving[t, i] else entered[t, i]


# Functions below take the arrays they read instead of the records: each array of a record that is passed on
# costs two atomic reference counts, and a workspace has fifty.


@jit
def _start(first, active, observed, n_response, theta, column, state, path, x):
    """Set the state at the start of the first fitted period, and its derivatives."""
    n = state.shape[1]
    total = 0.0
    for i in range(n):
        ratio = exp(theta[n_response + 3 + i]) if first == 0 and i < n - 1 else 1.0
        start = ratio if first == 0 else observed[0, i]
        state[0, i] = start if active[0, i] else 0.0
        total += state[0, i]
    for i in range(n):
        state[0, i] /= total
        state[1, i] = log(state[0, i]) if active[0, i] else LOG_OF_ZERO
        path[0, 0, i] = state[0, i]
    x[:, :] = 0.0
    if first == 1 or x.shape[0] == 0:
        return
    for j in range(n - 1):
        c = column[n_response + 3 + j]
        if c >= 0 and active[0, j]:
            for i in range(n):
                x[c, i] = (1.0 if i == j else 0.0) - state[0, j] if active[0, i] else 0.0


@jit
def _set_slopes(jump_price, n_response, with_gamma, column, log_jump, gamma, gain, tangent):
    """Clear the tangents of columns the response does not write, and set the common derivatives."""
    log_jump[:] = 0.0
    gamma[:] = 0.0
    gain[:, :] = 0.0
    for p in range(n_response, column.size):
        if column[p] >= 0:
            tangent[column[p], :, :] = 0.0
    if column[n_response] >= 0:
        log_jump[column[n_response]] = -1.0 / jump_price
    if with_gamma and column[n_response + 1] >= 0:
        gamma[column[n_response + 1]] = 1.0
    if column[n_response + 2] >= 0:
        gain[column[n_response + 2], :] = 1.0


@jit
def _clean_response(first, f):
    """Replace the nan of absent firms by 0; return whether nothing is negative from ``first`` on."""
    flat = f.reshape(f.size)
    negative = 0
    for e in range(first * f.shape[1], flat.size):
        value = flat[e]
        flat[e] = value if value == value else 0.0
        negative += 1 if value < 0.0 else 0
    return negative == 0


@jit
def _leave_out(moving, f, tangent):
    """Set response and derivatives of firms that do not move in a period to 0."""
    for t in range(f.shape[0]):
        for i in range(f.shape[1]):
            if not moving[t, i]:
                f[t, i] = 0.0
                tangent[:, t, i] = 0.0


@jit_inline
def _follow(spec, data, gamma_form, theta, column, work, want_share):
    """Evaluate the response and follow the shares and their tangents; return a key of `STATUS`."""
    n_response = spec.n_parameters
    jump_price = theta[n_response]
    gamma = theta[n_response + 1] if gamma_form == SCALED else float(gamma_form)
    gain = theta[n_response + 2]
    if not (0.0 < jump_price < np.inf and 0.0 <= gamma < np.inf and 0.0 <= gain <= 1.0):
        return BAD_PARAMETER
    course, slopes, tangent, x, path = work.course, work.slopes, work.tangent, work.x, work.path
    if evaluate(
        spec, data.efforts, data.active, data.duration, work.response, theta, column, course.f, tangent
    ):
        return NON_FINITE_RESPONSE
    if not work.whole[0]:
        _leave_out(course.active, course.f, tangent)
    if not _clean_response(data.first, course.f) and gamma_form != PROPORTIONAL:
        return NEGATIVE_RESPONSE
    time_scale(data.duration, work.log_ratio, data.reference_sales / jump_price, gamma, course.tau)
    _start(data.first, data.active, data.share, n_response, theta, column, work.state, path, x)
    _set_slopes(
        jump_price, n_response, gamma_form == SCALED, column, slopes.log_jump, slopes.gamma, slopes.gain,
        tangent,
    )  # fmt: skip
    if data.entries > 0:
        _enter(data, n_response, theta, column, work)
    gains = work.gain
    gains[:] = gain
    if work.uneven[0]:
        set_lengths(data, gamma, gain, column[n_response + 2], work)
    state, log_state, share, log_share = work.state[0], work.state[1], path[0], path[1]
    no_mean = share[:0]
    if gamma_form == INVESTMENT:
        follow_investment(course, gains, state, log_state, share, log_share, no_mean, work.rates)
        if not want_share:
            # Those before are written where the state is corrected.
            _take_logs(max(data.first, min(data.corrected, share.shape[0]) - 1), share, log_share)
        if x.shape[0] > 0:
            investment_coefficients(course, share, work.rates, work.pull)
            investment_tangent(course, share, work.rates, work.pull, x, tangent, slopes)
        return OK
    if gamma_form == PROPORTIONAL:
        follow_proportional(course, gains, state, log_state, share, log_share, no_mean, want_share)
        proportional_tangent(course, share, x, tangent, slopes)
        return OK
    copy_to(work.scaled.firm[SHARE], state)
    copy_to(work.scaled.firm[LOG], log_state)
    steps = _STEPS_A_PERIOD * share.shape[0]
    solved = follow_scaled(
        course, gains, gamma, work.log_ratio, share, log_share, no_mean, x, tangent, slopes, work.scaled,
        steps,
    )  # fmt: skip
    return OK if solved else NO_CONVERGENCE


@jit_apart("none")
def _enter(data, n_response, theta, column, work):
    """Let firms in with the errors of their first shares, and set how these move their shares."""
    course, gain, of_gain = work.course, theta[n_response + 2], column[n_response + 2]
    begin = n_response + 3 + (data.active.shape[1] - 1 if data.first == 0 else 0)
    error, free = theta[begin : begin + data.entries], column[begin : begin + data.entries]
    enter_shares(data.active, data.share, data.entries, data.corrected, error, gain, work.entered)
    for t in range(1, course.entry.shape[0]):
        copy_to(course.entry[t], work.entered[t - 1])
    set_entry_slopes(course.place, data.corrected, error, gain, free, of_gain, course.entry_slope)


@jit
def _take_logs(first, share, log_share):
    """Fill ``log_share (time, firm)`` from ``first`` on."""
    shares, logs = share.reshape(share.size), log_share.reshape(share.size)
    for e in range(first * share.shape[1], shares.size):
        logs[e] = log(shares[e])


@jit_apart("int64")
def _write_rows(kind, whole, first, target, helmert, active, path, tangent, slope, residual, jacobian):
    """Write the rows that compare shares; return their count. ``slope (firm,)`` is scratch."""
    n_columns = jacobian.shape[0]
    if kind == ILR and whole:
        helmert_full_rows(helmert, path[1, first:], residual, 0)
        for c in range(n_columns):
            helmert_full_rows(helmert, tangent[c, first:], jacobian[c], 0)
    else:
        position = np.int64(0)
        for t in range(first, active.shape[0]):
            present = active[t]
            helmert_row(helmert, present, path[1 if kind == ILR else 0, t], residual, position)
            for c in range(n_columns):
                if kind == ILR:
                    helmert_row(helmert, present, tangent[c, t], jacobian[c], position)
                else:
                    share_tangent(present, path[0, t], tangent[c, t], slope)
                    helmert_row(helmert, present, slope, jacobian[c], position)
            rows = -1
            for i in range(present.size):
                rows += present[i]
            position += max(rows, 0)
    for r in range(target.size):
        residual[r] -= target[r]
    return target.size
