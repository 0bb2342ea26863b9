"""Exact share trajectories of the basic equation of economic dynamics, and their sensitivities.

``d share_i / dt = (inv_i - share_i sum(inv)) / jump_price`` with
``inv_i = f_i X_i**gamma X_ref**(1 - gamma)``, solved exactly within each period (constant f and total sales).
Source: S. Nabiyev, Economical Dynamic. Marketing. DOI 10.26577/SEDGCh.2023v2ca16.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernels.motion.bernoulli import MAX_STEPS
from kernels.motion.bernoulli_work import LOG, SHARE, make_bernoulli_work
from kernels.motion.course import Correction, Course, Slopes
from kernels.motion.membership import mark_changes
from kernels.motion.share_arguments import ShareArguments, check_arguments
from kernels.motion.trajectory import (
    follow_investment,
    follow_proportional,
    follow_scaled,
    investment_coefficients,
    investment_tangent,
    proportional_tangent,
    time_scale,
)
from kernels.numeric.elementary import LOG_OF_ZERO
from kernels.numeric.jit import jit, jit_making_arrays

_NEXT_TO_ONE = 1.0 - 2.0**-40


def simulate_shares(
    initial_share: ArrayLike,
    response: ArrayLike,
    total_sales: ArrayLike,
    duration: ArrayLike,
    *,
    jump_price: ArrayLike,
    reference_sales: ArrayLike,
    returns_to_scale: ArrayLike,
    observe: Literal["end", "mean"] = "end",
    entry_share: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Simulate market shares.

    Parameters
    ----------
    initial_share : (..., firm) array
        Shares at the start of the first period, summing to 1 over the firms present in it; for a firm that
        enters later, the share it enters with (the others are scaled to make room).
    response : (..., time, firm) array
        Market function f, investment per unit of sales (1 for ratio efforts); NaN where a firm is absent.
        Not negative unless ``returns_to_scale`` is 1.
    total_sales : (..., time) array
        Sales of the market, currency per period.
    duration : (..., time) array
        Lengths of the periods, in periods.
    jump_price : (...) array
        M, currency.
    reference_sales : (...) array
        Fixed scale of the market, currency per period.
    returns_to_scale : (...) array
        gamma >= 0; 0 is the investment form, 1 the proportional form.
    observe : {"end", "mean"}
        Shares at the end of each period, or their mean over it.
    entry_share : (..., time, firm) array, optional
        Share at which a firm enters, read in the periods in which one does; instead of ``initial_share``, for
        firms that come back.

    Returns
    -------
    (..., time, firm) array
        Shares, NaN where a firm is absent. Leading axes of all arguments broadcast.

    Raises
    ------
    ValueError
        If a shape or a value is not as described; the message names the argument and the first such index.
    """
    if observe not in ("end", "mean"):
        raise ValueError(f"observe must be 'end' or 'mean'; got {observe!r}.")
    given = check_arguments(
        initial_share,
        response,
        total_sales,
        duration,
        jump_price,
        reference_sales,
        returns_to_scale,
        entry_share,
    )
    out = np.empty_like(given.response)
    # Compiled code passes over what overflows in silence (it is dealt with); uncompiled code would warn.
    with np.errstate(over="ignore", invalid="ignore"):
        failed = _simulate_all(given, observe == "mean", out)
    _refuse_failure(failed, given)
    return out.reshape(given.shape)


class ShareSensitivities(NamedTuple):
    """Derivatives of centred log-ratios ``ln share_i - mean_j ln share_j`` over the firms present.

    T periods, N firms. Differences over firms are the derivatives of any log-ratio. Absent firms have 0.
    """

    share: NDArray[np.float64]
    """(T, N) the shares at the ends of periods, NaN where absent."""
    response: NDArray[np.float64]
    """(T, N, T, N) by f of period (third axis) and firm (fourth axis)."""
    jump_price: NDArray[np.float64]
    """(T, N) by M, per unit of currency."""
    returns_to_scale: NDArray[np.float64]
    """(T, N) by gamma; NaN at gamma = 0 and 1, which are forms of their own."""
    initial_share: NDArray[np.float64]
    """(T, N, N) by the initial share of a firm (third axis), the others scaled to keep the sum."""


