"""Residuals of a market model against observed shares, and their Jacobian, in one pass over time.

Row order: for each period from ``first`` on, one row per active firm but one (in the order of firms); then one
row per free parameter with a positive prior weight (in the order of ``theta``). Residual = model - target.

Parameter vector ``theta``: response parameters, then jump_price, returns_to_scale, and, when the initial
state is estimated, the log-ratios ln(share_i / share_N) of the first N - 1 firms at the start of period 0
(entries of firms absent in period 0 are not used; if firm N is absent, fix one entry of a firm that is there).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.bernoulli import LOG, SHARE, BernoulliWork, make_bernoulli_work
from kernels.elementary import exp, log
from kernels.evaluate import evaluate, make_workspace, prepare
from kernels.jit import jit
from kernels.membership import mark_changes
from kernels.simplex import contrast_row, helmert_factors, helmert_full_rows, helmert_row
from kernels.trajectory import (
    INVESTMENT,
    PROPORTIONAL,
    SCALED,
    Course,
    Slopes,
    follow_investment,
    follow_proportional,
    follow_scaled,
    investment_coefficients,
    investment_tangent,
    proportional_tangent,
    time_scale,
)
from kernels.workspace import Workspace

ILR = 0
"""Rows are isometric log-ratio coordinates (Helmert basis) of the shares."""
PLAIN = 1
"""Rows are differences of shares, of all active firms but the last."""

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
    BAD_PARAMETER: "jump_price must be positive, returns_to_scale at least 0, and both finite.",
    NO_CONVERGENCE: "The time change of the general form was not resolved within a period.",
    NON_FINITE_RESIDUAL: "A residual is not finite: a modelled share vanished or a target is missing.",
}
"""What each status code of this module means, as a sentence."""


class MarketData(NamedTuple):
    """What is known about one market; everything but parameters.

    Stacks of markets carry a leading axis on each array; a kernel sees one slice.
    """

    efforts: NDArray[np.float64]
    """(effort, time, firm) inputs of the response."""
    active: NDArray[np.bool_]
    """(time, firm) whether the firm is in the market in that period."""
    share: NDArray[np.float64]
    """(time, firm) observed shares, summing to 1 over active firms; a firm that enters starts at the share of
    its first period. Values of absent firms are not read."""
    total_sales: NDArray[np.float64]
    """(time,) sales of the market, currency per period."""
    duration: NDArray[np.float64]
    """(time,) lengths of the periods, in periods."""
    reference_sales: float
    """Fixed scale of the market, currency per period."""
    first: int
    """First fitted period: 1 when the state after period 0 is the observation, 0 when it is estimated."""


class MarketWorkspace(NamedTuple):
    """Scratch arrays of one thread for markets of one shape; see `make_market_workspace`."""

    response: Workspace
    """Workspace of the response."""
    scaled: BernoulliWork
    """Workspace of the general form."""
    course: Course
    """What moves the shares: response, time scale, membership."""
    slopes: Slopes
    """Derivatives common to all firms."""
    tangent: NDArray[np.float64]
    """(column, time, firm) derivative of the response, then of ln share."""
    x: NDArray[np.float64]
    """(column, firm) derivative of ln share at the state."""
    state: NDArray[np.float64]
    """(2, firm) share and ln share of the state."""
    path: NDArray[np.float64]
    """(2, time, firm) share and ln share at the ends of periods."""
    gain: NDArray[np.float64]
    """(time, firm) coefficients of the investment form."""
    rates: NDArray[np.float64]
    """(4, time) rates of the investment form."""
    log_ratio: NDArray[np.float64]
    """(time,) ln(total_sales / reference_sales)."""
    helmert: NDArray[np.float64]
    """(2, firm) factors of the Helmert basis."""
    whole: NDArray[np.bool_]
    """(1,) whether every firm is there in every fitted period."""


@jit
def n_observations(data):
    """Count the rows that compare shares: active firms less one, over fitted periods."""
    count = 0
    n_times, n_firms = data.active.shape
    for t in range(data.first, n_times):
        present = 0
        for i in range(n_firms):
            present += data.active[t, i]
        count += max(present - 1, 0)
    return count


@jit
def n_rows(data, column, prior_weight):
    """Count all rows of the residual: `n_observations` and one for every free parameter with a prior."""
    count = n_observations(data)
    for p in range(column.size):
        if column[p] >= 0 and prior_weight[p] > 0.0:
            count += 1
    return count


@jit
def make_market_workspace(spec, data, n_columns):
    """Allocate the scratch arrays for markets of the shape of ``data`` and ``n_columns`` free parameters.

    Callable from Python and from kernels. Follow it by ``prepare_market(spec, data, work)``, and repeat that
    call, which only writes into ``work``, whenever ``data`` changes.
    """
    n_times, n = data.active.shape
    course = Course(
        np.zeros((n_times, n), dtype=np.bool_), np.zeros((n_times, n)), np.zeros((n_times, n)), np.zeros(n_times),
        np.zeros(n_times, dtype=np.bool_), data.first,
    )  # fmt: skip
    return MarketWorkspace(
        make_workspace(spec, n_times, n),
        make_bernoulli_work(n),
        course,
        Slopes(np.zeros(n_columns), np.zeros(n_columns), np.zeros(n_columns)),
        np.zeros((n_columns, n_times, n)),
        np.zeros((n_columns, n)),
        np.zeros((2, n)),
        np.zeros((2, n_times, n)),
        np.zeros((n_times, n)),
        np.zeros((4, n_times)),
        np.zeros(n_times),
        helmert_factors(n),
        np.zeros(1, dtype=np.bool_),
    )


@jit
def prepare_market(spec, data, work):
    """Compute what depends on the data only (logs of efforts, spline bases), into ``work``.

    ``data.first`` must be the one ``work`` was made for.
    """
    prepare(spec, data.efforts, data.active, data.duration, work.response)
    mark_changes(data.active, data.first, work.course.changed)
    work.course.active[:, :] = data.active
    work.course.entry[:, :] = data.share
    work.whole[0] = True
    for t in range(data.first, data.total_sales.size):
        for i in range(data.active.shape[1]):
            work.whole[0] = work.whole[0] and data.active[t, i]
    for t in range(data.total_sales.size):
        work.log_ratio[t] = np.log(data.total_sales[t] / data.reference_sales)


def observed_target(data: MarketData, kind: int) -> NDArray[np.float64]:
    """Coordinates of the observed shares, in row order, shape ``(n_observations(data),)``.

    Raises
    ------
    ValueError
        If an active firm's share is missing or negative, or is 0 with ``kind=ILR``.
    """
    share = np.where(data.active, data.share, 1.0)
    bad = ~(share > 0) if kind == ILR else ~(share >= 0)
    bad[: data.first] = False
    if bad.any():
        t, i = (int(k) for k in np.argwhere(bad)[0])
        wanted = "positive, or the residual plain share differences" if kind == ILR else "at least 0"
        raise ValueError(
            f"The observed share of firm {i} in period {t} is {data.share[t, i]}; expected it to be {wanted}."
        )
    target = np.empty(n_observations(data))
    factors = helmert_factors(share.shape[1])
    position = 0
    for t in range(data.first, share.shape[0]):
        present = data.active[t]
        rows = int(present.sum()) - 1
        if rows <= 0:
            continue
        if kind == ILR:
            helmert_row(factors, present, np.log(share[t]), target, position)
        else:
            target[position : position + rows] = share[t][present][:-1]
        position += rows
    return target


@jit
def residual_jacobian(
    spec, data, target, prior_mean, prior_weight, gamma_form, kind, theta, column, work, residual, jacobian
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
    kind : int
        `ILR` or `PLAIN`.
    theta : (P,) array
        Natural parameter values, P = R + 2, or R + 1 + N with an estimated initial state (``data.first == 0``).
    column : (P,) int64 array
        Jacobian column of each parameter, -1 when it is fixed.
    work : MarketWorkspace
        Scratch, made for as many columns as ``jacobian`` has, prepared for ``data``.
    residual : (n_rows,) array, output
    jacobian : (C, n_rows) array, output
        Derivative of residual r by column c at ``jacobian[c, r]``; C = 0 (and ``column`` all -1) asks for the
        residuals alone.

    Returns
    -------
    int
        A key of `STATUS`; outputs are complete only when it is 0.
    """
    status = _follow(spec, data, gamma_form, theta, column, work, kind == PLAIN)
    if status != OK:
        return status
    end = _write_rows(kind, data.first, target, work, residual, jacobian)
    _write_prior(prior_mean, prior_weight, theta, column, end, residual, jacobian)
    total = 0.0
    for r in range(residual.size):
        total += 0.0 * residual[r]
    # What is not finite in a tangent stays so in all later periods.
    last = data.total_sales.size - 1
    for c in range(work.x.shape[0]):
        for i in range(work.x.shape[1]):
            total += 0.0 * work.tangent[c, last, i]
    return OK if total == 0.0 else NON_FINITE_RESIDUAL


