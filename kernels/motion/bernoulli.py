r"""One period of the general form: exact up to one scalar equation, for any number of firms.

With a = 1 - gamma, y_i' = f_i y_i**gamma from y_i(0) = share_i has the solution
``y_i(s) = (share_i**a + a f_i s)**(1/a)``; the shares are y / Y, Y = sum y, at the s that solves
``integral_0^s Y(v)**(-a) dv = tau``.

The code turns s into w by ``ds = exp(a m w) dw``, where m = sum share_i g_i is the mean fitness at the start
and g_i = f_i share_i**(-a). Then, with eta(w) = (1 - exp(-a m w)) / (a m),

    z_i = y_i exp(-m w) = share_i (1 + a eta (g_i - m))**(1/a),   H(w) = (sum z)**(-a),   integral_0^w H =
    tau.

H is 1 + O(w**2), and exactly 1 for gamma = 0, for gamma = 1 and at rest: w is tau but for a small correction,
so a few Gauss-Legendre nodes and one Newton correction solve the equation, and nothing overflows. A step that
is too long for the nodes is halved; the rest of the period restarts from its end.
"""

import numpy as np

from kernels.motion.bernoulli_rules import (
    COUNTS,
    END_SLOPE,
    LARGE,
    NODES,
    SMALL,
    SPECTRUM,
    WEIGHTS,
)
from kernels.motion.bernoulli_work import (
    END,
    ETA,
    EXCESS,
    FITNESS,
    GROWTH,
    HEIGHT,
    LOG,
    POWER,
    RATIO,
    SHARE,
    SUM,
    padded,
)
from kernels.numeric.elementary import exp, expm1, log, log1p
from kernels.numeric.jit import jit, jit_inline

LARGEST_EXPONENT = 600.0
_LARGEST_POWER = float(np.exp(LARGEST_EXPONENT))
MAX_STEPS = 20000
"""Most steps a period may take."""
_TOLERANCE = 1e-14
_CLOSE_ENOUGH = 1e-5
# How far a log-ratio may move in a step: beyond that even the large rule nearly always fails ...
_FURTHEST = 1.2
_NOTHING = 1e-16
# ... and beyond that the small one, which would only be tried in vain.
_SMALL_REACH = 0.12


@jit
def duration_of_change(a, m, w):
    """Return eta(w) = (1 - exp(-a m w)) / (a m); w when a m w is 0."""
    r = a * m * w
    return -expm1(-r) / r * w if r != 0.0 else w


@jit
def set_power(a, firm):
    """Fill `POWER` from the logs; where it would overflow it stays at the largest exponent."""
    for i in range(firm.shape[1]):
        firm[POWER, i] = exp(min(-a * firm[LOG, i], LARGEST_EXPONENT))


@jit_inline
def set_fitness(a, t, f, firm):
    """Fill `FITNESS` and `EXCESS`; return m, moments 2, 3, 4 of the excess, and its largest values.

    The last two are the largest excess and the fastest move of a log-ratio of a firm that matters. A firm
    whose share**(-a) would overflow is lifted to the share at which it does not: once it invests, its own
    past has no influence on where it goes.
    """
    n = firm.shape[1]
    m = 0.0
    lowest = 0.0
    for i in range(n):
        g = f[t, i] * firm[POWER, i]
        firm[FITNESS, i] = g
        m += firm[SHARE, i] * g
        lowest = min(lowest, firm[LOG, i])
    if a * lowest < -LARGEST_EXPONENT:
        for i in range(n):
            if f[t, i] > 0.0 and a * firm[LOG, i] < -LARGEST_EXPONENT:
                firm[LOG, i] = -LARGEST_EXPONENT / a
                firm[SHARE, i] = exp(firm[LOG, i])
    second = 0.0
    third = 0.0
    fourth = 0.0
    largest = 0.0
    fastest = 0.0
    for i in range(n):
        excess = firm[FITNESS, i] - m
        firm[EXCESS, i] = excess
        part = firm[SHARE, i] * excess * excess
        second += part
        third += part * excess
        fourth += part * excess * excess
        largest = max(largest, excess)
        fastest = max(fastest, abs(excess) if firm[SHARE, i] > _NOTHING else 0.0)
    return m, second, third, fourth, largest, fastest


@jit
def first_guess(a, m, second, third, fourth, tau):
    """Invert the series of the time change, w + P(eta(w)) = tau; return tau when the series is rough.

    With H = 1 + h_2 eta**2 + .. and dw = d eta / (1 - a m eta), P = sum_k (coefficient of eta**k in
    (H - 1) / (1 - a m eta)) eta**(k + 1) / (k + 1).
    """
    b = a * m
    # Moments of z / share about its mean, then those of the power -a.
    z2 = 0.5 * (1.0 - a) * second
    z3 = (1.0 - a) * (1.0 - 2.0 * a) / 6.0 * third
    z4 = (1.0 - a) * (1.0 - 2.0 * a) * (1.0 - 3.0 * a) / 24.0 * fourth
    p2 = -a * z2
    p3 = b * p2 - a * z3
    p4 = b * p3 - a * z4 + 0.5 * a * (a + 1.0) * z2 * z2
    eta = duration_of_change(a, m, tau)
    excess = eta * eta * eta * (p2 / 3.0 + eta * (p3 / 4.0 + eta * (p4 / 5.0)))
    correction = excess / (1.0 + (1.0 - b * eta) * eta * eta * (p2 + eta * (p3 + eta * p4)))
    return tau - correction if abs(correction) < 0.05 * tau else tau


