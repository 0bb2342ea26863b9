"""What moves the shares of one market, as records that compiled code takes; and the three forms."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

INVESTMENT = 0
"""returns_to_scale is 0: exact solution in closed form."""
PROPORTIONAL = 1
"""returns_to_scale is 1: exact solution in closed form."""
SCALED = 2
"""Any other returns_to_scale: the general form."""


class Course(NamedTuple):
    """What moves the shares of one market."""

    active: NDArray[np.bool_]
    """(time, firm) who is there."""
    entry: NDArray[np.float64]
    """(time, firm) share at which a firm that enters starts, and at which a period restarts."""
    f: NDArray[np.float64]
    """(time, firm) response; 0 for absent firms."""
    tau: NDArray[np.float64]
    """(time,) duration * total_sales**gamma * reference_sales**(1 - gamma) / jump_price."""
    changed: NDArray[np.bool_]
    """(time,) whether membership changes at the start of the period."""
    first: int
    """First period that is simulated; the state belongs to its start."""
    restart: int
    """Later periods before this one begin at ``entry`` of the period before."""


class Slopes(NamedTuple):
    """Derivatives that are the same for all firms, one entry a column."""

    log_jump: NDArray[np.float64]
    """(column,) derivative of -ln jump_price."""
    gamma: NDArray[np.float64]
    """(column,) derivative of returns_to_scale."""
    log_tau: NDArray[np.float64]
    """(column,) scratch: derivative of ln tau in the period at hand."""
