"""Periods of other lengths: their gain, and how large their errors are, in those of a common period.

In a period of L common ones nobody sees the shares in between, and what lasts of their errors adds up. With
gain k, deviations of the state that fade by exp(-h) in a common period, and P the variance of what is not
known of the state at the start (all in variances of the error of a common period), the error of the shares
at the end has the variance V, the state takes the part g of it, and P of the next period is left:

    A = exp(-2 h L) P + k² B,   B = Σ_(j=1)^(L-1) exp(-2 h j) = (exp(-2 h) - exp(-2 h L)) / (1 - exp(-2 h)),
    V = 1 + A,   g = (k + A) / (1 + A),   next P = (1 - k)² A / (1 + A).

This is the Kalman filter of the innovations form of which only the ends of periods are seen, so the
likelihood is that of all observations. For a state that does not fade (h = 0: the form of gamma = 1) B is
L - 1; after a common period V = 1 + (L-1) k², g = (k + (L-1) k²) / (1 + (L-1) k²). Neither k = 0 (V = 1,
g = 0) nor k = 1 (g = 1, P = 0; V = L for h = 0) leaves anything for the next period; between them an error of
a long period is felt in the next few. In a fast market (large h) nothing adds up, and every period is a
common one. The sum has a value for every L > 0: a shorter period has smaller errors, as what lasts has had
less time to come about.

The rate is that of deviations near the long run, ``h L = tau (1 - gamma) Σ_j f_j y_j^gamma`` at the observed
shares y, exact from anywhere for gamma = 0. Rows are divided by the root of V, and all of them by the
geometric mean of these, so that no determinant is left in the likelihood, as
`kernels.least_squares.whitening` does it. An autocorrelation of the errors is taken out after that: what it
adds to the variance of what lasts is left out.

Sources: Snyder (1985), J. Royal Statistical Society B 47, 272; Kalman (1960), J. Basic Engineering 82, 35.
"""

import math

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.jit import jit
from kernels.numeric.jit_apart import jit_apart

# Below it a series in the rate does better than differences of exponentials.
_SLOW = 1e-3
# Firms that drift apart (gamma > 1) do so by no more than this in a common period, and in a whole one.
_FASTEST_DRIFT, _LONGEST_DRIFT = 1.0, 20.0
# What is left of an old error that no digit shows.
_FORGOTTEN = 1e-14


@jit
def lasting_sum(fade, length):
    """Compute the sum B of the module's text and its slope in ``fade``, the rate h of a common period."""
    others = length - 1.0
    if abs(fade) * max(length, 1.0) < _SLOW:
        # Of Σ j, Σ j² and Σ j³ up to L - 1.
        first = 0.5 * others * length
        second = first * (2.0 * length - 1.0) / 3.0
        third = first * first
        fourth = second * (3.0 * others * length - 1.0) / 5.0
        value = others - fade * (2.0 * first - fade * (2.0 * second - fade * 4.0 / 3.0 * third))
        slope = -2.0 * first + fade * (4.0 * second - fade * (4.0 * third - fade * 8.0 / 3.0 * fourth))
        return value, slope
    one, all_ = math.exp(-2.0 * fade), math.exp(-2.0 * fade * length)
    left = -math.expm1(-2.0 * fade)
    value = (one - all_) / left
    return value, (2.0 * (length * all_ - one) - 2.0 * one * value) / left


@jit
def step_over(gain, fade, length, before):
    """Take P of the module's text through a period; give A and its slopes in gain, fade and P."""
    if before == 0.0 and length == 1.0:
        return 0.0, 0.0, 0.0, 0.0
    total, bend = lasting_sum(fade, length)
    kept = math.exp(-2.0 * fade * length)
    return (
        kept * before + gain * gain * total,
        2.0 * gain * total,
        gain * gain * bend - 2.0 * length * kept * before,
        kept,
    )


@jit
def limited(pull, length):
    """Give the rate of a common period, from that of the whole one; and whether it follows it."""
    fade, lowest = pull / length, -min(_FASTEST_DRIFT, _LONGEST_DRIFT / length)
    return (fade, True) if fade > lowest else (lowest, False)


@jit
def follow_lengths(gain, pull, length, first, gains, variance):
    """Write the gains and variances (time,) of periods of some lengths, from ``first`` on.

    Parameters
    ----------
    gain : float
        Of a common period.
    pull : (time,) array
        How far deviations of the state fade in each period: h L.
    length : (time,) array
        In common periods. The period that a market begins with has no other one before it, and counts as a
        common one.
    first : int
        First fitted period; earlier ones are common ones.
    """
    gains[:], variance[:] = gain, 1.0
    left = 0.0
    for t in range(max(first, 1), length.size):
        fade, _ = limited(pull[t], length[t])
        more = step_over(gain, fade, length[t], left)[0]
        variance[t] = 1.0 + more
        gains[t] = (gain + more) / variance[t]
        left = _forget((1.0 - gain) ** 2 * more / variance[t])


