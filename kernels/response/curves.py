"""Response curves on a block of cells, compiled: value, derivatives in parameters and in the effort.

Every function adds its value to ``total`` and writes derivatives into rows given by the caller; ``want``
says which are needed (bit m for parameter m, bit `SLOPE` for the effort), rows not wanted may be scratch.
All arrays are one-dimensional over the E cells of a market. Efforts must lie in the curve's domain.
`kernels.response.catalogue` holds the formulas. A new curve is a code and a function here, its branch in
`add_curves`, and its record there.
"""

import numpy as np

from kernels.numeric.elementary import exp, expm1, log, log1p
from kernels.numeric.jit import jit, jit_inline
from kernels.numeric.jit_apart import jit_apart
from kernels.numeric.rows import add_to, copy_to

LINEAR = 0
POWER = 1
LOG = 2
LN = 3
EXPONENTIAL = 4
MICHAELIS_MENTEN = 5
HILL = 6
LOGISTIC = 7
TANH = 8
SQRT = 9
ADBUDG = 10
ISPLINE = 11
EXPRESSION = 12

N_PARAMETERS = (1, 2, 2, 1, 2, 2, 3, 2, 2, 1, 4)
"""Number of parameters by code, of the curves before `ISPLINE`."""
SLOPE = 1 << 20
"""Bit of ``want`` for the derivative in the effort."""
# Slopes that are infinite at u = 0 (square root, powers below 1) are taken at this effort.
_NEAR_ZERO = 1e-12
_TINY = 1e-100


@jit
def raise_to(log_u, exponent, power):
    """Write u**exponent from ln u; held below 1e300 so that ratios of powers stay finite."""
    for e in range(log_u.size):
        power[e] = exp(min(exponent * log_u[e], 690.0))


@jit
def _steepness_at_zero(exponent):
    """u**(exponent - 1) at u = 0, where it is infinite for an exponent below 1: then at 1e-12."""
    if exponent > 1.0:
        return 0.0
    return exp((exponent - 1.0) * log(_NEAR_ZERO))


@jit
def linear(u, beta, want, total, d_beta, slope):
    """Add beta u."""
    for e in range(u.size):
        total[e] += beta * u[e]
    if want & 1:
        copy_to(d_beta, u)
    if want & SLOPE:
        slope[:] = beta


@jit
def natural_log(u, log_u, beta, want, total, d_beta, slope):
    """Add beta ln u, u > 0."""
    for e in range(u.size):
        total[e] += beta * log_u[e]
    if want & 1:
        copy_to(d_beta, log_u)
    if want & SLOPE:
        for e in range(u.size):
            slope[e] = beta / max(u[e], _TINY)


@jit
def power_curve(u, log_u, power, beta, a, want, total, d_beta, d_a, slope):
    """Add beta u**a, u >= 0, a > 0; ``power`` holds u**a."""
    for e in range(u.size):
        total[e] += beta * power[e]
    if want & 1:
        copy_to(d_beta, power)
    if want & 2:
        for e in range(u.size):
            d_a[e] = beta * power[e] * log_u[e]
    if want & SLOPE:
        at_zero = _steepness_at_zero(a)
        cap = at_zero if a < 1.0 else 1e300
        for e in range(u.size):
            steep = min(power[e] / max(u[e], _TINY), cap)
            slope[e] = beta * a * (steep if u[e] > 0.0 else at_zero)


@jit
def log_curve(u, beta, h, want, total, d_beta, d_h, slope):
    """Add beta ln(1 + u / h), u >= 0, h > 0."""
    inverse = 1.0 / h
    for e in range(u.size):
        q = log1p(u[e] * inverse)
        d_beta[e] = q
        total[e] += beta * q
    if want & 2:
        factor = -beta * inverse
        for e in range(u.size):
            d_h[e] = factor * (u[e] / (h + u[e]))
    if want & SLOPE:
        for e in range(u.size):
            slope[e] = beta / (h + u[e])


