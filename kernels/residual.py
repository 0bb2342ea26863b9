"""Residuals of a market model against observed shares, and their Jacobian, in one pass over time.

Row order: for each period from ``first`` on, one row per active firm but one (in the order of firms); then
one row per free parameter with a positive prior weight (in the order of ``theta``). Residual = model - target.

Parameter vector ``theta``: response parameters, then jump_price, returns_to_scale, and, when the initial
state is estimated, the log-ratios ln(share_i / share_N) of the first N - 1 firms at the start of period 0
(entries of firms absent in period 0 are not used; if firm N is, one entry of a firm that is there must be fixed).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernels.jit import jit

ILR = 0
"""Rows are isometric log-ratio coordinates (Helmert basis) of the shares."""
PLAIN = 1
"""Rows are differences of shares, of all active firms but the last."""

INVESTMENT = 0
"""returns_to_scale is 0: exact solution in closed form."""
PROPORTIONAL = 1
"""returns_to_scale is 1: exact solution in closed form."""
SCALED = 2
"""returns_to_scale is read from ``theta``."""

OK = 0
NON_FINITE_RESPONSE = 1
NEGATIVE_RESPONSE = 2
BAD_PARAMETER = 3
NO_CONVERGENCE = 4
NON_FINITE_RESIDUAL = 5
STATUS = {
    OK: "The residuals were computed.",
    NON_FINITE_RESPONSE: "The response or its gradient is not finite for a firm that is present.",
    NEGATIVE_RESPONSE: "The response is negative, which only returns_to_scale = 1 allows.",
    BAD_PARAMETER: "jump_price must be positive, returns_to_scale at least 0, and both finite.",
    NO_CONVERGENCE: "The time change of the general form was not resolved within a period.",
    NON_FINITE_RESIDUAL: "A residual is not finite: a modelled share vanished or a target is missing.",
}
"""What each status code of this module means, as a sentence."""


class MarketData(NamedTuple):
    """What is known about one market; everything but parameters.

    Stacks of markets carry a leading axis on each array; a kernel sees one slice.
    """

    efforts: NDArray[np.float64]
    """(effort, time, firm) inputs of the response."""
    active: NDArray[np.bool_]
    """(time, firm) whether the firm is in the market in that period."""
    share: NDArray[np.float64]
    """(time, firm) observed shares, summing to 1 over active firms; a firm that enters starts at the share of
    its first period. Values of absent firms are not read."""
    total_sales: NDArray[np.float64]
    """(time,) sales of the market, currency per period."""
    duration: NDArray[np.float64]
    """(time,) lengths of the periods, in periods."""
    reference_sales: float
    """Fixed scale of the market, currency per period."""
    first: int
    """First fitted period: 1 when the state after period 0 is the observation, 0 when it is estimated."""


class MarketWorkspace(NamedTuple):
    """Scratch arrays of one thread for markets of one shape; see `make_market_workspace`."""

    response: tuple
    """Workspace of the response."""
    value: NDArray[np.float64]
    """(time, firm) response."""
    gradient: NDArray[np.float64]
    """(column, time, firm) derivative of the response."""


@jit
def n_observations(data):
    """Count the rows that compare shares: active firms less one, over fitted periods."""
    count = 0
    n_times, n_firms = data.active.shape
    for t in range(data.first, n_times):
        present = 0
        for i in range(n_firms):
            present += data.active[t, i]
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


@jit
def make_market_workspace(spec, data, n_columns):
    """Allocate the scratch arrays for markets of the shape of ``data`` and ``n_columns`` free parameters.

    Callable from Python and from kernels. Follow it by ``prepare_market(spec, data, work)``, and repeat that
    call, which only writes into ``work``, whenever ``data`` changes.
    """
    raise NotImplementedError


@jit
def prepare_market(spec, data, work):
    """Compute what depends on the data only (logs of efforts, spline bases), into ``work``."""
    raise NotImplementedError


def observed_target(data: MarketData, kind: int) -> NDArray[np.float64]:
    """Coordinates of the observed shares, in row order, shape ``(n_observations(data),)``.

    Raises
    ------
    ValueError
        If an active firm's share is missing or negative, or is 0 with ``kind=ILR``.
    """
    raise NotImplementedError


@jit
def residual_jacobian(
    spec, data, target, prior_mean, prior_weight, gamma_form, kind, theta, column, work, residual, jacobian
):
    """Write the residuals of a market model and their Jacobian.

    Parameters
    ----------
    spec : ResponseSpec
        The response, of R parameters.
    data : MarketData
        One market.
    target : (n_observations,) array
        From `observed_target`, or a replicate of it.
    prior_mean, prior_weight : (P,) arrays
        Row ``weight * (theta - mean)`` for each free parameter with ``weight > 0``.
    gamma_form : int
        `INVESTMENT`, `PROPORTIONAL` (``theta[R + 1]`` is then not read) or `SCALED`.
    kind : int
        `ILR` or `PLAIN`.
    theta : (P,) array
        Natural parameter values, P = R + 2, or R + 1 + N with an estimated initial state (``data.first == 0``).
    column : (P,) int64 array
        Jacobian column of each parameter, -1 when it is fixed.
    work : MarketWorkspace
        Scratch, made for as many columns as ``jacobian`` has, prepared for ``data``.
    residual : (n_rows,) array, output
    jacobian : (C, n_rows) array, output
        Derivative of residual r by column c at ``jacobian[c, r]``; C = 0 (and ``column`` all -1) asks for the
        residuals alone.

    Returns
    -------
    int
        A key of `STATUS`; outputs are complete only when it is 0.
    """
    raise NotImplementedError


@jit
def simulate_market(spec, data, gamma_form, theta, column, work, share):
    """Write the modelled shares at the end of every period, ``share (time, firm)``; NaN where absent.

    Arguments as in `residual_jacobian`; ``column`` is all -1 unless ``work`` was made for its columns.
    Periods before ``data.first`` hold the observed shares. Returns a key of `STATUS`.
    """
    raise NotImplementedError
