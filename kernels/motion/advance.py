"""One period of the closed forms, and how derivatives travel through it.

With tau = duration * total_sales**gamma * reference_sales**(1 - gamma) / jump_price (no unit) and constant f:

- investment (gamma = 0):  share' = exp(-r) share + tau phi(r) f,  r = tau sum(f),  phi(r) = (1 - exp(-r)) /
r;
- proportional (gamma = 1):  ln share' = ln share + tau f - common.

Derivatives are of ln share, up to an addend common to all firms. Absent firms have share 0 and f 0.
"""

from kernels.numeric.elementary import LOG_OF_ZERO, exp, expm1, log
from kernels.numeric.jit import jit


@jit
def relaxation(r):
    """Return (exp(-r), phi(r) = (1 - exp(-r))/r, 1 + phi'(r)/phi(r)) for r >= 0.

    The third is 1/(1 - exp(-r)) - 1/r, which grows from 1/2 to 1.
    """
    q = -expm1(-r)
    if r < 0.1:
        square = r * r
        slope = 0.5 + r * (1.0 / 12.0 - square * (1.0 / 720.0 - square / 30240.0))
        mean = q / r if r > 0.0 else 1.0
        return 1.0 - q, mean, slope
    return exp(-r), q / r, 1.0 / q - 1.0 / r


@jit
def lag(r):
    """Return (1 - phi(r)) / r: the weight of the long-run share in the mean over a period, per unit of r."""
    if r < 1e-2:
        return 0.5 - r * (1.0 / 6.0 - r * (1.0 / 24.0 - r * (1.0 / 120.0 - r * (1.0 / 720.0 - r / 5040.0))))
    return (1.0 + expm1(-r) / r) / r


@jit
def softmax(present, log_share, share):
    """Write shares from logs known up to an addend, normalise the logs in place."""
    top = -1e308
    for i in range(share.size):
        if present[i] and log_share[i] > top:
            top = log_share[i]
    total = 0.0
    for i in range(share.size):
        share[i] = exp(log_share[i] - top) if present[i] else 0.0
        total += share[i]
    if total > 0.0:
        shift = top + log(total)
        for i in range(share.size):
            share[i] /= total
            log_share[i] = log_share[i] - shift if present[i] else LOG_OF_ZERO
