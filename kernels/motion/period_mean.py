"""Mean share over a step of the general form or of gamma = 1, by Gauss-Legendre with bisection.

Over a long period shares change in steep steps at unknown moments, so every interval is compared with its two
halves and split until they agree.
"""

import numpy as np

from kernels.motion.bernoulli import duration_of_change
from kernels.numeric.elementary import exp, log, log1p
from kernels.numeric.jit import jit
from kernels.numeric.jit_apart import jit_apart

_points, _weights = np.polynomial.legendre.leggauss(8)
_NODES = 0.5 * (_points + 1.0)
_WEIGHTS = 0.5 * _weights
_TOLERANCE = 1e-13
_MAX_DEPTH = 60


@jit
def add_share_at(a, m, log_share, share, excess, w, factor, growth, out):
    """Add ``factor * share(w) * H(w)`` to ``out``; ``growth`` is scratch, a = 0 means gamma = 1."""
    eta = duration_of_change(a, m, w)
    top = -1e308
    for i in range(share.size):
        growth[i] = eta * excess[i] if a == 0.0 else log1p(a * eta * excess[i]) / a
        if share[i] > 0.0:
            top = max(top, log_share[i] + growth[i])
    total = 0.0
    for i in range(share.size):
        growth[i] = exp(log_share[i] + growth[i] - top) if share[i] > 0.0 else 0.0
        total += growth[i]
    scale = factor * exp(-a * (log(total) + top)) / total
    for i in range(share.size):
        out[i] += scale * growth[i]


@jit
def add_rest_mean(m, share, fitness, w, weight, out):
    """Add ``weight`` times the integral of share over ``w`` at rest: firms stay, or fade at rate m."""
    for i in range(share.size):
        out[i] += weight * share[i] * (w if fitness[i] > 0.0 else duration_of_change(1.0, m, w))


@jit
def _integrate(a, m, log_share, share, excess, low, high, growth, out):
    """Write the integral of share * H over [low, high]."""
    out[:] = 0.0
    for k in range(_NODES.size):
        w = low + (high - low) * _NODES[k]
        add_share_at(a, m, log_share, share, excess, w, _WEIGHTS[k] * (high - low), growth, out)


@jit_apart("none", makes_arrays=True)
def add_step_mean(a, m, log_share, share, excess, w, weight, out):
    """Add ``weight`` times the integral of share * H over [0, w] to ``out (firm,)``.

    The state is that at the start of the step; ``excess`` is g - m as in `kernels.motion.bernoulli`.
    """
    n = share.size
    bounds = np.empty(_MAX_DEPTH + 2)
    whole = np.empty((_MAX_DEPTH + 2, n))
    left = np.empty(n)
    right = np.empty(n)
    growth = np.empty(n)
    low = 0.0
    depth = 0
    bounds[0] = w
    _integrate(a, m, log_share, share, excess, low, w, growth, whole[0])
    while depth >= 0:
        high = bounds[depth]
        middle = 0.5 * (low + high)
        _integrate(a, m, log_share, share, excess, low, middle, growth, left)
        _integrate(a, m, log_share, share, excess, middle, high, growth, right)
        error = 0.0
        for i in range(n):
            error = max(error, abs(left[i] + right[i] - whole[depth, i]))
        if error <= _TOLERANCE * w or depth >= _MAX_DEPTH:
            for i in range(n):
                out[i] += weight * (left[i] + right[i])
            low = high
            depth -= 1
        else:
            whole[depth, :] = right
            depth += 1
            bounds[depth] = middle
            whole[depth, :] = left


@jit_apart("none", makes_arrays=True)
def set_proportional_mean(log_share, share, f, tau, out):
    """Write the mean share over a period of the form gamma = 1 into ``out (firm,)``; ``f (firm,)``."""
    m = 0.0
    for i in range(share.size):
        m += share[i] * f[i]
    out[:] = 0.0
    if tau > 0.0:
        add_step_mean(0.0, m, log_share, share, f - m, tau, 1.0 / tau, out)