@jit
def simulate_market(spec, data, gamma_form, theta, column, work, share):
    """Write the modelled shares at the end of every period, ``share (time, firm)``; NaN where absent.

    Arguments as in `residual_jacobian`; ``column`` is all -1 unless ``work`` was made for its columns.
    Periods before ``data.first`` hold the observed shares. Returns a key of `STATUS`.
    """
    status = _follow(spec, data, gamma_form, theta, column, work, True)
    for t in range(share.shape[0]):
        for i in range(share.shape[1]):
            value = work.path[0, t, i] if t >= data.first else data.share[t, i]
            share[t, i] = value if data.active[t, i] else np.nan
    return status


@jit
def _start(data, n_response, theta, column, work):
    """Set the state at the start of the first fitted period, and its derivatives."""
    n = work.state.shape[1]
    present = data.active[0]
    share, log_share = work.state[0], work.state[1]
    total = 0.0
    for i in range(n):
        if data.first == 0:
            value = exp(theta[n_response + 2 + i]) if i < n - 1 else 1.0
        else:
            value = data.share[0, i]
        share[i] = value if present[i] else 0.0
        total += share[i]
    for i in range(n):
        share[i] /= total
        log_share[i] = log(share[i]) if present[i] else 0.0
    if data.first == 1:
        work.path[0, 0, :] = share
    work.x[:, :] = 0.0
    if data.first == 0 and work.x.shape[0] > 0:
        for j in range(n - 1):
            c = column[n_response + 2 + j]
            if c >= 0:
                for i in range(n):
                    work.x[c, i] = ((1.0 if i == j else 0.0) - share[j]) if present[i] and present[j] else 0.0


