"""What is known about one market, the scratch arrays to model it, and its observed coordinates."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.entries import enters, number_entries
from kernels.least_squares.whitening import NO_WHITENING, Whitening
from kernels.motion.bernoulli_work import BernoulliWork, make_bernoulli_work
from kernels.motion.course import Correction, Course, Slopes
from kernels.motion.membership import mark_changes
from kernels.numeric.elementary import LOG_OF_ZERO, log
from kernels.numeric.jit import jit
from kernels.numeric.jit_apart import jit_apart
from kernels.numeric.simplex import helmert_factors, helmert_row
from kernels.response.workspace import Workspace, make_workspace, prepare

ILR = 0
"""Rows are isometric log-ratio coordinates (Helmert basis) of the shares."""
PLAIN = 1
"""Rows are coordinates of the shares in the same orthonormal basis: their squares add up to those of all
shares, whatever the order of the firms."""


NO_CONTROLS = np.empty((0, 0))
"""Errors that go with nothing observed."""


class MarketData(NamedTuple):
    """What is known about one market; everything but parameters.

    The share of a firm in its first period belongs to the end of that period, as period 0 does for all: the
    others move without it, then are scaled to make room. That share is no residual: it is taken as observed,
    or up to an error that is a parameter (``entries``). See `moves`.

    Stacks of markets carry a leading axis on each array; a kernel sees one slice.
    """

    efforts: NDArray[np.float64]
    """(effort, time, firm) inputs of the response."""
    active: NDArray[np.bool_]
    """(time, firm) whether the firm is in the market in that period."""
    share: NDArray[np.float64]
    """(time, firm) observed shares, summing to 1 over active firms. Values of absent firms are not read."""
    total_sales: NDArray[np.float64]
    """(time,) sales of the market, currency per period."""
    duration: NDArray[np.float64]
    """(time,) lengths of the periods, in periods."""
    reference_sales: float
    """Fixed scale of the market, currency per period."""
    first: int
    """First fitted period: 1 when the state after period 0 is the observation, 0 when it is estimated."""
    kind: int = ILR
    """Coordinates of the errors, `ILR` or `PLAIN`."""
    corrected: int = 0
    """Periods before this one begin at a state corrected by the gain, later ones at the modelled state."""
    whitening: Whitening = NO_WHITENING
    """What the rows of each period are multiplied by where errors differ by firm."""
    serial: int = 0
    """1 where the last parameter is the autocorrelation of the errors: rows are innovations of an AR(1)."""
    controls: NDArray[np.float64] = NO_CONTROLS
    """(control, observation) what errors go with, in the coordinates of rows; of all markets of a stack."""
    entries: int = 0
    """How many entries, the first ones in time (and then in the order of firms), have a parameter."""
    unit: float = 1.0
    """Length of a common period, in periods: the gain is that of one, see `kernels.least_squares.lengths`."""
    by_length: int = 1
    """1 where rows are divided by the spread of errors of a period of their length, 0 where they stay."""


class MarketWorkspace(NamedTuple):
    """Scratch arrays of one thread for markets of one shape; see `make_market_workspace`."""

    response: Workspace
    """Workspace of the response."""
    scaled: BernoulliWork
    """Workspace of the general form."""
    course: Course
    """What moves the shares: response, time scale, membership."""
    entered: NDArray[np.float64]
    """(time, firm) share of a firm at the end of the period that it enters in."""
    slopes: Slopes
    """Derivatives common to all firms."""
    tangent: NDArray[np.float64]
    """(column, time, firm) derivative of the response, then of ln share."""
    x: NDArray[np.float64]
    """(column, firm) derivative of ln share at the state."""
    state: NDArray[np.float64]
    """(2, firm) share and ln share of the state."""
    path: NDArray[np.float64]
    """(2, time, firm) share and ln share at the ends of periods."""
    pull: NDArray[np.float64]
    """(time, firm) coefficients of the investment form."""
    rates: NDArray[np.float64]
    """(4, time) rates of the investment form."""
    log_ratio: NDArray[np.float64]
    """(time,) ln(total_sales / reference_sales)."""
    helmert: NDArray[np.float64]
    """(2, firm) factors of the Helmert basis."""
    whole: NDArray[np.bool_]
    """(1,) whether every firm moves in every fitted period."""
    uneven: NDArray[np.bool_]
    """(1,) whether a state is corrected, and periods differ in length."""
    gain: NDArray[np.float64]
    """(time,) gain that corrects the state at the end of each period."""
    log_spread: NDArray[np.float64]
    """(time,) logarithm of the standard deviation of errors in that of a common period; if ``uneven``."""
    spread_slope: NDArray[np.float64]
    """(column, time) derivative of ``log_spread``."""


@jit
def moves(active, t, i):
    """Tell whether firm i moves through period t: it is there, and was at the end of the period before."""
    return active[t, i] and (t == 0 or active[t - 1, i])


def moving_firms(active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give what `moves` says of every period and firm, ``(..., time, firm)``."""
    moving = active.copy()
    moving[..., 1:, :] &= active[..., :-1, :]
    return moving


@jit
def n_observations(data):
    """Count the rows that compare shares: firms that move less one, over fitted periods."""
    count = 0
    n_times, n_firms = data.active.shape
    for t in range(data.first, n_times):
        present = 0
        for i in range(n_firms):
            present += moves(data.active, t, i)
        count += max(present - 1, 0)
    return count


