"""A market's shares over all periods, and their derivatives, for each of the three forms.

A `Course` says what moves the market; values are written first, derivatives turn the response's derivatives
``tangent (column, time, firm)`` into those of ln share, in place, up to an addend common to the firms of a
period. For the closed forms the columns run one after the other over all periods; the general form takes all
columns through each of its steps.
"""

import numpy as np

from kernels.motion.advance import lag, relaxation, softmax
from kernels.motion.bernoulli import (
    at_rest,
    evaluate_nodes,
    find_step,
    finish_state,
    set_end,
    set_end_at_rest,
    set_fitness,
    set_power,
)
from kernels.motion.bernoulli_rules import LARGE
from kernels.motion.bernoulli_tangent import (
    carry_tangent,
    end_coefficients,
    set_bend,
    time_change_bend,
    time_change_coefficients,
)
from kernels.motion.bernoulli_work import EXCESS, FITNESS, LOG, SHARE
from kernels.motion.correction import correct_state, correct_tangent, is_corrected
from kernels.motion.membership import admit, admit_tangent
from kernels.motion.period_mean import add_rest_mean, add_step_mean
from kernels.numeric.elementary import exp, log
from kernels.numeric.jit import jit


@jit
def time_scale(duration, log_ratio, rate, gamma, tau):
    """Fill ``tau (time,)``.

    ``log_ratio (time,)`` is ln(total_sales / reference_sales), ``rate`` is reference_sales / jump_price.
    """
    for t in range(tau.size):
        tau[t] = duration[t] * rate * exp(gamma * log_ratio[t])


@jit
def follow_investment(course, gain, state, log_state, share, mean, rates):
    """Write shares (and mean shares unless ``mean`` is empty) of the form gamma = 0.

    ``rates (4, time)`` keeps r, exp(-r), tau phi(r) and 1 + phi'/phi of each period for `investment_tangent`.
    """
    f, tau, changed = course.f, course.tau, course.changed
    n_times, n = f.shape
    for t in range(course.first, n_times):
        if is_corrected(course, t):
            if gain > 0.0:
                for i in range(n):
                    log_state[i] = log(state[i])
            correct_state(course, t, gain, state, log_state)
        if changed[t]:
            admit(course.active[t - 1], course.active[t], course.entry[t], course.joined, state, log_state)
        total = 0.0
        for i in range(n):
            total += f[t, i]
        r = tau[t] * total
        kept, fraction, slope = relaxation(r)
        pull = tau[t] * fraction
        if mean.size > 0:
            for i in range(n):
                mean[t, i] = fraction * state[i] + tau[t] * lag(r) * f[t, i]
        for i in range(n):
            moved = kept * state[i] + pull * f[t, i]
            state[i] = moved
            share[t, i] = moved
        rates[0, t] = r
        rates[1, t] = kept
        rates[2, t] = pull
        rates[3, t] = slope


@jit
def investment_coefficients(course, share, rates, pull):
    """Fill ``pull (time, firm)`` = tau phi(r) / share', the coefficient of df in d ln share'."""
    for t in range(course.first, course.f.shape[0]):
        for i in range(share.shape[1]):
            pull[t, i] = rates[2, t] / max(share[t, i], 1e-300)


@jit
def investment_tangent(course, gain, share, log_share, rates, pull, x, tangent, slopes):
    """Turn df into d ln share for gamma = 0; ``x (column, firm)`` starts as that of the state.

    With b_i = tau phi / share_i' and dr = tau sum df + r d ln tau,
    ``x' = (1 - b f)(x - slope dr - d ln tau) + b df - common``, centred under the shares.
    """
    n_columns, n_times, n = tangent.shape
    for c in range(n_columns):
        for t in range(course.first, n_times):
            corrected = is_corrected(course, t)
            if corrected:
                correct_tangent(course, t, gain, slopes.gain[c], share, log_share, x[c])
            if course.changed[t]:
                before = course.correction.state[t - 1] if corrected else share[t - 1]
                admit_tangent(
                    course.active[t - 1],
                    course.active[t],
                    course.entry[t],
                    course.joined,
                    before,
                    x[c : c + 1],
                )
            total = 0.0
            for i in range(n):
                total += tangent[c, t, i]
            log_tau = slopes.log_jump[c]
            push = rates[3, t] * (course.tau[t] * total + rates[0, t] * log_tau) + log_tau
            common = rates[2, t] * total - rates[1, t] * push
            for i in range(n):
                b = pull[t, i]
                moved = (1.0 - b * course.f[t, i]) * (x[c, i] - push) + (b * tangent[c, t, i] - common)
                x[c, i] = moved
                tangent[c, t, i] = moved