@jit
def _set_slopes(jump_price, jump_column, gamma_column, first_initial, column, work):
    """Clear the tangents of columns the response does not write, and set the common derivatives."""
    work.slopes.log_jump[:] = 0.0
    work.slopes.gamma[:] = 0.0
    if jump_column >= 0:
        work.slopes.log_jump[jump_column] = -1.0 / jump_price
        work.tangent[jump_column, :, :] = 0.0
    if gamma_column >= 0:
        work.slopes.gamma[gamma_column] = 1.0
        work.tangent[gamma_column, :, :] = 0.0
    for p in range(first_initial, column.size):
        if column[p] >= 0:
            work.tangent[column[p], :, :] = 0.0


@jit
def _clean_response(active, first, f):
    """Replace the nan of absent firms by 0; return whether nothing is negative."""
    lowest = 0.0
    for t in range(first, f.shape[0]):
        for i in range(f.shape[1]):
            value = f[t, i] if active[t, i] else 0.0
            f[t, i] = value
            lowest = min(lowest, value)
    return lowest >= 0.0


@jit
def _follow(spec, data, gamma_form, theta, column, work, want_share):
    """Evaluate the response and follow the shares and their tangents; return a key of `STATUS`."""
    n_response = spec.n_parameters
    jump_price = theta[n_response]
    gamma = theta[n_response + 1] if gamma_form == SCALED else float(gamma_form)
    if not (0.0 < jump_price < np.inf and 0.0 <= gamma < np.inf):
        return BAD_PARAMETER
    course = work.course
    if evaluate(
        spec, data.efforts, data.active, data.duration, work.response, theta, column, course.f, work.tangent
    ):
        return NON_FINITE_RESPONSE
    if not _clean_response(data.active, data.first, course.f) and gamma_form != PROPORTIONAL:
        return NEGATIVE_RESPONSE
    time_scale(data.duration, data.total_sales, data.reference_sales, jump_price, gamma, course.tau)
    _start(data, n_response, theta, column, work)
    gamma_column = column[n_response + 1] if gamma_form == SCALED else -1
    _set_slopes(jump_price, column[n_response], gamma_column, n_response + 2, column, work)
    state, log_state = work.state[0], work.state[1]
    share, log_share = work.path[0], work.path[1]
    no_mean = share[:0]
    if gamma_form == INVESTMENT:
        follow_investment(course, state, share, no_mean, work.rates)
        if work.x.shape[0] > 0:
            investment_coefficients(course, share, work.rates, work.gain)
            investment_tangent(course, share, work.rates, work.gain, work.x, work.tangent, work.slopes)
        if not want_share:
            logs, shares = log_share.reshape(log_share.size), share.reshape(share.size)
            for e in range(data.first * state.size, shares.size):
                logs[e] = log(shares[e])
        return OK
    if gamma_form == PROPORTIONAL:
        follow_proportional(course, state, log_state, share, log_share, no_mean, want_share)
        proportional_tangent(course, share, work.x, work.tangent, work.slopes)
        return OK
    work.scaled.firm[SHARE, :] = state
    work.scaled.firm[LOG, :] = log_state
    solved = follow_scaled(
        course,
        gamma,
        work.log_ratio,
        share,
        log_share,
        no_mean,
        work.x,
        work.tangent,
        work.slopes,
        work.scaled,
    )
    return OK if solved else NO_CONVERGENCE