def share_sensitivities(
    initial_share: ArrayLike,
    response: ArrayLike,
    total_sales: ArrayLike,
    duration: ArrayLike,
    *,
    jump_price: float,
    reference_sales: float,
    returns_to_scale: float,
) -> ShareSensitivities:
    """Differentiate the log-ratio shares of one market, in closed form.

    Parameters
    ----------
    initial_share, response, total_sales, duration, jump_price, reference_sales, returns_to_scale
        As in `simulate_shares`, without leading axes.

    Raises
    ------
    ValueError
        As in `simulate_shares`, and if there are leading axes.
    """
    given = check_arguments(
        initial_share, response, total_sales, duration, jump_price, reference_sales, returns_to_scale, None
    )
    if len(given.shape) != 2:
        raise ValueError(
            f"Sensitivities are those of one market: response (time, firm); got shape {given.shape}."
        )
    n_times, n = given.shape
    n_cells = n_times * n
    tangent, x, slopes = _unit_columns(given)
    share = np.empty((n_times, n))
    gamma = float(given.returns_to_scale[0])
    _refuse_failure(_differentiate(given, gamma, x, tangent, slopes, share), given)
    if gamma in (0.0, 1.0):
        tangent[n_cells + 1] = _by_gamma_beside_a_closed_form(given, gamma)
    present = given.active[0]
    mean = (tangent * present).sum(axis=-1, keepdims=True) / present.sum(axis=-1, keepdims=True)
    tangent = np.where(present, tangent - mean, 0.0)
    share[~present] = np.nan
    return ShareSensitivities(
        share,
        np.moveaxis(tangent[:n_cells].reshape(n_times, n, n_times, n), (0, 1), (2, 3)),
        tangent[n_cells],
        tangent[n_cells + 1],
        np.moveaxis(tangent[n_cells + 2 :], 0, 2),
    )


def _unit_columns(given: ShareArguments) -> tuple[NDArray[np.float64], NDArray[np.float64], Slopes]:
    """Set up derivatives to start from: a column for each f, for M, for gamma and for each initial share.

    Returns
    -------
    tangent : (C, T, N) array
        Of f.
    x : (C, N) array
        Of ln share at the start.
    slopes : Slopes
        Of M and gamma.
    """
    n_times, n = given.shape
    n_cells = n_times * n
    n_columns = n_cells + 2 + n
    tangent = np.zeros((n_columns, n_times, n))
    there = np.flatnonzero(given.active[0])
    tangent.reshape(n_columns, n_cells)[there, there] = 1.0
    log_jump, of_gamma, log_tau = np.zeros((3, n_columns))
    slopes = Slopes(log_jump, of_gamma, log_tau, np.zeros((n_columns, n_times)))
    slopes.log_jump[n_cells] = -1.0 / given.jump_price[0]
    slopes.gamma[n_cells + 1] = 1.0
    x = np.zeros((n_columns, n))
    initial = given.initial_share[0]
    starting = given.active[0, 0] & (initial > 0)
    # d ln share_j / d share_i = delta_ij / share_i - 1 under closure; what is common to the firms does not
    # matter, but derivatives start centred.
    x[n_cells + 2 :] = np.diag(np.where(starting, 1.0 / np.where(starting, initial, 1.0), 0.0)) - starting
    return tangent, x, slopes


def _by_gamma_beside_a_closed_form(given: ShareArguments, gamma: float) -> NDArray[np.float64]:
    """Differentiate by gamma at 0 or 1, shape (T, N).

    The closed forms have no neighbours; the general form passes through 0 and has a limit at 1.
    """
    n_times, n = given.shape
    tangent = np.zeros((1, n_times, n))
    slopes = Slopes(np.zeros(1), np.ones(1), np.zeros(1), np.zeros((1, n_times)))
    share, nearby = np.empty((n_times, n)), 0.0 if gamma == 0.0 else _NEXT_TO_ONE
    failed = _differentiate(given, nearby, np.zeros((1, n)), tangent, slopes, share, general=True)
    _refuse_failure(failed, given)
    return tangent[0]


def _refuse_failure(failed: int, given: ShareArguments) -> None:
    """Raise when the general form did not resolve market ``failed``."""
    if failed >= 0:
        which = ""
        if given.shape[:-2]:
            which = f" of market {tuple(int(k) for k in np.unravel_index(failed, given.shape[:-2]))}"
        raise ArithmeticError(
            f"The shares{which} could not be resolved at returns_to_scale = "
            f"{given.returns_to_scale[failed]:g}: a period would need too many steps. Check jump_price, "
            "total_sales and the scale of response."
        )


def _simulate_all(given: ShareArguments, want_mean: bool, out: NDArray[np.float64]) -> int:
    return _simulate_markets(
        given.initial_share, given.active, given.response, given.entry_share, given.total_sales,
        given.duration, given.jump_price, given.reference_sales, given.returns_to_scale, want_mean, out,
    )  # fmt: skip


def _differentiate(
    given: ShareArguments,
    gamma: float,
    x: NDArray[np.float64],
    tangent: NDArray[np.float64],
    slopes: Slopes,
    share: NDArray[np.float64],
    general: bool = False,
) -> int:
    solved = differentiate_market(
        given.initial_share[0], given.active[0], given.response[0], given.entry_share[0],
        given.total_sales[0], given.duration[0], given.jump_price[0], given.reference_sales[0], gamma,
        general, x, tangent, slopes, share,
    )  # fmt: skip
    return -1 if solved else 0


