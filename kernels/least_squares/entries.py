"""Shares that firms enter with: as observed, or up to an error that is a parameter.

With y the observed shares at the end of the period that firm i enters in, and d its error, the next period
begins with firm i at ``y_i exp((1 - k) d)`` against the y of all that were there before (k is the gain):
d is what the innovations form calls the innovation of that share, with its sign turned, and k = 1 begins at
the observed one. k is that of a common period, however long this one was: of a firm that was not there,
nothing has added up. A model cannot say with which share a firm enters, so d is known by what comes later,
and by how large errors are: its belief is a normal one, as wide as the innovations of all others.
"""

import math

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.jit import jit


@jit
def enters(active, t, i):
    """Tell whether firm i enters in period t: it is there, and was not at the end of the period before."""
    return t > 0 and active[t, i] and not active[t - 1, i]


def entering_firms(active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give what `enters` says of every period and firm, ``(..., time, firm)``."""
    entering = active.copy()
    entering[..., 0, :] = False
    entering[..., 1:, :] &= ~active[..., :-1, :]
    return entering


@jit
def number_entries(active, count, place):
    """Fill ``place (time, firm)``, at the start of which it is in the state, with the number of each entry.

    The first ``count`` entries have one; -1 elsewhere.
    """
    place[:, :] = -1
    number = 0
    for t in range(1, active.shape[0]):
        for i in range(active.shape[1]):
            if number < count and enters(active, t, i):
                if t + 1 < active.shape[0]:
                    place[t + 1, i] = number
                number += 1


@jit
def enter_shares(active, share, entries, corrected, error, gain, entered):
    """Write the shares at which firms enter into ``entered (time, firm)``, at the periods they do so in.

    With ``error (entries,)`` that of the log of an observed share (model less observation) against all that
    were there before: what of it does not last, by the gain, is not in the state.
    """
    number = 0
    for t in range(1, active.shape[0]):
        before, total = number, 0.0
        for i in range(active.shape[1]):
            if not active[t, i]:
                continue
            drawn = share[t, i]
            if enters(active, t, i):
                if number < entries:
                    lost = 1.0 - gain if t + 1 < corrected else 1.0
                    drawn *= math.exp(lost * error[number])
                    number += 1
                entered[t, i] = drawn
            total += drawn
        if number > before:
            for i in range(active.shape[1]):
                entered[t, i] /= total


@jit
def set_entry_slopes(place, corrected, error, gain, column, gain_column, slope):
    """Write how logs of entry shares change with their errors and the gain, ``slope (column, entry)``.

    ``place`` is that of `number_entries`; ``column (entry,)`` is that of each error, and ``gain_column``
    that of the gain, -1 where it is fixed.
    """
    for t in range(place.shape[0]):
        for i in range(place.shape[1]):
            e = place[t, i]
            if e >= 0:
                lasts = t < corrected
                for c in range(slope.shape[0]):
                    slope[c, e] = -error[e] if lasts and c == gain_column else 0.0
                if column[e] >= 0:
                    slope[column[e], e] = 1.0 - gain if lasts else 1.0
