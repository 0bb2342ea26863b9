"""Firms that enter and leave: at the start of a period the market makes room, or shares out what is free.

First those who left are dropped and the others scaled to sum to 1; then each entrant takes its entry share
and the others are scaled by what is left. A market nobody stayed in is shared among the entrants.
"""

from kernels.numeric.elementary import LOG_OF_ZERO, log
from kernels.numeric.jit import jit


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


@jit
def restart(present, observed, share, log_share):
    """Set the state to the observed shares of the period before, in place."""
    for i in range(share.size):
        share[i] = observed[i] if present[i] else 0.0
        log_share[i] = log(observed[i]) if present[i] else LOG_OF_ZERO


@jit
def admit(before, now, entry, share, log_share):
    """Apply exits and entries to the state, in place; absent firms get share 0 and log `LOG_OF_ZERO`."""
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
    for i in range(share.size):
        if not now[i]:
            share[i] = 0.0
            log_share[i] = LOG_OF_ZERO
        elif before[i]:
            share[i] *= room / staying if staying > 0.0 else 0.0
            log_share[i] += log(room) - log(staying)
        else:
            share[i] = entry[i] if room > 0.0 else entry[i] / entering
            log_share[i] = log(share[i])


@jit
def admit_tangent(before, now, share, x):
    """Apply exits and entries to ``x (column, firm)``, d ln share; ``share`` is that before them.

    Entry shares are data: entrants get 0, and so those who stay are centred on what the market was before.
    """
    n_columns, n = x.shape
    staying = 0.0
    for i in range(n):
        if before[i] and now[i]:
            staying += share[i]
    for c in range(n_columns):
        mean = 0.0
        for i in range(n):
            if before[i] and now[i]:
                mean += share[i] * x[c, i]
        mean = mean / staying if staying > 0.0 else 0.0
        for i in range(n):
            x[c, i] = x[c, i] - mean if before[i] and now[i] else 0.0
