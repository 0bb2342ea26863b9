"""A market's shares over all periods, and their derivatives, for each of the three forms.

`Course` says what moves the market; values are written first, derivatives turn the response's derivatives
``tangent (column, time, firm)`` into those of ln share, in place, up to an addend common to the firms of a period.
For the closed forms the columns run one after the other over all periods; the general form takes all columns
through each of its steps.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.advance import advance_investment, mean_investment, softmax
from kernels.bernoulli import (
    MAX_STEPS,
    at_rest,
    evaluate_end,
    evaluate_nodes,
    find_step,
    finish_state,
    set_fitness,
)
from kernels.bernoulli_tangent import (
    carry_tangent,
    end_bend,
    end_coefficients,
    time_change_bend,
    time_change_coefficients,
)
from kernels.jit import jit
from kernels.membership import admit, admit_tangent
from kernels.period_mean import add_step_mean

INVESTMENT = 0
"""returns_to_scale is 0: exact solution in closed form."""
PROPORTIONAL = 1
"""returns_to_scale is 1: exact solution in closed form."""
SCALED = 2
"""Any other returns_to_scale: the general form."""


class Course(NamedTuple):
    """What moves the shares of one market."""

    active: NDArray[np.bool_]
    """(time, firm) who is there."""
    entry: NDArray[np.float64]
    """(time, firm) share at which a firm that enters starts."""
    f: NDArray[np.float64]
    """(time, firm) response; 0 for absent firms."""
    tau: NDArray[np.float64]
    """(time,) duration * total_sales**gamma * reference_sales**(1 - gamma) / jump_price."""
    changed: NDArray[np.bool_]
    """(time,) whether membership changes at the start of the period."""
    first: int
    """First period that is simulated; the state belongs to its start."""


class Slopes(NamedTuple):
    """Derivatives that are the same for all firms, one entry a column."""

    log_jump: NDArray[np.float64]
    """(column,) derivative of -ln jump_price."""
    gamma: NDArray[np.float64]
    """(column,) derivative of returns_to_scale."""
    log_tau: NDArray[np.float64]
    """(column,) scratch: derivative of ln tau in the period at hand."""


@jit
def time_scale(duration, total_sales, reference_sales, jump_price, gamma, tau):
    """Fill ``tau (time,)``."""
    if gamma == 0.0:
        for t in range(tau.size):
            tau[t] = duration[t] * reference_sales / jump_price
    elif gamma == 1.0:
        for t in range(tau.size):
            tau[t] = duration[t] * total_sales[t] / jump_price
    else:
        for t in range(tau.size):
            ratio = (total_sales[t] / reference_sales) ** gamma
            tau[t] = duration[t] * reference_sales / jump_price * ratio


@jit
def follow_investment(course, state, share, mean, rates):
    """Write shares (and mean shares unless ``mean`` is empty) of the form gamma = 0.

    ``rates (4, time)`` keeps r, exp(-r), tau phi(r) and 1 + phi'/phi of every period for `investment_tangent`.
    """
    unused = np.empty(state.size)
    for t in range(course.first, course.f.shape[0]):
        if course.changed[t]:
            admit(course.active[t - 1], course.active[t], course.entry[t], state, unused)
        if mean.size > 0:
            mean_investment(state, course.f[t], course.tau[t], mean[t])
        r, kept, gain, slope = advance_investment(state, course.f[t], course.tau[t], share[t])
        rates[0, t] = r
        rates[1, t] = kept
        rates[2, t] = gain
        rates[3, t] = slope
        state[:] = share[t]


@jit
def investment_coefficients(course, share, rates, gain):
    """Fill ``gain (time, firm)`` = tau phi(r) / share', the coefficient of df in d ln share'."""
    for t in range(course.first, course.f.shape[0]):
        for i in range(share.shape[1]):
            gain[t, i] = rates[2, t] / max(share[t, i], 1e-300)


@jit
def investment_tangent(course, share, rates, gain, x, tangent, slopes):
    """Turn df into d ln share for gamma = 0; ``x (column, firm)`` starts as the derivative of the initial state.

    With b_i = tau phi / share_i' and dr = tau sum df + r d ln tau,
    ``x' = (1 - b f)(x - slope dr - d ln tau) + b df - common``, centred under the shares.
    """
    n_columns, n_times, n = tangent.shape
    for c in range(n_columns):
        for t in range(course.first, n_times):
            if course.changed[t]:
                admit_tangent(course.active[t - 1], course.active[t], share[t - 1], x[c : c + 1])
            total = 0.0
            for i in range(n):
                total += tangent[c, t, i]
            log_tau = slopes.log_jump[c]
            push = rates[3, t] * (course.tau[t] * total + rates[0, t] * log_tau) + log_tau
            common = rates[2, t] * total - rates[1, t] * push
            for i in range(n):
                b = gain[t, i]
                moved = (1.0 - b * course.f[t, i]) * (x[c, i] - push) + (b * tangent[c, t, i] - common)
                x[c, i] = moved
                tangent[c, t, i] = moved


@jit
def follow_proportional(course, state, log_state, share, log_share, mean, want_share):
    """Write log shares (up to an addend) of the form gamma = 1, and shares if wanted or if membership changes.

    ``share`` is then complete in the periods before a change, which is all `proportional_tangent` reads.
    """
    n_times, n = course.f.shape
    excess = np.empty(n)
    for t in range(course.first, n_times):
        if course.changed[t]:
            admit(course.active[t - 1], course.active[t], course.entry[t], state, log_state)
        if mean.size > 0:
            m = 0.0
            for i in range(n):
                m += state[i] * course.f[t, i]
            for i in range(n):
                excess[i] = course.f[t, i] - m
            mean[t, :] = 0.0
            span = course.tau[t]
            if span > 0.0:
                add_step_mean(0.0, m, log_state, state, excess, span, 1.0 / span, mean[t])
        for i in range(n):
            log_state[i] += course.tau[t] * course.f[t, i]
            log_share[t, i] = log_state[i]
        if want_share or (t + 1 < n_times and course.changed[t + 1]):
            softmax(course.active[t], log_state, state)
            share[t, :] = state
            log_share[t, :] = log_state


@jit
def proportional_tangent(course, share, x, tangent, slopes):
    """Turn df into d ln share for gamma = 1: ``x' = x + tau df + tau f d ln tau``."""
    n_columns, n_times, n = tangent.shape
    for c in range(n_columns):
        log_tau = slopes.log_jump[c]
        for t in range(course.first, n_times):
            if course.changed[t]:
                admit_tangent(course.active[t - 1], course.active[t], share[t - 1], x[c : c + 1])
            tau = course.tau[t]
            if log_tau != 0.0:
                for i in range(n):
                    tangent[c, t, i] += course.f[t, i] * log_tau
            for i in range(n):
                moved = x[c, i] + tau * tangent[c, t, i]
                x[c, i] = moved
                tangent[c, t, i] = moved


