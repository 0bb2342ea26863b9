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
from kernels.motion.correction import close_logs, correct_logs, correct_plain, correct_tangent
from kernels.motion.membership import admit, admit_tangent
from kernels.motion.period_mean import add_rest_mean, add_step_mean, set_proportional_mean
from kernels.numeric.elementary import exp, log
from kernels.numeric.jit import jit, jit_inline
from kernels.numeric.jit_apart import jit_apart
from kernels.numeric.rows import copy_to

_ONE, _TWO, _THREE, _FOUR = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)


@jit
def time_scale(duration, log_ratio, rate, gamma, tau):
    """Fill ``tau (time,)``.

    ``log_ratio (time,)`` is ln(total_sales / reference_sales), ``rate`` is reference_sales / jump_price.
    """
    for t in range(tau.size):
        tau[t] = duration[t] * rate * exp(gamma * log_ratio[t])


@jit_apart("none")
def follow_investment(course, gain, state, log_state, share, log_share, mean, rates):
    """Write shares (and mean shares unless ``mean`` is empty) of the form gamma = 0.

    ``gain (time,)`` corrects the states at the ends of periods; it is not read where none is corrected.

    ``log_share (time, firm)`` is written for the periods that a corrected one follows. ``rates (4, time)``
    keeps r, exp(-r), tau phi(r) and 1 + phi'/phi of each period for `investment_tangent`.
    """
    f, tau, changed, active = course.f, course.tau, course.changed, course.active
    first, until, plain = course.first, course.correction.until, course.correction.plain
    observed, log_observed = course.correction.share, course.correction.log_share
    corrected, keep, gap = course.correction.state, course.correction.keep, course.correction.gap
    n_times, n = f.shape
    for t in range(first, n_times):
        if first < t < until:
            if plain:
                correct_plain(
                    active[t - 1], observed[t - 1], gain[t - 1], state, log_state, keep[t - 1], gap[t - 1]
                )
            else:
                for i in range(n):
                    log_state[i] = log(state[i])
                    log_share[t - 1, i] = log_state[i]
                correct_logs(log_observed[t - 1], gain[t - 1], log_state, keep[t - 1], gap[t - 1])
                if gain[t - 1] > 0.0:
                    close_logs(active[t - 1], log_state, state)
            for i in range(n):
                corrected[t - 1, i] = state[i]
        if changed[t]:
            admit(active[t - 1], active[t], course.entry[t], course.joined, state, log_state)
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


@jit_apart("none")
def investment_tangent(course, share, rates, pull, x, tangent, slopes):
    """Turn df into d ln share for gamma = 0; ``x (column, firm)`` starts as that of the state.

    With b_i = tau phi / share_i' and dr = tau sum df + r d ln tau,
    ``x' = (1 - b f)(x - slope dr - d ln tau) + b df - common``, centred under the shares. The columns are
    inside of the periods: they do not wait for each other's sums.
    """
    tau, changed, active = course.tau, course.changed, course.active
    first, until, state = max(course.first, 0), course.correction.until, course.correction.state
    n_columns, n_times, n = tangent.shape
    for t in range(first, n_times):
        corrected = first < t < until
        before = state[t - 1] if corrected else share[t - 1]
        if changed[t]:
            admit_tangent(
                active[t - 1], active[t], course.entry[t], course.place[t], course.entry_slope, course.joined,
                before, x,
            )  # fmt: skip
        for c in range(n_columns):
            of_f, ln_state, log_tau = tangent[c, t], x[c], slopes.log_jump[c]
            total, mean = 0.0, 0.0
            for i in range(n):
                total += of_f[i]
            if corrected and not changed[t]:
                for i in range(n):
                    mean += before[i] * ln_state[i]
            push = rates[3, t] * (tau[t] * total + rates[0, t] * log_tau) + log_tau
            common = rates[2, t] * total - rates[1, t] * push
            _move_firms(
                pull[t], course.f[t], course.correction.keep[t], course.correction.gap[t], push + mean,
                common, slopes.gain[c, t], of_f, ln_state,
            )  # fmt: skip


@jit_inline
def _move_firms(pull, f, keep, gap, push, common, gain_slope, of_f, x):
    """Do a period of `investment_tangent` for one column, ``of_f`` and ``x (firm,)``."""
    n = np.uint64(x.size)
    a = np.uint64(0)
    # Four firms at a time, all read before any is written, with unsigned indices: the compiler need not find
    # out, in every period, whether the arrays overlap and whether an index counts from the end.
    while a + _FOUR <= n:
        b, c, d = a + _ONE, a + _TWO, a + _THREE
        y0 = _moved(pull[a], f[a], x[a], push, of_f[a], common)
        y1 = _moved(pull[b], f[b], x[b], push, of_f[b], common)
        y2 = _moved(pull[c], f[c], x[c], push, of_f[c], common)
        y3 = _moved(pull[d], f[d], x[d], push, of_f[d], common)
        z0, z1 = keep[a] * y0 + gain_slope * gap[a], keep[b] * y1 + gain_slope * gap[b]
        z2, z3 = keep[c] * y2 + gain_slope * gap[c], keep[d] * y3 + gain_slope * gap[d]
        of_f[a], of_f[b], of_f[c], of_f[d] = y0, y1, y2, y3
        x[a], x[b], x[c], x[d] = z0, z1, z2, z3
        a += _FOUR
    while a < n:
        y0 = _moved(pull[a], f[a], x[a], push, of_f[a], common)
        x[a] = keep[a] * y0 + gain_slope * gap[a]
        of_f[a] = y0
        a += _ONE


