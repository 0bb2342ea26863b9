"""The innovations form: observed shares draw the state to themselves by a gain k between 0 and 1.

With m the modelled shares at the end of a period and y those observed, the next period begins at z with
``ln z = (1 - k) ln m + k ln y`` up to an addend common to the firms (errors of log-ratios), or at
``z = (1 - k) m + k y`` (errors of plain shares). k = 0 is a whole trajectory, k = 1 begins every period at
the observed shares. Single source of error: Snyder (1985), J. Royal Statistical Society B 47, 272.

Derivatives follow by ``d ln z = keep d ln m + gap dk``, ``keep`` and ``gap (firm,)`` being (1 - k) m / z and
(y - m) / z for plain shares, 1 - k and ln y - ln m for log-ratios: they are written with the state, so that a
column of derivatives costs one pass. What is called for every period or column takes arrays, and is compiled
into its callers: a record passed on costs more than the correction.
"""

from kernels.motion.advance import softmax
from kernels.numeric.elementary import LOG_OF_ZERO, exp, log
from kernels.numeric.jit import jit_inline

# Sums of shares beyond these may have lost digits of their terms.
_SMALL_TOTAL, _LARGE_TOTAL = 1e-200, 1e200


@jit_inline
def correct_plain(present, observed, gain, share, log_share, keep, gap):
    """Move the state to ``(1 - gain) share + gain observed``, all ``(firm,)``; write ``keep`` and ``gap``."""
    for i in range(share.size):
        before = share[i]
        moved = (1.0 - gain) * before + gain * observed[i] if present[i] else 0.0
        inverse = 1.0 / max(moved, 1e-300)
        keep[i] = (1.0 - gain) * before * inverse
        gap[i] = (observed[i] - before) * inverse
        share[i] = moved
        log_share[i] = log(moved) if present[i] else LOG_OF_ZERO


@jit_inline
def correct_logs(log_observed, gain, log_share, keep, gap):
    """Move logs, known up to an addend, to ``(1 - gain) log_share + gain log_observed``; write the others.

    Logs of absent firms are `LOG_OF_ZERO` on both sides, and stay it.
    """
    for i in range(log_share.size):
        before = log_share[i]
        keep[i] = 1.0 - gain
        gap[i] = log_observed[i] - before
        log_share[i] = (1.0 - gain) * before + gain * log_observed[i]


@jit_inline
def close_logs(present, log_share, share):
    """Do as `softmax` does, without its search for the largest where no sum is out of range."""
    total = 0.0
    for i in range(share.size):
        share[i] = exp(log_share[i])
        total += share[i]
    if _SMALL_TOTAL < total < _LARGE_TOTAL:
        scale, shift = 1.0 / total, log(total)
        for i in range(share.size):
            share[i] *= scale
            log_share[i] -= shift
    else:
        softmax(present, log_share, share)


@jit_inline
def correct_tangent(plain, before, keep, gap, t, slope, x):
    """Take ``x (column, firm)``, d ln share at the end of the period before t, to the new state.

    Up to an addend common to the firms. ``before (time, firm)`` are the modelled shares, which centre the
    derivatives of plain shares; ``keep`` and ``gap (time, firm)`` are those of the correction; ``slope
    (column, time)`` is the derivative of the gain.
    """
    for c in range(x.shape[0]):
        mean = 0.0
        if plain:
            for i in range(x.shape[1]):
                mean += before[t - 1, i] * x[c, i]
        for i in range(x.shape[1]):
            x[c, i] = keep[t - 1, i] * (x[c, i] - mean) + slope[c, t - 1] * gap[t - 1, i]