@jit
def _start(initial_share, active, state, log_state):
    """Set the state of the first period from the initial shares of the firms that are in it."""
    total = 0.0
    for i in range(state.size):
        state[i] = initial_share[i] if active[0, i] else 0.0
        total += state[i]
    for i in range(state.size):
        state[i] /= total
        log_state[i] = np.log(state[i]) if state[i] > 0.0 else LOG_OF_ZERO


@jit_making_arrays
def _make_course(active, response, entry_share, total_sales, duration, jump_price, reference_sales, gamma):
    """Gather what moves one market."""
    n_times = total_sales.size
    tau = np.empty(n_times)
    time_scale(duration, np.log(total_sales / reference_sales), reference_sales / jump_price, gamma, tau)
    changed = np.empty(n_times, dtype=np.bool_)
    mark_changes(active, 0, changed)
    nothing = np.zeros(active.shape)
    correction = Correction(0, False, nothing, nothing, nothing, np.ones(active.shape), nothing)
    place = np.full(active.shape, -1, dtype=np.int64)
    return Course(active, entry_share, place, nothing[:0], False, response, tau, changed, 0, correction)


@jit_making_arrays
def _simulate_markets(
    initial_share, active, response, entry_share, total_sales, duration, jump_price, reference_sales, gamma,
    want_mean, out,
):  # fmt: skip
    """Write the shares of every market; return the index of one that was not solved, or -1."""
    n_markets, n_times, n = response.shape
    state = np.empty(n)
    log_state = np.empty(n)
    share = np.empty((n_times, n))
    log_share = np.empty((n_times, n))
    mean = np.empty((n_times, n)) if want_mean else np.empty((0, n))
    rates = np.empty((4, n_times))
    x = np.empty((0, n))
    tangent = np.empty((0, n_times, n))
    slopes = Slopes(np.empty(0), np.empty(0), np.empty(0), np.empty((0, n_times)))
    work = make_bernoulli_work(n)
    log_ratio = np.empty(n_times)
    for b in range(n_markets):
        course = _make_course(
            active[b], response[b], entry_share[b], total_sales[b], duration[b], jump_price[b],
            reference_sales[b], gamma[b],
        )  # fmt: skip
        _start(initial_share[b], active[b], state, log_state)
        if gamma[b] == 0.0:
            follow_investment(course, course.tau, state, log_state, share, log_share, mean, rates)
        elif gamma[b] == 1.0:
            follow_proportional(course, course.tau, state, log_state, share, log_share, mean, True)
        else:
            work.firm[SHARE, :] = state
            work.firm[LOG, :] = log_state
            steps = MAX_STEPS * n_times
            if not follow_scaled(
                course,
                course.tau,
                gamma[b],
                log_ratio,
                share,
                log_share,
                mean,
                x,
                tangent,
                slopes,
                work,
                steps,
            ):
                return b
        for t in range(n_times):
            for i in range(n):
                value = mean[t, i] if want_mean else share[t, i]
                out[b, t, i] = value if active[b, t, i] else np.nan
    return -1


@jit_making_arrays
def differentiate_market(
    initial_share, active, response, entry_share, total_sales, duration, jump_price, reference_sales, gamma,
    general, x, tangent, slopes, share,
):  # fmt: skip
    """Write shares and turn the response tangents into those of ln share; return whether it was solved.

    Public for `kernels.motion.share_tangents`.
    """
    n_times, n = response.shape
    state = np.empty(n)
    log_state = np.empty(n)
    mean = np.empty((0, n))
    course = _make_course(
        active, response, entry_share, total_sales, duration, jump_price, reference_sales, gamma
    )
    _start(initial_share, active, state, log_state)
    log_share = np.empty((n_times, n))
    if gamma == 0.0 and not general:
        rates = np.empty((4, n_times))
        pull = np.empty((n_times, n))
        follow_investment(course, course.tau, state, log_state, share, log_share, mean, rates)
        investment_coefficients(course, share, rates, pull)
        investment_tangent(course, share, rates, pull, x, tangent, slopes)
        return True
    if gamma == 1.0 and not general:
        follow_proportional(course, course.tau, state, log_state, share, log_share, mean, True)
        proportional_tangent(course, share, x, tangent, slopes)
        return True
    log_ratio = np.log(total_sales / reference_sales)
    work = make_bernoulli_work(n)
    work.firm[SHARE, :] = state
    work.firm[LOG, :] = log_state
    steps = MAX_STEPS * share.shape[0]
    return follow_scaled(
        course, course.tau, gamma, log_ratio, share, log_share, mean, x, tangent, slopes, work, steps
    )
