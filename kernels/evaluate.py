"""Value and gradients of a response over all periods and firms of one market, compiled."""

from kernels.jit import jit
from kernels.workspace import ResponseSpec, Workspace

OK = 0
NON_FINITE = 1


@jit
def make_workspace(spec, n_times, n_firms):
    """Allocate the scratch arrays for markets of ``n_times`` periods and ``n_firms`` firms."""
    raise NotImplementedError


@jit
def prepare(spec, efforts, active, duration, work):
    """Compute what depends on data only, into ``work``; forgets what was cached for other data.

    Parameters
    ----------
    spec : ResponseSpec
    efforts : (K, T, N) array
        Efforts; values of absent firms are not read.
    active : (T, N) array of bool
        Whether the firm is in the market.
    duration : (T,) array
        Lengths of the periods, in periods.
    work : Workspace
        From `make_workspace`.
    """
    raise NotImplementedError


@jit
def evaluate(spec, efforts, active, duration, work, theta, column, value, gradient):
    """Write the response and its derivatives in the free response parameters.

    Parameters
    ----------
    spec, efforts, active, duration, work
        As given to `prepare`, which must have been called with the same data.
    theta : (P,) array, C order
        All parameters of the market model; the response reads its own.
    column : (P,) array of int64
        Row of ``gradient`` for each parameter, -1 where it is fixed.
    value : (T, N) array, C order
        Response, per period; nan where the firm is absent.
    gradient : (C, T, N) array, C order
        Every row of a free response parameter is fully written, with 0 where the firm is absent; other rows
        are left as they are.

    Returns
    -------
    int
        `OK`, or `NON_FINITE` when the response or its gradient is not finite for a firm that is present.
    """
    raise NotImplementedError


@jit
def evaluate_effort_gradient(spec, efforts, active, duration, work, theta, value, effort_gradient):
    """Write the response, and its derivative in the efforts of the same period, shape ``(K, T, N)``.

    Arguments and status as in `evaluate`.
    """
    raise NotImplementedError