@jit
def follow_proportional(course, gain, state, log_state, share, log_share, mean, want_share):
    """Write log shares (up to an addend) of the form gamma = 1, and shares where they are needed.

    That is everywhere if wanted, else in the periods before a change of membership: all that
    `proportional_tangent` reads.
    """
    n_times, n = course.f.shape
    excess = np.empty(n)
    for t in range(course.first, n_times):
        if is_corrected(course, t):
            correct_state(course, t, gain, state, log_state)
        if course.changed[t]:
            admit(course.active[t - 1], course.active[t], course.entry[t], course.joined, state, log_state)
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
def proportional_tangent(course, gain, share, log_share, x, tangent, slopes):
    """Turn df into d ln share for gamma = 1: ``x' = x + tau df + tau f d ln tau``."""
    n_columns, n_times, n = tangent.shape
    for c in range(n_columns):
        log_tau = slopes.log_jump[c]
        for t in range(course.first, n_times):
            corrected = is_corrected(course, t)
            if corrected:
                correct_tangent(course, t, gain, slopes.gain[c], share, log_share, x[c])
            if course.changed[t]:
                before = course.correction.state[t - 1] if corrected else share[t - 1]
                admit_tangent(
                    course.active[t - 1],
                    course.active[t],
                    course.entry[t],
                    course.joined,
                    before,
                    x[c : c + 1],
                )
            tau = course.tau[t]
            if log_tau != 0.0:
                for i in range(n):
                    tangent[c, t, i] += course.f[t, i] * log_tau
            for i in range(n):
                moved = x[c, i] + tau * tangent[c, t, i]
                x[c, i] = moved
                tangent[c, t, i] = moved


@jit
def scaled_period(a, t, f, tau, with_gamma, mean, x, tangent, log_tau, gamma, work, steps):
    """Take state and ``x`` through period t of the general form; return how many of ``steps`` are left.

    ``log_tau`` and ``gamma (column,)`` are derivatives of ln tau and of gamma. -1: the period was not solved.
    """
    n_columns = x.shape[0]
    firm, node, growth, rise, inverse = work.firm, work.node, work.growth, work.rise, work.inverse
    left = tau
    while left > 0.0:
        if steps <= 0:
            return -1
        steps -= 1
        m, second, third, fourth, largest, fastest = set_fitness(a, t, f, firm)
        resting = (a > 0.0 or n_columns == 0) and at_rest(a, m, fastest, left, firm)
        if resting:
            w, part, delta, rule = left, left, 0.0, LARGE
        else:
            w, part, delta, rule = find_step(
                a, m, second, third, fourth, largest, fastest, left, firm, node, growth, rise, inverse
            )
        if not w > 0.0:
            return -1
        if resting:
            if mean.size > 0:
                add_rest_mean(m, firm[SHARE], firm[FITNESS], w, 1.0 / tau, mean[t])
            eta, total = set_end_at_rest(a, m, w, t, f, firm)
        else:
            if mean.size > 0:
                add_step_mean(a, m, firm[LOG], firm[SHARE], firm[EXCESS], w, 1.0 / tau, mean[t])
            eta, total = set_end(a, m, delta, rule, firm, node, growth, rise, inverse)
        if n_columns > 0:
            if resting:
                evaluate_nodes(a, m, w, rule, firm, node, growth, rise, inverse)
            end_coefficients(a, m, w, eta, t, f, firm)
            scale = time_change_coefficients(a, m, w, delta, eta, total, rule, firm, node, rise, inverse)
            time_bend = 0.0
            if with_gamma:
                set_bend(a, m, w, eta, firm)
                time_bend = time_change_bend(a, m, w, delta, total, rule, firm, node, growth, rise, inverse)
            last = part >= left
            carry_tangent(x, tangent, t, last, log_tau, gamma, part, scale, scale * time_bend, firm)
        finish_state(a, total, firm)
        if resting:
            set_power(a, firm)
        left = left - part if part < left else 0.0
    return steps


@jit
def follow_scaled(course, gain, gamma, log_ratio, share, log_share, mean, x, tangent, slopes, work, steps):
    """Write shares, log shares, mean shares and derivatives of the general form; tell whether it was solved.

    The state is in ``work``. ``log_ratio (time,)`` is ln(total_sales / reference_sales), through which gamma
    also moves tau. All periods together may take ``steps`` steps.
    """
    n_columns, n = x.shape[0], share.shape[1]
    active, changed, f, tau, firm = course.active, course.changed, course.f, course.tau, work.firm
    log_tau, gamma_slope = slopes.log_tau, slopes.gamma
    with_gamma = False
    for c in range(n_columns):
        with_gamma = with_gamma or gamma_slope[c] != 0.0
        log_tau[c] = slopes.log_jump[c]
    set_power(1.0 - gamma, firm)
    for t in range(course.first, tau.size):
        corrected = is_corrected(course, t)
        if corrected:
            correct_state(course, t, gain, firm[SHARE], firm[LOG])
            for c in range(n_columns):
                correct_tangent(course, t, gain, slopes.gain[c], share, log_share, x[c])
        if changed[t]:
            admit_tangent(active[t - 1], active[t], course.entry[t], course.joined, firm[SHARE], x)
            admit(active[t - 1], active[t], course.entry[t], course.joined, firm[SHARE], firm[LOG])
        if (corrected and gain > 0.0) or changed[t]:
            set_power(1.0 - gamma, firm)
        if with_gamma:
            for c in range(n_columns):
                log_tau[c] = slopes.log_jump[c] + gamma_slope[c] * log_ratio[t]
        if mean.size > 0:
            mean[t, :] = 0.0
        steps = scaled_period(
            1.0 - gamma, t, f, tau[t], with_gamma, mean, x, tangent, log_tau, gamma_slope, work, steps
        )
        if steps < 0:
            return False
        for i in range(n):
            share[t, i] = firm[SHARE, i]
            log_share[t, i] = firm[LOG, i]
    return True
