"""State and scratch of the general form, in few arrays: each array of a call costs reference counts."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.motion.bernoulli_rules import MOST_NODES
from kernels.numeric.jit import jit, jit_making_arrays

# Rows of `BernoulliWork.firm`.
SHARE = 0
"""Share at the start of the step."""
LOG = 1
"""Its logarithm, which goes on where the share underflows."""
POWER = 2
"""share**(-a)."""
FITNESS = 3
"""g = f share**(-a)."""
EXCESS = 4
"""g - m."""
RATIO = 5
"""1 + a eta (g - m) at the end of the step."""
GROWTH = 6
"""ln(z / share) at the end of the step."""
END = 7
"""z at the end of the step."""
FROM_STATE = 8
"""Derivative of the time change by ln share at the start."""
FROM_RESPONSE = 9
"""Derivative of the time change by f."""
KEEP = 10
"""Coefficient of d ln share at the start."""
GAIN = 11
"""Coefficient of df."""
PULL = 12
"""Coefficient of the time change."""
BEND = 13
"""Coefficient of d gamma."""
N_ROWS = 14

# Rows of `BernoulliWork.node`; the column after the last node is the end of the interval.
ETA = 0
"""eta(w)."""
HEIGHT = 1
"""H(w)."""
SUM = 2
"""Z(w)."""


class BernoulliWork(NamedTuple):
    """State and scratch of the general form for N firms; an absent firm has share 0 and log `LOG_OF_ZERO`."""

    firm: NDArray[np.float64]
    """(row, firm), rows above; `SHARE`, `LOG` and `POWER` are the state."""
    node: NDArray[np.float64]
    """(3, node), rows above; entries beyond the nodes in use mean nothing, here and in the tables below."""
    growth: NDArray[np.float64]
    """(node * firm,) ln(z / share) at the nodes and at the end."""
    rise: NDArray[np.float64]
    """(node * firm,) z / share."""
    inverse: NDArray[np.float64]
    """(node * firm,) 1 / (1 + a eta (g - m))."""


@jit
def padded(count):
    """Round up to whole vector registers: the rest of a loop costs more one by one than all together."""
    return (count + 7) // 8 * 8


@jit_making_arrays
def make_bernoulli_work(n_firms):
    """Allocate the state and scratch of the general form."""
    size = padded((MOST_NODES + 1) * n_firms)
    return BernoulliWork(
        np.zeros((N_ROWS, n_firms)),
        np.ones((3, padded(MOST_NODES + 1))),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size),
    )
