"""The innovations form: observed shares draw the state to themselves by a gain k between 0 and 1.

With m the modelled shares at the end of a period and y those observed, the next period begins at z with
``ln z = (1 - k) ln m + k ln y`` up to an addend common to the firms (errors of log-ratios), or at
``z = (1 - k) m + k y`` (errors of plain shares). k = 0 is a whole trajectory, k = 1 begins every period at
the observed shares. Single source of error: Snyder (1985), J. Royal Statistical Society B 47, 272.
"""

from kernels.motion.advance import softmax
from kernels.numeric.elementary import LOG_OF_ZERO, log
from kernels.numeric.jit import jit


@jit
def is_corrected(course, t):
    """Tell whether period t begins at a corrected state."""
    return course.first < t < course.correction.until


@jit
def correct_state(course, t, gain, share, log_share):
    """Correct the state at the start of period t by the errors of the period before, in place."""
    correction, present = course.correction, course.active[t - 1]
    if gain == 1.0 or correction.plain:
        for i in range(share.size):
            share[i] = (1.0 - gain) * share[i] + gain * correction.share[t - 1, i] if present[i] else 0.0
            log_share[i] = log(share[i]) if present[i] else LOG_OF_ZERO
    elif gain > 0.0:
        for i in range(share.size):
            log_share[i] += gain * (correction.log_share[t - 1, i] - log_share[i])
        softmax(present, log_share, share)
    correction.state[t - 1, :] = share


@jit
def correct_tangent(course, t, gain, slope, share, log_share, x):
    """Take ``x (firm,)``, d ln share at the end of the period before t, to that of the corrected state.

    Follows `correct_state`. ``share`` and ``log_share (time, firm)`` are the modelled ones (logs up to an
    addend); ``slope`` is the derivative of the gain.
    """
    correction, present = course.correction, course.active[t - 1]
    mean = 0.0
    if correction.plain:
        for i in range(x.size):
            if present[i]:
                mean += share[t - 1, i] * x[i]
        for i in range(x.size):
            if present[i]:
                kept, observed = (1.0 - gain) * share[t - 1, i], correction.share[t - 1, i]
                moved = kept * (x[i] - mean) + slope * (observed - share[t - 1, i])
                x[i] = moved / max(kept + gain * observed, 1e-300)
        return
    for i in range(x.size):
        if present[i]:
            x[i] = (1.0 - gain) * x[i] + slope * (correction.log_share[t - 1, i] - log_share[t - 1, i])
            mean += correction.state[t - 1, i] * x[i]
    for i in range(x.size):
        if present[i]:
            x[i] -= mean