@jit
def scaled_period(a, t, f, tau, with_gamma, state, log_state, mean, x, tangent, slopes, work):
    """Take the state, and the columns of ``x`` through period t of the general form; return whether it was solved."""
    n_columns = x.shape[0]
    left = tau
    for _ in range(MAX_STEPS):
        if left <= 0.0:
            return True
        m, second, third, largest, fastest = set_fitness(a, log_state, state, f, work)
        if (a > 0.0 or n_columns == 0) and at_rest(a, m, state, left, work):
            w, part, delta = left, left, 0.0
            if n_columns > 0:
                evaluate_nodes(a, m, state, w, work)
        else:
            w, part, delta = find_step(a, m, second, third, largest, fastest, log_state, state, left, work)
        if not w > 0.0:
            return False
        if mean.size > 0:
            add_step_mean(a, m, log_state, state, work.excess, w, 1.0 / tau, mean[t])
        eta, total = evaluate_end(a, m, log_state, state, f, w, work)
        if n_columns > 0:
            end_coefficients(a, m, f, w, eta, work)
            scale = time_change_coefficients(a, m, state, w, delta, eta, total, work)
            time_bend = 0.0
            if with_gamma:
                end_bend(a, m, log_state, w, eta, work)
                time_bend = time_change_bend(a, m, log_state, state, w, delta, total, work)
            carry_tangent(x, tangent, t, slopes.log_tau, slopes.gamma, part, scale, time_bend, work)
        finish_state(log_state, state, total, work)
        left = left - part if part < left else 0.0
    return left <= 0.0


@jit
def follow_scaled(
    course, gamma, log_ratio, state, log_state, share, log_share, mean, x, tangent, slopes, work
):
    """Write shares, log shares, mean shares and derivatives of the general form; return whether it was solved.

    ``log_ratio (time,)`` is ln(total_sales / reference_sales), through which gamma also moves tau.
    """
    n_columns = x.shape[0]
    with_gamma = False
    for c in range(n_columns):
        with_gamma = with_gamma or slopes.gamma[c] != 0.0
    for t in range(course.first, course.f.shape[0]):
        if course.changed[t]:
            admit_tangent(course.active[t - 1], course.active[t], state, x)
            admit(course.active[t - 1], course.active[t], course.entry[t], state, log_state)
        for c in range(n_columns):
            slopes.log_tau[c] = slopes.log_jump[c] + slopes.gamma[c] * log_ratio[t]
        if mean.size > 0:
            mean[t, :] = 0.0
        f = course.f[t]
        solved = scaled_period(
            1.0 - gamma, t, f, course.tau[t], with_gamma, state, log_state, mean, x, tangent, slopes, work
        )
        if not solved:
            return False
        share[t, :] = state
        log_share[t, :] = log_state
        for c in range(n_columns):
            for i in range(state.size):
                tangent[c, t, i] = x[c, i]
    return True