@jit
def exponential_curve(u, beta, h, want, total, d_beta, d_h, slope):
    """Add beta (1 - exp(-u / h)), u >= 0, h > 0."""
    inverse = 1.0 / h
    full = 800.0 * h
    for e in range(u.size):
        q = -expm1(-min(u[e], full) * inverse)
        d_beta[e] = q
        total[e] += beta * q
    if want & 2:
        factor = -beta * inverse
        for e in range(u.size):
            x = min(u[e], full) * inverse
            d_h[e] = factor * x * exp(-x)
    if want & SLOPE:
        for e in range(u.size):
            slope[e] = beta * inverse * exp(-min(u[e], full) * inverse)


@jit
def michaelis_menten(u, beta, h, want, total, d_beta, d_h, slope):
    """Add beta u / (h + u), u >= 0, h > 0."""
    for e in range(u.size):
        q = u[e] / (h + u[e])
        d_beta[e] = q
        total[e] += beta * q
    if want & 2:
        for e in range(u.size):
            d_h[e] = -beta * d_beta[e] / (h + u[e])
    if want & SLOPE:
        for e in range(u.size):
            slope[e] = (beta / (h + u[e])) * (h / (h + u[e]))


@jit
def hill(u, log_u, power, beta, h, n, want, total, d_beta, d_h, d_n, slope, spare):
    """Add beta u**n / (h**n + u**n), u >= 0, h > 0, n > 0; ``power`` holds u**n, ``spare`` is scratch."""
    log_h = log(h)
    half = exp(min(max(n * log_h, -690.0), 690.0))
    for e in range(u.size):
        r = 1.0 / (half + power[e])
        q = power[e] * r
        spare[e] = r
        d_beta[e] = q
        total[e] += beta * q
    # 1 - q is half * r: no digits are lost when the curve is nearly saturated.
    if want & 2:
        factor = -beta * n / h
        for e in range(u.size):
            d_h[e] = factor * (power[e] * spare[e]) * (half * spare[e])
    if want & 4:
        for e in range(u.size):
            d_n[e] = beta * (power[e] * spare[e]) * (half * spare[e]) * (log_u[e] - log_h)
    if want & SLOPE:
        _saturation_slope(u, power, beta * n, half, n, spare, slope)


@jit
def _saturation_slope(u, power, factor, half, exponent, reciprocal, slope):
    """Write factor u**(exponent - 1) half / (half + u**exponent)**2."""
    at_zero = _steepness_at_zero(exponent)
    cap = at_zero if exponent < 1.0 else 1e300
    for e in range(u.size):
        steep = min(power[e] / max(u[e], _TINY), cap)
        steep = steep if u[e] > 0.0 else at_zero
        slope[e] = factor * (steep * reciprocal[e]) * (half * reciprocal[e])


@jit
def adbudg(u, log_u, power, beta, lo, c, d, want, total, d_beta, d_lo, d_c, d_d, slope, spare):
    """Add lo + (beta - lo) u**c / (d + u**c), u >= 0, c > 0, d > 0; ``power`` holds u**c."""
    height = beta - lo
    for e in range(u.size):
        r = 1.0 / (d + power[e])
        q = power[e] * r
        spare[e] = r
        d_beta[e] = q
        total[e] += lo + height * q
    if want & 2:
        for e in range(u.size):
            d_lo[e] = d * spare[e]
    if want & 4:
        for e in range(u.size):
            d_c[e] = height * (power[e] * spare[e]) * (d * spare[e]) * log_u[e]
    if want & 8:
        for e in range(u.size):
            d_d[e] = -height * (power[e] * spare[e]) * spare[e]
    if want & SLOPE:
        _saturation_slope(u, power, height * c, d, c, spare, slope)


@jit
def tanh_curve(u, beta, rate, d_rate, want, total, d_beta, d_second, slope):
    """Add beta tanh(rate u); ``d_rate`` is the derivative of ``rate`` in the curve's second parameter."""
    full = 400.0 / max(abs(rate), _TINY)
    for e in range(u.size):
        x = 2.0 * rate * min(max(u[e], -full), full)
        t = expm1(-abs(x))
        q = -t / (2.0 + t)
        q = q if x >= 0.0 else -q
        d_beta[e] = q
        total[e] += beta * q
    if want & (2 | SLOPE):
        for e in range(u.size):
            small = exp(-2.0 * abs(rate) * min(abs(u[e]), full))
            steep = 4.0 * beta * small / ((1.0 + small) * (1.0 + small))
            slope[e] = steep * rate
            d_second[e] = steep * d_rate * u[e]