@jit
def n_rows(data, column, prior_weight):
    """Count all rows of the residual: `n_observations` and one for every free parameter with a prior."""
    count = n_observations(data)
    for p in range(column.size):
        if column[p] >= 0 and prior_weight[p] > 0.0:
            count += 1
    return count


@jit_apart(makes_arrays=True)
def make_market_workspace(spec, data, n_columns):
    """Allocate the scratch arrays for markets of the shape of ``data`` and ``n_columns`` free parameters.

    Callable from Python and from kernels. Follow it by ``prepare_market(spec, data, work)``, and repeat that
    call, which only writes into ``work``, whenever ``data`` changes.
    """
    n_times, n = data.active.shape
    course = Course(
        np.zeros((n_times, n), dtype=np.bool_), np.zeros((n_times, n)),
        np.full((n_times, n), -1, dtype=np.int64), np.zeros((n_columns, data.entries)), True,
        np.zeros((n_times, n)), np.zeros(n_times), np.zeros(n_times, dtype=np.bool_), data.first,
        Correction(data.corrected, data.kind == PLAIN, np.zeros((n_times, n)), np.zeros((n_times, n)),
                   np.zeros((n_times, n)), np.ones((n_times, n)), np.zeros((n_times, n))),
    )  # fmt: skip
    return MarketWorkspace(
        make_workspace(spec, n_times, n),
        make_bernoulli_work(n),
        course,
        np.zeros((n_times, n)),
        Slopes(np.zeros(n_columns), np.zeros(n_columns), np.zeros(n_columns), np.zeros((n_columns, n_times))),
        np.zeros((n_columns, n_times, n)),
        np.zeros((n_columns, n)),
        np.zeros((2, n)),
        np.zeros((2, n_times, n)),
        np.zeros((n_times, n)),
        np.zeros((4, n_times)),
        np.zeros(n_times),
        helmert_factors(n),
        np.zeros(1, dtype=np.bool_),
        np.zeros(1, dtype=np.bool_),
        np.zeros(n_times),
        np.zeros(n_times),
        np.zeros((n_columns, n_times)),
    )


@jit_apart("none")
def prepare_market(spec, data, work):
    """Compute what depends on the data only (logs of efforts, spline bases), into ``work``.

    ``data.first``, ``data.kind`` and ``data.corrected`` must be those ``work`` was made for.
    """
    prepare(spec, data.efforts, data.active, data.duration, work.response)
    course, correction = work.course, work.course.correction
    n_times, n = data.active.shape
    work.whole[0], work.uneven[0] = True, False
    for t in range(n_times):
        total = 0.0
        if t >= max(data.first, 1) and data.corrected > 0:
            work.uneven[0] = work.uneven[0] or data.duration[t] != data.unit
        for i in range(n):
            course.active[t, i] = moves(data.active, t, i)
            total += data.share[t, i] if course.active[t, i] else 0.0
            work.whole[0] = work.whole[0] and (t < data.first or course.active[t, i])
        for i in range(n):
            # Who enters in a period is in the state from its end on.
            course.entry[t, i] = data.share[t - 1, i] if t > 0 and data.active[t - 1, i] else 0.0
            work.entered[t, i] = data.share[t, i] if enters(data.active, t, i) else 0.0
            present = course.active[t, i] and data.share[t, i] > 0.0
            correction.share[t, i] = data.share[t, i] / total if present else 0.0
            correction.log_share[t, i] = log(correction.share[t, i]) if present else LOG_OF_ZERO
        work.log_ratio[t] = np.log(data.total_sales[t] / data.reference_sales)
    number_entries(data.active, data.entries, course.place)
    mark_changes(course.active, data.first, course.changed)


def observed_target(data: MarketData) -> NDArray[np.float64]:
    """Coordinates of the observed shares, in row order, shape ``(n_observations(data),)``.

    Raises
    ------
    ValueError
        If an active firm's share is missing or negative, or is 0 with ``kind=ILR``.
    """
    share = np.where(data.active, data.share, 1.0)
    bad = ~(share > 0) if data.kind == ILR else ~(share >= 0)
    bad[: data.first] = False
    if bad.any():
        t, i = (int(k) for k in np.argwhere(bad)[0])
        wanted = "positive, or the residual plain share differences" if data.kind == ILR else "at least 0"
        raise ValueError(
            f"The observed share of firm {i} in period {t} is {data.share[t, i]}; expected it to be {wanted}."
        )
    target = np.empty(n_observations(data))
    n = share.shape[1]
    write_target(data, helmert_factors(n), np.empty(n, np.bool_), np.empty(n), target)
    return target


@jit
def write_target(data, factors, moving, coordinates, target):
    """Write what `observed_target` gives into ``target``; tell whether all shares could be compared with.

    ``factors`` are `helmert_factors` of the firms; ``moving`` and ``coordinates (firm,)`` are scratch.
    """
    position = 0
    for t in range(data.first, data.share.shape[0]):
        rows = -1
        total = 0.0
        for i in range(moving.size):
            moving[i] = moves(data.active, t, i)
            share = data.share[t, i]
            if data.active[t, i] and not (share > 0.0 or (data.kind == PLAIN and share == 0.0)):
                return False
            if moving[i]:
                total += share
                rows += 1
        for i in range(moving.size):
            if moving[i]:
                share = data.share[t, i]
                coordinates[i] = math.log(share) if data.kind == ILR else share / total
        helmert_row(factors, moving, coordinates, target, position)
        position += max(rows, 0)
    return True
