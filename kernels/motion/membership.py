"""Firms that enter and leave: at the start of a period the market makes room, or shares out what is free.

Who enters at the start of a period does so after those who left are gone: these are dropped and the others
scaled to sum to 1; then each entrant takes its entry share and the others are scaled by what is left. Who
joined at the end of the period before takes its share first, and then all lose those who leave. A market
nobody stayed in is shared among the entrants.
"""

from kernels.numeric.elementary import LOG_OF_ZERO, log
from kernels.numeric.jit import jit
from kernels.numeric.jit_apart import jit_apart


@jit
def has_changed(active, t):
    """Tell whether the firms present in period t differ from those of period t - 1."""
    differing = 0
    for i in range(active.shape[1]):
        differing += active[t, i] != active[t - 1, i]
    return differing > 0


@jit
def mark_changes(active, first, changed):
    """Fill ``changed (time,)``: whether membership changes at the start of each period after the first."""
    changed[:] = False
    for t in range(max(first, 1), active.shape[0]):
        changed[t] = has_changed(active, t)


@jit_apart("none", rare=True)
def admit(before, now, entry, joined, share, log_share):
    """Apply exits and entries to the state, in place; absent firms get share 0 and log `LOG_OF_ZERO`.

    ``joined`` tells that entrants were in the market before those who left were gone: then all who are there
    are scaled together.
    """
    staying = 0.0
    entering = 0.0
    for i in range(share.size):
        if before[i] and now[i]:
            staying += share[i]
        elif now[i]:
            entering += entry[i]
    room = 1.0 - entering
    if staying <= 0.0:
        room = 0.0
    scale = entering + room * staying if joined and room > 0.0 else 1.0
    if not joined and staying > 0.0:
        room /= staying
    for i in range(share.size):
        if not now[i]:
            share[i] = 0.0
            log_share[i] = LOG_OF_ZERO
        elif before[i]:
            share[i] *= room / scale
            log_share[i] += log(room) - log(scale)
        else:
            share[i] = entry[i] / scale if room > 0.0 else entry[i] / entering
            log_share[i] = log(share[i])


@jit_apart("none", rare=True)
def admit_tangent(before, now, entry, place, slope, joined, share, x):
    """Apply exits and entries to ``x (column, firm)``, d ln share; ``share`` is that before them.

    Entrants get what their entry shares depend on: ``place[firm]`` in ``slope (column, entry)``, the
    derivative of the log of their share less that of all others; those that are data (-1) get 0. Those who
    stay are centred on what the market was when the entrants came: with those who leave if they were still
    there (``joined``), else without them.
    """
    n_columns, n = x.shape
    total, entering, staying = 0.0, 0.0, 0.0
    for i in range(n):
        if before[i] and (joined or now[i]):
            total += share[i]
        if before[i] and now[i]:
            staying += share[i]
        elif now[i]:
            entering += entry[i]
    room = (1.0 - entering) / total if total > 0.0 else 0.0
    for c in range(n_columns):
        mean = 0.0
        for i in range(n):
            if before[i] and (joined or now[i]):
                mean += share[i] * x[c, i]
        mean = mean / total if total > 0.0 else 0.0
        shift, pushed = 0.0, 0.0
        for i in range(n):
            x[c, i] = x[c, i] - mean if before[i] and now[i] else 0.0
            shift += share[i] * x[c, i]
            if place[i] >= 0 and now[i] and not before[i]:
                x[c, i] = slope[c, place[i]]
                pushed += entry[i] * x[c, i]
        shift *= room / (entering + room * staying) if staying > 0.0 else 0.0
        if pushed != 0.0:
            shift += pushed / (entering + room * staying)
        for i in range(n):
            x[c, i] -= shift if now[i] else 0.0