@jit
def square_root(u, beta, want, total, d_beta, slope):
    """Add beta sqrt(u), u >= 0."""
    for e in range(u.size):
        q = np.sqrt(u[e])
        d_beta[e] = q
        total[e] += beta * q
    if want & SLOPE:
        for e in range(u.size):
            slope[e] = 0.5 * beta / np.sqrt(max(u[e], _NEAR_ZERO))


@jit
def spline_term(basis, basis_slope, sign, coefficient, want, total, slope):
    """Add sign * coefficient times one I-spline; adds to ``slope``, unlike the other curves."""
    height = sign * coefficient
    for e in range(total.size):
        total[e] += height * basis[e]
    if want & SLOPE:
        for e in range(total.size):
            slope[e] += height * basis_slope[e]


@jit
def wanted(want, index, carry_index, column):
    """Tell which derivatives of a curve are needed: bit m for its parameter m, `SLOPE`."""
    for m in range(index.size):
        if index[m] >= 0 and column[index[m]] >= 0:
            want |= 1 << m
    for m in range(2):
        if carry_index[m] >= 0 and column[carry_index[m]] >= 0:
            want |= SLOPE
    return want


@jit_inline
def _row(k, m, index, repeated, column, spare, flat):
    """Give the place of a derivative: its row, or scratch when the parameter is fixed or added later."""
    p = index[k, m]
    elsewhere = p < 0 or column[p] < 0 or repeated[k, m]
    return spare[m] if elsewhere else flat[column[p]]


@jit_apart("none")
def add_curves(
    code, index, repeated, carry_index, theta, column, want_always,
    carried, log_carried, power_carried, slopes, spares, total, flat,
):  # fmt: skip
    """Add the curves of all efforts that have neither a spline nor a formula of their own."""
    scratch = spares[spares.shape[0] - 2]
    for k in range(code.size):
        if code[k] == ISPLINE or code[k] == EXPRESSION:
            continue
        want = wanted(want_always, index[k], carry_index[k], column)
        u, slope = carried[k], slopes[k]
        a = theta[index[k, 0]]
        d_a = _row(k, 0, index, repeated, column, spares, flat)
        if N_PARAMETERS[code[k]] == 1:
            if code[k] == LINEAR:
                linear(u, a, want, total, d_a, slope)
            elif code[k] == LN:
                natural_log(u, log_carried[k], a, want, total, d_a, slope)
            else:
                square_root(u, a, want, total, d_a, slope)
        else:
            b = theta[index[k, 1]]
            d_b = _row(k, 1, index, repeated, column, spares, flat)
            if code[k] == POWER:
                power_curve(u, log_carried[k], power_carried[k], a, b, want, total, d_a, d_b, slope)
            elif code[k] == LOG:
                log_curve(u, a, b, want, total, d_a, d_b, slope)
            elif code[k] == EXPONENTIAL:
                exponential_curve(u, a, b, want, total, d_a, d_b, slope)
            elif code[k] == MICHAELIS_MENTEN:
                michaelis_menten(u, a, b, want, total, d_a, d_b, slope)
            elif code[k] == LOGISTIC:
                tanh_curve(u, a, 0.5 * b, 0.5, want, total, d_a, d_b, slope)
            elif code[k] == TANH:
                tanh_curve(u, a, 1.0 / b, -1.0 / (b * b), want, total, d_a, d_b, slope)
            else:
                log_u, power = log_carried[k], power_carried[k]
                c = theta[index[k, 2]]
                d_c = _row(k, 2, index, repeated, column, spares, flat)
                if code[k] == HILL:
                    hill(u, log_u, power, a, b, c, want, total, d_a, d_b, d_c, slope, scratch)
                else:
                    d = theta[index[k, 3]]
                    d_d = _row(k, 3, index, repeated, column, spares, flat)
                    adbudg(u, log_u, power, a, b, c, d, want, total, d_a, d_b, d_c, d_d, slope, scratch)
        for m in range(index.shape[1]):
            if repeated[k, m] and want & (1 << m):
                add_to(flat[column[index[k, m]]], spares[m])