@jit
def _forget(left):
    return left if abs(left) > _FORGOTTEN else 0.0


@jit_apart("none", makes_arrays=True)
def set_lengths(data, gamma, gain, column, work):
    """Write what `follow_lengths` gives at the parameters, with all derivatives.

    Parameters
    ----------
    data : MarketData
    gamma, gain : float
    column : int
        Of the gain, -1 where it is fixed.
    work : MarketWorkspace
        With f and its derivatives in ``tangent``, and those common to all firms in ``slopes``. ``gain``,
        ``log_spread`` and their slopes are written.
    """
    course, tangent, log_share = work.course, work.tangent, work.course.correction.log_share
    log_jump, gamma_slope, gain_slope = work.slopes.log_jump, work.slopes.gamma, work.slopes.gain
    gains, log_spread, spread_slope, log_ratio = work.gain, work.log_spread, work.spread_slope, work.log_ratio
    n_columns, n_times, n = tangent.shape
    gains[:], log_spread[:] = gain, 0.0
    spread_slope[:, :] = 0.0
    held, left, left_slope = np.zeros(n), 0.0, np.zeros(n_columns)
    for t in range(max(data.first, 1), n_times):
        length = data.duration[t] / data.unit
        if left == 0.0 and length == 1.0:
            continue
        total, bent = 0.0, 0.0
        for i in range(n):
            held[i] = 0.0
            if course.active[t, i]:
                held[i] = math.exp(gamma * log_share[t, i])
                total += held[i] * course.f[t, i]
                bent += held[i] * course.f[t, i] * log_share[t, i]
        weight = course.tau[t] * (1.0 - gamma)
        fade, follows = limited(weight * total, length)
        more, by_gain, by_fade, by_left = step_over(gain, fade, length, left)
        variance, rest = 1.0 + more, 1.0 - gain
        gains[t] = (gain + more) / variance
        log_spread[t] = 0.5 * math.log(variance)
        left = _forget(rest * rest * more / variance)
        for c in range(n_columns):
            pull = 0.0
            if follows and weight != 0.0:
                for i in range(n):
                    pull += held[i] * tangent[c, t, i]
                log_tau = log_jump[c] + gamma_slope[c] * log_ratio[t]
                pull = weight * (pull + total * log_tau)
            if follows and gamma_slope[c] != 0.0:
                pull += gamma_slope[c] * (weight * bent - course.tau[t] * total)
            own = 1.0 if c == column else 0.0
            slope = own * by_gain + by_fade * pull / length + by_left * left_slope[c]
            gain_slope[c, t] = (own + rest * slope / variance) / variance
            spread_slope[c, t] = 0.5 * slope / variance
            moved = rest * (rest * slope / variance - 2.0 * own * more) / variance
            left_slope[c] = moved if left != 0.0 else 0.0


@jit_apart("none", makes_arrays=True)
def divide_by_spread(log_spread, spread_slope, first, active, residual, jacobian):
    """Divide the rows of every period by the spread of its errors, and all by its geometric mean, in place.

    Rows behind the last period are left alone; ``jacobian (C, R)`` with C = 0 asks for the residuals alone.
    """
    n_times, n_columns = active.shape[0], jacobian.shape[0]
    end, mean = 0, 0.0
    mean_slope = np.zeros(n_columns)
    for t in range(first, n_times):
        size = _rows(active, t)
        end += size
        mean += size * log_spread[t]
        for c in range(n_columns):
            mean_slope[c] += size * spread_slope[c, t]
    position = 0
    for t in range(first, n_times):
        size = _rows(active, t)
        weight = math.exp(mean / end - log_spread[t]) if size > 0 else 1.0
        for r in range(position, position + size):
            residual[r] *= weight
        for c in range(n_columns):
            slope = mean_slope[c] / max(end, 1) - spread_slope[c, t]
            for r in range(position, position + size):
                jacobian[c, r] = weight * jacobian[c, r] + slope * residual[r]
        position += size


@jit
def _rows(active, t):
    """Count the rows of a period: firms that move but one."""
    count = -1
    for i in range(active.shape[1]):
        count += active[t, i]
    return max(count, 0)


def common_length(duration: NDArray[np.float64]) -> float:
    """Give the length of a market's common period: the median, but for that of the first one.

    The axis of a study is as fine as the finest market (or as it is told to be), so that all periods of a
    market may be several of its own; a gain speaks of the time between two observations.
    """
    return float(np.median(duration[1:])) if len(duration) > 1 else 1.0
