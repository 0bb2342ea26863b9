r"""One period of the general form: exact up to one scalar equation, for any number of firms.

With a = 1 - gamma, y_i' = f_i y_i**gamma from y_i(0) = share_i has the solution
``y_i(s) = (share_i**a + a f_i s)**(1/a)``; the shares are y / Y, Y = sum y, at the s that solves
``integral_0^s Y(v)**(-a) dv = tau``.

The code turns s into w by ``ds = exp(a m w) dw``, where m = sum share_i g_i is the mean fitness at the start and
g_i = f_i share_i**(-a). Then, with eta(w) = (1 - exp(-a m w)) / (a m),

    z_i = y_i exp(-m w) = share_i (1 + a eta (g_i - m))**(1/a),   H(w) = (sum z)**(-a),   integral_0^w H = tau.

H is 1 + O(w**2), and exactly 1 for gamma = 0, for gamma = 1 and at rest: w is tau but for a small correction, so a
few Gauss-Legendre nodes and one Newton correction solve the equation, and nothing overflows. A step that is
too long for the nodes is halved; the rest of the period restarts from its end.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.elementary import exp, expm1, log, log1p
from kernels.jit import jit

N_NODES = 6
_points, _weights = np.polynomial.legendre.leggauss(N_NODES)
NODES = 0.5 * (_points + 1.0)
"""Gauss-Legendre nodes on [0, 1]."""
WEIGHTS = 0.5 * _weights
"""Their weights."""
_vandermonde = np.polynomial.legendre.legvander(_points, N_NODES - 1)
SPECTRUM = np.ascontiguousarray((_vandermonde * _weights[:, None]).T * (np.arange(N_NODES)[:, None] + 0.5))
"""Row k gives the k-th Legendre coefficient of a function from its values at the nodes."""
END_VALUE = np.ascontiguousarray(SPECTRUM.sum(axis=0))
"""Extrapolates a function from the nodes to 1."""
END_SLOPE = np.ascontiguousarray(
    (SPECTRUM * (np.arange(N_NODES) * (np.arange(N_NODES) + 1.0))[:, None]).sum(0)
)
"""Extrapolates the derivative to 1; P_k'(1) = k(k+1)/2 and the interval has length 1, not 2."""

_LARGEST_EXPONENT = 600.0
MAX_STEPS = 20000
"""Most steps a period may take."""
_TOLERANCE = 1e-14
_FURTHEST = 8.0
_NOTHING = 1e-16
_CLOSE_ENOUGH = 1e-5


class BernoulliWork(NamedTuple):
    """Scratch of the general form for N firms (and the C columns of a tangent)."""

    power: NDArray[np.float64]
    """(firm,) share**(-a)."""
    fitness: NDArray[np.float64]
    """(firm,) g = f share**(-a)."""
    excess: NDArray[np.float64]
    """(firm,) g - m."""
    x: NDArray[np.float64]
    """(node * firm,) a eta excess, then z / share."""
    inverse: NDArray[np.float64]
    """(node * firm,) 1 / (1 + a eta excess)."""
    node: NDArray[np.float64]
    """(3, node) eta, H, sum z."""
    end: NDArray[np.float64]
    """(3, firm) at the end of the step: 1 + a eta excess, ln(z / share), z."""
    from_state: NDArray[np.float64]
    """(firm,) derivative of the time change by ln share at the start."""
    from_response: NDArray[np.float64]
    """(firm,) derivative of the time change by f."""
    keep: NDArray[np.float64]
    """(firm,) coefficient of d ln share at the start."""
    gain: NDArray[np.float64]
    """(firm,) coefficient of df."""
    pull: NDArray[np.float64]
    """(firm,) coefficient of the time change."""
    bend: NDArray[np.float64]
    """(firm,) coefficient of d gamma."""


@jit
def make_bernoulli_work(n_firms):
    """Allocate the scratch arrays of the general form."""
    n = n_firms
    return BernoulliWork(
        np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(N_NODES * n), np.zeros(N_NODES * n),
        np.zeros((3, N_NODES)), np.zeros((3, n)), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n),
        np.zeros(n), np.zeros(n),
    )  # fmt: skip


@jit
def duration_of_change(a, m, w):
    """Return eta(w) = (1 - exp(-a m w)) / (a m); w when a m w is 0."""
    r = a * m * w
    return -expm1(-r) / r * w if r != 0.0 else w


@jit
def set_fitness(a, log_share, share, f, work):
    """Fill power, fitness and excess; return m, second and third moments, largest excess, fastest log-ratio.

    A present firm whose share**(-a) would overflow is lifted to the share at which it does not: its own past
    has no influence then on where it goes.
    """
    m = 0.0
    for i in range(f.size):
        exponent = -a * log_share[i]
        if exponent > _LARGEST_EXPONENT:
            exponent = _LARGEST_EXPONENT
            if f[i] > 0.0:
                log_share[i] = -_LARGEST_EXPONENT / a
                share[i] = exp(log_share[i])
        power = exp(exponent)
        work.power[i] = power
        work.fitness[i] = f[i] * power
        m += share[i] * f[i] * power
    second = 0.0
    third = 0.0
    largest = 0.0
    fastest = 0.0
    for i in range(f.size):
        excess = work.fitness[i] - m
        work.excess[i] = excess
        part = share[i] * excess * excess
        second += part
        third += part * excess
        largest = max(largest, excess)
        fastest = max(fastest, abs(excess) if share[i] > _NOTHING else 0.0)
    return m, second, third, largest, fastest


