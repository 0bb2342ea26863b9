"""How derivatives travel through a step of the general form: `kernels.motion.bernoulli`, differentiated.

With E = exp(-a m w) and v_i = 1 + a eta (g_i - m) at the end of the step, and up to an addend common to all
firms,

    d ln share_i' = (E / v_i) d ln share_i + (eta share_i**(-a) / v_i) df_i + (g_i / v_i) dc + e_i d gamma,

where dc, the change of the time change, follows from differentiating its integral equation:
Z**(-a) dc = d tau + sum_j (P_j d ln share_j + Q_j df_j) + W d gamma, with, under the integral over w, the
integrands

    P_j: a H (z_j / Z) E / v_j;   Q_j: a H (z_j / Z) eta share_j**(-a) / v_j;
    W: H (-ln Y - a sum_j (z_j / Z) e~_j),

e~_j = d ln y_j / da at fixed s. P is shifted along share, which adds 0 to centred input, so that an addend
common to all d ln share comes out as a common addend: no step needs to centre.
"""

from kernels.motion.bernoulli_rules import COUNTS, NODES, WEIGHTS
from kernels.motion.bernoulli_work import (
    BEND,
    END,
    ETA,
    FITNESS,
    FROM_RESPONSE,
    FROM_STATE,
    GAIN,
    GROWTH,
    HEIGHT,
    KEEP,
    LOG,
    POWER,
    PULL,
    RATIO,
    SHARE,
    SUM,
)
from kernels.numeric.elementary import exp, log
from kernels.numeric.jit import jit, jit_inline

_LARGEST_GAIN = 1e200


@jit
def bend(a, gain, ratio, decay, log_u):
    """Return d ln y / da at fixed s but for the share**(-a) inside g.

    With ``gain`` = eta g, x = a g s and ``log_u`` = ln(1 + x) that is (x / (1 + x) - ln(1 + x)) / a**2; its
    series where the difference cancels.
    """
    growth = gain / decay
    x = a * growth
    if abs(x) < 0.03:
        series = -0.5 + x * (
            2.0 / 3.0 - x * (0.75 - x * (0.8 - x * (5.0 / 6.0 - x * (6.0 / 7.0 - x * 0.875))))
        )
        return growth * growth * series
    return (a * gain / ratio - log_u) / (a * a)


@jit_inline
def end_coefficients(a, m, w, eta, t, f, firm):
    """Fill `KEEP`, `GAIN` and `PULL`."""
    decay = exp(-a * m * w)
    for i in range(firm.shape[1]):
        inverse = 1.0 / max(firm[RATIO, i], 1e-300)
        # A firm without investment only fades: its ratio is the decay itself, which may underflow.
        firm[KEEP, i] = decay * inverse if f[t, i] > 0.0 else 1.0
        firm[GAIN, i] = min(eta * firm[POWER, i] * inverse, _LARGEST_GAIN)
        firm[PULL, i] = firm[FITNESS, i] * inverse


@jit_inline
def time_change_coefficients(a, m, w, delta, eta, total, rule, firm, node, rise, inverse):
    """Fill `FROM_STATE` and `FROM_RESPONSE`, scaled by Z**a and shifted along share; return Z**a."""
    n = firm.shape[1]
    for i in range(n):
        firm[FROM_STATE, i] = 0.0
        firm[FROM_RESPONSE, i] = 0.0
    for k in range(COUNTS[rule]):
        eta_k = node[ETA, k]
        factor = WEIGHTS[rule, k] * (w - delta) * a * node[HEIGHT, k] / node[SUM, k]
        decay = factor * (1.0 - a * m * eta_k)
        factor *= eta_k
        for i in range(n):
            part = rise[k * n + i] * inverse[k * n + i]
            firm[FROM_STATE, i] += decay * part
            firm[FROM_RESPONSE, i] += factor * part
    scale = exp(a * log(total))
    # The nodes end at w - delta; the integrand at w carries the rest.
    factor = delta * a / (scale * total)
    decay = 1.0 - a * m * eta
    sum_p = 0.0
    for i in range(n):
        part = factor * firm[END, i] / max(firm[RATIO, i], 1e-300)
        from_state = scale * (firm[SHARE, i] * firm[FROM_STATE, i] + decay * part)
        firm[FROM_STATE, i] = from_state
        from_response = scale * (firm[SHARE, i] * firm[FROM_RESPONSE, i] + eta * part)
        firm[FROM_RESPONSE, i] = firm[POWER, i] * from_response
        sum_p += from_state
    shift = a * eta - sum_p
    for i in range(n):
        firm[FROM_STATE, i] += shift * firm[SHARE, i]
    return scale


@jit
def set_bend(a, m, w, eta, firm):
    """Fill `BEND`, the coefficient of d gamma at the end of the step."""
    decay = max(exp(-a * m * w), 1e-300)
    for i in range(firm.shape[1]):
        gain = eta * firm[FITNESS, i]
        ratio = max(firm[RATIO, i], 1e-300)
        own = bend(a, gain, ratio, decay, a * (firm[GROWTH, i] + m * w))
        firm[BEND, i] = gain / ratio * firm[LOG, i] - own if gain > 0.0 else 0.0


@jit
def time_change_bend(a, m, w, delta, total, rule, firm, node, growth, rise, inverse):
    """Return W (not scaled by Z**a); `set_bend` must have been called."""
    n = firm.shape[1]
    integral = 0.0
    for k in range(COUNTS[rule]):
        w_k = (w - delta) * NODES[rule, k]
        decay = exp(-a * m * w_k)
        mean = 0.0
        for i in range(n):
            e = k * n + i
            gain = node[ETA, k] * firm[FITNESS, i]
            if gain > 0.0 and firm[SHARE, i] > 0.0:
                own = bend(a, gain, 1.0 / inverse[e], decay, a * (growth[e] + m * w_k))
                mean += firm[SHARE, i] * rise[e] * (own - gain * inverse[e] * firm[LOG, i])
        slope = log(node[SUM, k]) + m * w_k + a * mean / node[SUM, k]
        integral -= WEIGHTS[rule, k] * node[HEIGHT, k] * slope
    mean = 0.0
    for i in range(n):
        mean += firm[END, i] * firm[BEND, i]
    height = log(total)
    at_end = -exp(-a * height) * (height + m * w - a * mean / total)
    return integral * (w - delta) + at_end * delta


@jit_inline
def carry_tangent(x, tangent, t, last, log_tau_slope, gamma_slope, tau, scale, time_bend, firm):
    """Take ``x (column, firm)``, the derivatives of ln share, through a step of length ``tau`` in period t.

    ``scale`` is Z**a and ``time_bend`` is W Z**a.
    ``tangent (column, time, firm)`` holds df, ``log_tau_slope (column,)`` d ln tau and ``gamma_slope
    (column,)`` d gamma. In the last step of the period ``x`` replaces df.
    """
    n_columns, n = x.shape
    for c in range(n_columns):
        slope = gamma_slope[c]
        change = scale * tau * log_tau_slope[c] + time_bend * slope
        for i in range(n):
            change += firm[FROM_STATE, i] * x[c, i] + firm[FROM_RESPONSE, i] * tangent[c, t, i]
        for i in range(n):
            x[c, i] = firm[KEEP, i] * x[c, i] + firm[GAIN, i] * tangent[c, t, i] + firm[PULL, i] * change
        if slope != 0.0:
            for i in range(n):
                x[c, i] += firm[BEND, i] * slope
        if last:
            for i in range(n):
                tangent[c, t, i] = x[c, i]
