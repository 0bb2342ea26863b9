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


class Correction(NamedTuple):
    """Observed shares that draw the state of one market to themselves, by the gain (the innovations form).

    At the start of a period before ``until`` (but the first), the state is the modelled one at the end of the
    period before plus gain times its error there, in log-ratios or in plain shares.
    """

    until: int
    """Later periods begin at the modelled state of the period before; 0: all do."""
    plain: bool
    """Whether errors are those of shares; else those of log-ratios."""
    share: NDArray[np.float64]
    """(time, firm) observed shares, closed over the firms of ``Course.active``."""
    log_share: NDArray[np.float64]
    """(time, firm) their logarithms."""
    state: NDArray[np.float64]
    """(time, firm) corrected state at the end of each period before ``until``; written with the shares, for
    the form of gamma = 1 where membership changes or errors are those of shares."""
    keep: NDArray[np.float64]
    """(time, firm) factor of a derivative of the log of the modelled share; 1 where nothing is corrected."""
    gap: NDArray[np.float64]
    """(time, firm) derivative of the log of the corrected state in the gain; 0 where nothing is corrected."""


class Course(NamedTuple):
    """What moves the shares of one market."""

    active: NDArray[np.bool_]
    """(time, firm) who is there."""
    entry: NDArray[np.float64]
    """(time, firm) share at which a firm that enters at the start of the period does so."""
    place: NDArray[np.int64]
    """(time, firm) where in ``entry_slope`` who enters at the start of the period is; -1: nowhere."""
    entry_slope: NDArray[np.float64]
    """(column, entry) derivative of the log of an entry share less that of all others."""
    joined: bool
    """Whether firms that enter were in the market at the end of the period before."""
    f: NDArray[np.float64]
    """(time, firm) response; 0 for absent firms."""
    tau: NDArray[np.float64]
    """(time,) duration * total_sales**gamma * reference_sales**(1 - gamma) / jump_price."""
    changed: NDArray[np.bool_]
    """(time,) whether membership changes at the start of the period."""
    first: int
    """First period that is simulated; the state belongs to its start."""
    correction: Correction
    """What the observed shares do to the state."""


class Slopes(NamedTuple):
    """Derivatives that are the same for all firms, one entry a column."""

    log_jump: NDArray[np.float64]
    """(column,) derivative of -ln jump_price."""
    gamma: NDArray[np.float64]
    """(column,) derivative of returns_to_scale."""
    log_tau: NDArray[np.float64]
    """(column,) scratch: derivative of ln tau in the period at hand."""
    gain: NDArray[np.float64]
    """(column, time) derivative of the gain that corrects the state at the end of a period."""