@jit
def step_limit(a, m, largest, fastest, firm, w):
    """Shorten w until no term of the step can overflow, meet a pole, cancel, or pass between two nodes.

    Return 0 where no step is short enough: the fitness of a firm is beyond the range of numbers.
    """
    rate = abs(a) * m
    cap = 2.0 if a > 0.0 else 7.0
    if rate * w > cap:
        w = cap / rate
    if fastest * w > _FURTHEST:
        w = _FURTHEST / fastest
    if a > 0.0 and w * largest <= 30.0:
        return w
    while w > 0.0:
        reach = duration_of_change(a, m, w) * largest
        if reach <= 30.0 and (a > 0.0 or -a * reach <= 0.5):
            return w
        if (a > 0.0 or -a * reach <= 0.5) and _fits(a, duration_of_change(a, m, w), firm):
            return w
        w *= 0.5
    return 0.0


@jit
def _fits(a, eta, firm):
    """Tell whether exponentials stay within range at eta."""
    fits = True
    for i in range(firm.shape[1]):
        growth = log1p(max(a * eta * firm[EXCESS, i], -0.9)) / a
        fits = fits and growth <= LARGEST_EXPONENT and firm[LOG, i] + growth <= 50.0
    return fits


@jit_inline
def evaluate_nodes(a, m, w, rule, firm, node, growth, rise, inverse):
    """Fill the tables at the nodes of [0, w] and at its end."""
    n = firm.shape[1]
    count = COUNTS[rule]
    for k in range(padded(count + 1)):
        node[ETA, k] = duration_of_change(a, m, w * NODES[rule, k])
    for k in range(count + 1):
        factor = a * node[ETA, k]
        for i in range(n):
            growth[k * n + i] = factor * firm[EXCESS, i]
    inverse_a = 1.0 / a
    for e in range(padded((count + 1) * n)):
        x = growth[e]
        inverse[e] = 1.0 / max(1.0 + x, 1e-300)
        y = log1p(x) * inverse_a
        growth[e] = y
        rise[e] = exp(y)
    for k in range(count + 1):
        total = 0.0
        for i in range(n):
            total += firm[SHARE, i] * rise[k * n + i]
        node[SUM, k] = total
    for k in range(padded(count + 1)):
        node[HEIGHT, k] = exp(-a * log(node[SUM, k]))


@jit_inline
def read_nodes(w, rule, reach, node):
    """Return (integral of H over [0, w], estimate of its relative error, H' at w)."""
    integral = 0.0
    slope = 0.0
    for k in range(COUNTS[rule]):
        integral += WEIGHTS[rule, k] * node[HEIGHT, k]
        slope += END_SLOPE[rule, k] * node[HEIGHT, k]
    return integral * w, spectrum_error(rule, reach, node), slope / w


@jit_inline
def spectrum_error(rule, reach, node):
    """Estimate the quadrature error of H from the decay of its Legendre coefficients.

    A rule of n nodes is off by about the coefficient of degree 2n, which the decay over the highest degrees
    that the nodes see foretells. The decay is not trusted beyond what a log-ratio that moves by ``reach``,
    with the poles of a logistic curve, allows: a coefficient may be small by accident.
    """
    c0, c1, c2, c3 = 0.0, 0.0, 0.0, 0.0
    for j in range(COUNTS[rule]):
        h = node[HEIGHT, j]
        c0 += SPECTRUM[rule, 0, j] * h
        c1 += SPECTRUM[rule, 1, j] * h
        c2 += SPECTRUM[rule, 2, j] * h
        c3 += SPECTRUM[rule, 3, j] * h
    floor = 0.125 * reach
    if rule == SMALL:
        return _extrapolated(abs(c3), abs(c2), floor, 5)
    return _extrapolated(max(abs(c2), abs(c3)), max(abs(c0), abs(c1)), floor * floor, 4)


@jit
def _extrapolated(high, middle, floor, steps):
    """Carry a geometric decay some steps on; what is below the tolerance already is rounding."""
    high = max(high, middle * floor)
    if high <= _TOLERANCE:
        return 0.0
    ratio = min(max(high / max(middle, 1e-300), floor), 1.0)
    for _ in range(steps):
        high *= ratio
    return high