@jit
def _write_rows(kind, first, target, work, residual, jacobian):
    """Write the rows that compare shares; return their count."""
    share, log_share = work.path[0], work.path[1]
    active = work.course.active
    n_times, n = share.shape
    if kind == ILR and work.whole[0]:
        helmert_full_rows(work.helmert, log_share[first:], residual, 0)
        for c in range(jacobian.shape[0]):
            helmert_full_rows(work.helmert, work.tangent[c, first:], jacobian[c], 0)
        position = target.size
    else:
        position = 0
        for t in range(first, n_times):
            present = active[t]
            rows = -1
            for i in range(n):
                rows += present[i]
            if rows <= 0:
                continue
            if kind == ILR:
                helmert_row(work.helmert, present, log_share[t], residual, position)
                for c in range(jacobian.shape[0]):
                    helmert_row(work.helmert, present, work.tangent[c, t], jacobian[c], position)
            else:
                k = position
                for i in range(n):
                    if present[i] and k < position + rows:
                        residual[k] = share[t, i]
                        k += 1
                for c in range(jacobian.shape[0]):
                    contrast_row(present, share[t], work.tangent[c, t], jacobian[c], position)
            position += rows
    for r in range(position):
        residual[r] -= target[r]
    return position


@jit
def _write_prior(prior_mean, prior_weight, theta, column, start, residual, jacobian):
    """Write the rows of the priors, from ``start`` on."""
    r = start
    for p in range(column.size):
        if column[p] >= 0 and prior_weight[p] > 0.0:
            residual[r] = prior_weight[p] * (theta[p] - prior_mean[p])
            for c in range(jacobian.shape[0]):
                jacobian[c, r] = 0.0
            jacobian[column[p], r] = prior_weight[p]
            r += 1