@jit
def first_guess(a, m, second, third, tau):
    """Invert the series of the time change: w = tau + A tau**3 / 3 - B tau**4 / 4, or tau when it is rough."""
    curvature = 0.5 * a * (1.0 - a) * second
    skew = a * m * curvature - a * (1.0 - a) * (1.0 - 2.0 * a) / 6.0 * third
    correction = tau * tau * (curvature / 3.0 - skew * tau / 4.0)
    return tau * (1.0 + correction) if abs(correction) < 0.05 else tau


@jit
def step_limit(a, m, largest, fastest, log_share, work, w):
    """Shorten w until no term of the step can overflow, meet a pole, cancel, or pass between two nodes."""
    rate = abs(a) * m
    cap = 2.0 if a > 0.0 else 7.0
    if rate * w > cap:
        w = cap / rate
    if fastest * w > _FURTHEST:
        w = _FURTHEST / fastest
    while True:
        eta = duration_of_change(a, m, w)
        reach = eta * largest
        if reach <= 30.0 and (a > 0.0 or -a * reach <= 0.5):
            return w
        if a > 0.0 or -a * reach <= 0.5:
            fits = True
            for i in range(log_share.size):
                growth = log1p(max(a * eta * work.excess[i], -0.9)) / a
                fits = fits and growth <= _LARGEST_EXPONENT and log_share[i] + growth <= 50.0
            if fits:
                return w
        w *= 0.5


@jit
def evaluate_nodes(a, m, share, w, work):
    """Fill the node tables on [0, w]; return (integral of H, estimate of its relative error, H and H' at w)."""
    n = share.size
    for k in range(N_NODES):
        eta = duration_of_change(a, m, w * NODES[k])
        work.node[0, k] = eta
        for i in range(n):
            work.x[k * n + i] = a * eta * work.excess[i]
    inverse_a = 1.0 / a
    for e in range(N_NODES * n):
        x = work.x[e]
        work.inverse[e] = 1.0 / max(1.0 + x, 1e-300)
        work.x[e] = exp(log1p(x) * inverse_a)
    integral = 0.0
    for k in range(N_NODES):
        total = 0.0
        for i in range(n):
            total += share[i] * work.x[k * n + i]
        work.node[2, k] = total
        work.node[1, k] = exp(-a * log(total))
        integral += WEIGHTS[k] * work.node[1, k]
    value = 0.0
    slope = 0.0
    for k in range(N_NODES):
        value += END_VALUE[k] * work.node[1, k]
        slope += END_SLOPE[k] * work.node[1, k]
    return integral * w, spectrum_error(work.node), value, slope / w


@jit
def spectrum_error(node):
    """Estimate the quadrature error of H from the decay of its Legendre coefficients."""
    high = 0.0
    middle = 0.0
    for k in range(N_NODES - 4, N_NODES):
        c = 0.0
        for j in range(N_NODES):
            c += SPECTRUM[k, j] * node[1, j]
        if k >= N_NODES - 2:
            high = max(high, abs(c))
        else:
            middle = max(middle, abs(c))
    if high <= _TOLERANCE:
        return 0.0
    ratio = min(high / max(middle, 1e-300), 1.0)
    return high * ratio * ratio * ratio


@jit
def evaluate_end(a, m, log_share, share, f, w, work):
    """Fill ``work.end`` at w; return (eta, sum of z)."""
    eta = duration_of_change(a, m, w)
    decay = exp(-a * m * w)
    total = 0.0
    for i in range(share.size):
        x = a * eta * work.excess[i]
        if f[i] == 0.0:
            ratio = decay
            growth = -m * w
            z = share[i] * exp(growth)
        else:
            # Next to -1 the sum of two positive terms is exact where 1 + x cancels.
            ratio = decay + a * eta * work.fitness[i] if x < -0.5 else 1.0 + x
            growth = (log(ratio) if x < -0.5 else log1p(x)) / a
            z = exp(log_share[i] + growth)
        work.end[0, i] = ratio
        work.end[1, i] = growth
        work.end[2, i] = z
        total += z
    return eta, total


@jit
def finish_state(log_share, share, total, work):
    """Move the state to the end of the step."""
    shift = log(total)
    for i in range(share.size):
        log_share[i] += work.end[1, i] - shift
        share[i] = work.end[2, i] / total


@jit
def find_step(a, m, second, third, largest, fastest, log_share, share, tau, work):
    """Choose the step: return (w, tau it consumes, correction delta of w beyond the nodes' interval).

    The whole of ``tau`` is consumed when the nodes resolve it; otherwise a part, and delta is 0.
    w < 0 tells that no step was found.
    """
    guess = first_guess(a, m, second, third, tau)
    w = step_limit(a, m, largest, fastest, log_share, work, guess)
    part = w < guess
    for _ in range(200):
        integral, error, value, slope = evaluate_nodes(a, m, share, w, work)
        if error > _TOLERANCE:
            w *= 0.5
            part = True
            continue
        if part and integral < tau:
            return w, integral, 0.0
        delta = (tau - integral) / value
        delta -= 0.5 * slope / value * delta * delta
        if abs(delta) <= _CLOSE_ENOUGH * w:
            return w + delta, tau, delta
        w = min(max(w + delta, 0.25 * w), 2.0 * w)
        limit = step_limit(a, m, largest, fastest, log_share, work, w)
        part = limit < w
        w = limit
    return -1.0, 0.0, 0.0


@jit
def at_rest(a, m, share, tau, work):
    """Tell whether every firm keeps its share for ``tau``, or fades at the common rate from next to nothing."""
    reach = duration_of_change(a, m, tau)
    for i in range(share.size):
        excess = abs(work.excess[i])
        still = excess == 0.0 or excess * reach <= 1e-14
        fading = share[i] < 1e-17 and work.fitness[i] <= 1e-17 * m
        if not (still or fading):
            return False
    return True