@jit_inline
def _moved(b, f, x, push, of_f, common):
    return (1.0 - b * f) * (x - push) + (b * of_f - common)


@jit_apart("none")
def follow_proportional(course, gain, state, log_state, share, log_share, mean, want_share):
    """Write log shares (up to an addend) of the form gamma = 1, and shares where they are needed.

    That is everywhere if wanted, else in the periods before a change of membership: all that
    `proportional_tangent` reads.
    """
    f, tau, changed, active = course.f, course.tau, course.changed, course.active
    first, until, plain = course.first, course.correction.until, course.correction.plain
    observed, log_observed = course.correction.share, course.correction.log_share
    corrected, keep, gap = course.correction.state, course.correction.keep, course.correction.gap
    n_times, n = f.shape
    for t in range(first, n_times):
        if first < t < until:
            if plain:
                correct_plain(
                    active[t - 1], observed[t - 1], gain[t - 1], state, log_state, keep[t - 1], gap[t - 1]
                )
            else:
                correct_logs(log_observed[t - 1], gain[t - 1], log_state, keep[t - 1], gap[t - 1])
                if changed[t] or mean.size > 0:
                    softmax(active[t - 1], log_state, state)
            copy_to(corrected[t - 1], state)
        if changed[t]:
            admit(active[t - 1], active[t], course.entry[t], course.joined, state, log_state)
        if mean.size > 0:
            set_proportional_mean(log_state, state, f[t], tau[t], mean[t])
        for i in range(n):
            log_state[i] += tau[t] * f[t, i]
            log_share[t, i] = log_state[i]
        if want_share or (t + 1 < n_times and changed[t + 1]):
            softmax(active[t], log_state, state)
            copy_to(share[t], state)
            copy_to(log_share[t], log_state)


@jit_apart("none")
def proportional_tangent(course, share, x, tangent, slopes):
    """Turn df into d ln share for gamma = 1: ``x' = x + tau df + tau f d ln tau``."""
    f, tau, changed, active = course.f, course.tau, course.changed, course.active
    first, until, plain = course.first, course.correction.until, course.correction.plain
    state, keep, gap = course.correction.state, course.correction.keep, course.correction.gap
    n_columns, n_times, n = tangent.shape
    for c in range(n_columns):
        log_tau, gain_slope = slopes.log_jump[c], slopes.gain[c]
        for t in range(first, n_times):
            if changed[t]:
                before = state[t - 1] if first < t < until else share[t - 1]
                admit_tangent(
                    active[t - 1], active[t], course.entry[t], course.place[t],
                    course.entry_slope[c : c + 1], course.joined, before, x[c : c + 1],
                )  # fmt: skip
            if log_tau != 0.0:
                for i in range(n):
                    tangent[c, t, i] += f[t, i] * log_tau
            mean, own_slope = 0.0, gain_slope[t]
            if plain:
                for i in range(n):
                    mean += share[t, i] * (x[c, i] + tau[t] * tangent[c, t, i])
            for i in range(n):
                moved = x[c, i] + tau[t] * tangent[c, t, i]
                tangent[c, t, i] = moved
                x[c, i] = keep[t, i] * (moved - mean) + own_slope * gap[t, i]


@jit_apart("int64")
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


@jit_apart("boolean")
def follow_scaled(course, gain, gamma, log_ratio, share, log_share, mean, x, tangent, slopes, work, steps):
    """Write shares, log shares, mean shares and derivatives of the general form; tell whether it was solved.

    The state is in ``work``. ``log_ratio (time,)`` is ln(total_sales / reference_sales), through which gamma
    also moves tau. All periods together may take ``steps`` steps.
    """
    n_columns, n = x.shape[0], share.shape[1]
    active, changed, f, tau, firm = course.active, course.changed, course.f, course.tau, work.firm
    first, until, plain = course.first, course.correction.until, course.correction.plain
    observed, log_observed = course.correction.share, course.correction.log_share
    keep, gap = course.correction.keep, course.correction.gap
    state, log_state = firm[SHARE], firm[LOG]
    log_tau, gamma_slope, gain_slope = slopes.log_tau, slopes.gamma, slopes.gain
    # Not the constant False: the compiler would make a second copy of a period for it.
    with_gamma = n_columns < 0
    for c in range(n_columns):
        with_gamma = with_gamma or gamma_slope[c] != 0.0
        log_tau[c] = slopes.log_jump[c]
    set_power(1.0 - gamma, firm)
    for t in range(first, tau.size):
        if first < t < until:
            if plain:
                correct_plain(
                    active[t - 1], observed[t - 1], gain[t - 1], state, log_state, keep[t - 1], gap[t - 1]
                )
            else:
                correct_logs(log_observed[t - 1], gain[t - 1], log_state, keep[t - 1], gap[t - 1])
                close_logs(active[t - 1], log_state, state)
            correct_tangent(plain, share, keep, gap, t, gain_slope, x)
        if changed[t]:
            admit_tangent(
                active[t - 1], active[t], course.entry[t], course.place[t], course.entry_slope,
                course.joined, firm[SHARE], x,
            )  # fmt: skip
            admit(active[t - 1], active[t], course.entry[t], course.joined, firm[SHARE], firm[LOG])
        if first < t < until or changed[t]:
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
