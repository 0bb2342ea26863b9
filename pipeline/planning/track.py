"""Efforts that take a firm along a given path of its share, period by period, at least cost in each."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from kernels.motion.shares import simulate_shares
from pipeline.config.sections.planning import PathKind
from pipeline.planning.allocation import cheapest_efforts
from pipeline.planning.objective import Course

Floats = NDArray[np.float64]

_EXACT = {"xtol": 1e-300, "rtol": 8.9e-16, "maxiter": 500}


def wanted_path(kind: PathKind, start: float, target: float, duration: Floats) -> Floats:
    """Share of the firm at the ends of H periods, from ``start`` to ``target``.

    Parameters
    ----------
    kind
        ``linear``: equal steps per unit of time; ``logistic``: equal steps of the log-odds.
    start, target
        Shares before the first and after the last period.
    duration : (H,) array
        Lengths of the periods.
    """
    part = np.cumsum(duration) / duration.sum()
    if kind == "linear":
        path = start + part * (target - start)
    else:
        odds = np.log(start / (1 - start)) + part * (
            np.log(target / (1 - target)) - np.log(start / (1 - start))
        )
        path = 1.0 / (1.0 + np.exp(-odds))
    path[-1] = target
    return np.asarray(path)


def follow_path(course: Course, path: Floats, worst: Floats, best: Floats) -> Floats:
    """Levers (L, H) that bring the share of the firm to ``path`` (H,) at the end of each period.

    Where the bounds do not allow it, the share comes as near as it can, and later periods make up for it.
    """
    market, firm, levers = course.market, course.levers.firm, course.levers
    own = worst.copy()
    state, before = market.share, None
    for t in range(market.horizon):
        f = course.response(own)[t]

        def end(value: float, f: Floats = f, state: Floats = state, t: int = t) -> Floats:
            changed = f.copy()
            changed[firm] = value
            return one_period(course, t, state, changed)

        def value(point: Floats, t: int = t) -> float:
            trial = own.copy()
            trial[:, t] = point
            return float(course.response(trial)[t, firm])

        def slope(point: Floats, t: int = t) -> Floats:
            trial = own.copy()
            trial[:, t] = point
            efforts = levers.put(course.efforts, trial)
            by_effort = course.ahead.slope(efforts)[1][levers.index, t, firm]
            if course.ahead.carries:
                by_effort = by_effort * course.ahead.spread(efforts)[levers.index, t, t, firm]
            return np.asarray(by_effort)

        wanted = _needed(end, firm, path[t], value(worst[:, t]), value(best[:, t]))
        unit = levers.unit_cost(np.asarray(path[t] * course.total[t]))
        guesses = () if before is None else (before,)
        own[:, t] = cheapest_efforts(value, slope, unit, wanted, worst[:, t], best[:, t], guesses)
        before = own[:, t]
        state = one_period(course, t, state, course.response(own)[t])
    return own


def one_period(course: Course, t: int, state: Floats, f: Floats) -> Floats:
    """Shares (N,) at the end of period t that begins with ``state``, for f (N,)."""
    market, theta = course.market, course.theta
    found = simulate_shares(
        state,
        f[np.newaxis],
        course.total[t : t + 1],
        market.duration[t : t + 1],
        jump_price=market.jump_price(theta),
        reference_sales=market.reference_sales,
        returns_to_scale=market.returns_to_scale(theta),
    )[0]
    return np.asarray(found / found.sum())


def _needed(end, firm: int, share: float, low: float, high: float) -> float:  # type: ignore[no-untyped-def]
    """Find f of the firm that takes it to a share by the end of a period, within [low, high]."""
    if not low < high or end(high)[firm] <= share:
        return high
    if end(low)[firm] >= share:
        return low
    return float(brentq(lambda value: end(value)[firm] - share, low, high, **_EXACT))
