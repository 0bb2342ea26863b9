"""How derivatives travel through a step of the general form: differentiation of `kernels.bernoulli` in closed form.

With E = exp(-a m w) and v_i = 1 + a eta (g_i - m) at the end of the step, and up to an addend common to all firms,

    d ln share_i' = (E / v_i) d ln share_i + (eta share_i**(-a) / v_i) df_i + (g_i / v_i) dc + e_i d gamma,

where dc, the change of the time change, follows from differentiating its integral equation:
Z**(-a) dc = d tau + sum_j (P_j d ln share_j + Q_j df_j) + W d gamma, with, under the integral over w, the integrands

    P_j: a H (z_j / Z) E / v_j;   Q_j: a H (z_j / Z) eta share_j**(-a) / v_j;   W: H (-ln Y - a sum_j (z_j / Z) e~_j),

e~_j = d ln y_j / da at fixed s. P is shifted along share, which adds 0 to centred input, so that an addend
common to all d ln share comes out as a common addend: no step needs to centre.
"""

from kernels.bernoulli import N_NODES, NODES, WEIGHTS
from kernels.elementary import exp, log
from kernels.jit import jit

_LARGEST_GAIN = 1e200


@jit
def bend(a, gain, ratio, decay, log_u):
    """Return d ln y / da at fixed s but for the share**(-a) inside g; ``gain`` = eta g, ``log_u`` = ln(1 + a g s).

    That is (x / (1 + x) - ln(1 + x)) / a**2 with x = a g s; its series where the difference cancels.
    """
    growth = gain / decay
    x = a * growth
    if abs(x) < 0.03:
        series = -0.5 + x * (
            2.0 / 3.0 - x * (0.75 - x * (0.8 - x * (5.0 / 6.0 - x * (6.0 / 7.0 - x * 0.875))))
        )
        return growth * growth * series
    return (a * gain / ratio - log_u) / (a * a)


@jit
def end_coefficients(a, m, f, w, eta, work):
    """Fill keep, gain, pull at the end of the step."""
    decay = exp(-a * m * w)
    for i in range(f.size):
        # A firm without investment only fades: its ratio is the decay itself, which may underflow.
        inverse = 1.0 / max(work.end[0, i], 1e-300)
        work.keep[i] = decay * inverse if f[i] > 0.0 else 1.0
        work.gain[i] = min(eta * work.power[i] * inverse, _LARGEST_GAIN)
        work.pull[i] = work.fitness[i] * inverse


@jit
def end_bend(a, m, log_share, w, eta, work):
    """Fill bend, the coefficient of d gamma, at the end of the step."""
    decay = exp(-a * m * w)
    for i in range(log_share.size):
        gain = eta * work.fitness[i]
        if gain == 0.0:
            work.bend[i] = 0.0
            continue
        ratio = work.end[0, i]
        own = bend(a, gain, ratio, max(decay, 1e-300), a * (work.end[1, i] + m * w))
        work.bend[i] = gain / ratio * log_share[i] - own


@jit
def add_time_change(factor, decay, eta, offset, share, work):
    """Add one node's part of P and Q (the latter without share**(-a)); ``offset`` finds the node's firms."""
    for i in range(share.size):
        part = factor * share[i] * work.x[offset + i] * work.inverse[offset + i]
        work.from_state[i] += decay * part
        work.from_response[i] += eta * part


@jit
def time_change_coefficients(a, m, share, w, delta, eta, total, work):
    """Fill P and Q, scaled by Z**a and shifted along share; return Z**a."""
    n = share.size
    work.from_state[:] = 0.0
    work.from_response[:] = 0.0
    span = w - delta
    for k in range(N_NODES):
        eta_k = work.node[0, k]
        factor = WEIGHTS[k] * span * a * work.node[1, k] / work.node[2, k]
        add_time_change(factor, 1.0 - a * m * eta_k, eta_k, k * n, share, work)
    scale = exp(a * log(total))
    # The nodes end at w - delta; the integrand at w carries the rest.
    factor = delta * a / (scale * total)
    decay = 1.0 - a * m * eta
    sum_p = 0.0
    for i in range(n):
        part = factor * work.end[2, i] / max(work.end[0, i], 1e-300)
        work.from_state[i] = scale * (work.from_state[i] + decay * part)
        work.from_response[i] = scale * work.power[i] * (work.from_response[i] + eta * part)
        sum_p += work.from_state[i]
    shift = a * eta - sum_p
    for i in range(n):
        work.from_state[i] += shift * share[i]
    return scale


@jit
def node_bend(a, m, log_share, share, w_k, eta, total, offset, work):
    """Return ln Y + a sum (z / Z) d ln y / da at one node: minus the integrand of W, without H."""
    decay = exp(-a * m * w_k)
    mean = 0.0
    for i in range(share.size):
        gain = eta * work.fitness[i]
        if gain == 0.0:
            continue
        z = work.x[offset + i]
        inverse = work.inverse[offset + i]
        own = bend(a, gain, 1.0 / inverse, decay, a * (log(z) + m * w_k))
        mean += share[i] * z * (own - gain * inverse * log_share[i])
    return log(total) + m * w_k + a * mean / total


@jit
def time_change_bend(a, m, log_share, share, w, delta, total, work):
    """Return W (not scaled by Z**a); `end_bend` must have been called."""
    n = share.size
    integral = 0.0
    for k in range(N_NODES):
        w_k = (w - delta) * NODES[k]
        growth = node_bend(a, m, log_share, share, w_k, work.node[0, k], work.node[2, k], k * n, work)
        integral -= WEIGHTS[k] * work.node[1, k] * growth
    mean = 0.0
    for i in range(n):
        mean += work.end[2, i] * work.bend[i]
    height = log(total)
    at_end = -exp(-a * height) * (height + m * w - a * mean / total)
    return integral * (w - delta) + at_end * delta


@jit
def carry_tangent(x, response_tangent, t, log_tau_slope, gamma_slope, tau, scale, time_bend, work):
    """Take ``x (column, firm)``, the derivatives of ln share, through a step of length ``tau`` in period t.

    ``response_tangent (column, time, firm)`` holds df, ``log_tau_slope (column,)`` d ln tau and
    ``gamma_slope (column,)`` d gamma.
    """
    n_columns, n = x.shape
    for c in range(n_columns):
        change = scale * (tau * log_tau_slope[c] + time_bend * gamma_slope[c])
        for i in range(n):
            change += work.from_state[i] * x[c, i] + work.from_response[i] * response_tangent[c, t, i]
        slope = gamma_slope[c]
        for i in range(n):
            x[c, i] = (
                work.keep[i] * x[c, i] + work.gain[i] * response_tangent[c, t, i] + work.pull[i] * change
            )
        if slope != 0.0:
            for i in range(n):
                x[c, i] += work.bend[i] * slope