@jit_inline
def find_step(a, m, second, third, fourth, largest, fastest, tau, firm, node, growth, rise, inverse):
    """Choose the step: return (w, tau it consumes, correction delta of w beyond the tables' interval, rule).

    The whole of ``tau`` is consumed when the nodes resolve it; otherwise a part, and delta is 0.
    w < 0 tells that no step was found.
    """
    w = step_limit(a, m, largest, fastest, firm, tau)
    if not w > 0.0:
        return -1.0, 0.0, 0.0, LARGE
    part = w < tau
    if not part:
        w = first_guess(a, m, second, third, fourth, tau)
    rule = SMALL if fastest * w < _SMALL_REACH else LARGE
    for _ in range(200):
        evaluate_nodes(a, m, w, rule, firm, node, growth, rise, inverse)
        integral, error, slope = read_nodes(w, rule, fastest * w, node)
        if error > _TOLERANCE:
            if rule == LARGE:
                w *= 0.5
                part = True
            rule = LARGE
            continue
        if part and integral < tau:
            return w, integral, 0.0, rule
        value = node[HEIGHT, COUNTS[rule]]
        delta = (tau - integral) / value
        delta -= 0.5 * slope / value * delta * delta
        if abs(delta) * (fastest + abs(a) * m) <= _CLOSE_ENOUGH and abs(delta) <= _CLOSE_ENOUGH * w:
            return w + delta, tau, delta, rule
        w = min(max(w + delta, 0.25 * w), 2.0 * w)
        limit = step_limit(a, m, largest, fastest, firm, w)
        part = limit < w
        w = limit
    return -1.0, 0.0, 0.0, rule


@jit_inline
def set_end(a, m, delta, rule, firm, node, growth, rise, inverse):
    """Fill `RATIO`, `GROWTH` and `END` delta beyond the end of the tables; return (eta, sum of z)."""
    n = firm.shape[1]
    before = node[ETA, COUNTS[rule]]
    decay = 1.0 - a * m * before
    eta = before + delta * (1.0 - 0.5 * a * m * delta) * decay
    offset = COUNTS[rule] * n
    total = 0.0
    for i in range(n):
        speed = firm[EXCESS, i] * decay * inverse[offset + i]
        more = delta * speed * (1.0 - 0.5 * delta * a * (m + speed))
        firm[RATIO, i] = 1.0 + a * eta * firm[EXCESS, i]
        firm[GROWTH, i] = growth[offset + i] + more
        z = firm[SHARE, i] * rise[offset + i] * (1.0 + more * (1.0 + 0.5 * more))
        firm[END, i] = z
        total += z
    return eta, total


@jit
def set_end_at_rest(a, m, w, t, f, firm):
    """Fill `RATIO`, `GROWTH` and `END` after a step of any length, minding firms that fade to nothing."""
    eta = duration_of_change(a, m, w)
    decay = exp(-a * m * w)
    total = 0.0
    for i in range(firm.shape[1]):
        x = a * eta * firm[EXCESS, i] if firm[EXCESS, i] != 0.0 else 0.0
        ratio = 1.0 + x
        if f[t, i] == 0.0 or (a < 0.0 and _fades(m, i, firm)):
            ratio = decay
            firm[GROWTH, i] = -m * w
        elif x < -0.5:
            # Next to -1 the sum of two positive terms is exact where 1 + x cancels.
            ratio = decay + a * eta * firm[FITNESS, i]
            firm[GROWTH, i] = log(ratio) / a
        else:
            firm[GROWTH, i] = log1p(x) / a
        firm[RATIO, i] = ratio
        firm[END, i] = firm[SHARE, i] * exp(firm[GROWTH, i])
        total += firm[END, i]
    return eta, total


@jit
def _fades(m, i, firm):
    """Tell whether a firm next to nothing has no fitness to speak of."""
    return firm[SHARE, i] < 1e-17 and firm[FITNESS, i] <= 1e-17 * m


@jit_inline
def finish_state(a, total, firm):
    """Move the state to the end of the step."""
    shift = log(total)
    scale = exp(a * shift)
    for i in range(firm.shape[1]):
        tiny = firm[SHARE, i] < 1e-290
        firm[LOG, i] += firm[GROWTH, i] - shift
        firm[SHARE, i] = firm[END, i] / total
        if tiny:
            firm[SHARE, i] = exp(firm[LOG, i])
        # share'**(-a) without another power: share' = share ratio**(1/a) / Z.
        ratio, largest = max(firm[RATIO, i], 1e-300), _LARGEST_POWER
        factor = scale / ratio if ratio >= 1.0 or scale < largest * ratio else largest
        small = factor <= 1.0 or firm[POWER, i] < largest / factor
        firm[POWER, i] = firm[POWER, i] * factor if small else largest


@jit_inline
def at_rest(a, m, fastest, tau, firm):
    """Tell whether every firm keeps its share for ``tau``, or fades from next to nothing."""
    if fastest * tau > 1e-12 * max(1.0, abs(a) * m * tau):
        return False
    reach = duration_of_change(a, m, tau)
    for i in range(firm.shape[1]):
        excess = abs(firm[EXCESS, i])
        still = excess == 0.0 or excess * reach <= 1e-14
        if not (still or _fades(m, i, firm)):
            return False
    return True
