"""The cheapest efforts of one period that bring a wanted f; and the largest f that money can buy."""

from collections.abc import Callable, Iterable

import numpy as np
from scipy.optimize import brentq, minimize

from kernels.numeric.arrays import Floats
from pipeline.planning.unit_box import UnitBox

Value = Callable[[Floats], float]
Slope = Callable[[Floats], Floats]

_EXACT = {"xtol": 1e-16, "rtol": 8.9e-16, "maxiter": 500}
_OPTIONS = {"maxiter": 200, "ftol": 1e-13}


def between(value: Value, wanted: float, start: Floats, worst: Floats, best: Floats) -> Floats:
    """Move from ``start`` straight towards ``best`` or ``worst`` until ``value`` is what is wanted.

    Parameters
    ----------
    value
        Grows from ``worst`` to ``best``.
    wanted
        Between its values there; otherwise the nearer end is returned.
    start, worst, best
        Points of one shape.
    """
    here = value(start)
    if here == wanted:
        return start
    goal = best if here < wanted else worst
    # In units of the wanted value, so that a root of a tiny function is as sharp as any.
    scale = max(abs(wanted), abs(here), 1e-300)

    def miss(part: float) -> float:
        return (value(start + part * (goal - start)) - wanted) / scale

    ends = miss(0.0), miss(1.0)
    if ends[0] * ends[1] > 0.0:
        return goal
    part = brentq(miss, 0.0, 1.0, **_EXACT)
    return np.asarray(start + part * (goal - start))


def cheapest_efforts(
    value: Value,
    slope: Slope,
    unit_cost: Floats,
    wanted: float,
    worst: Floats,
    best: Floats,
    guesses: Iterable[Floats] = (),
) -> Floats:
    """Efforts (L,) of least cost with ``value(efforts) == wanted``, between the bounds that they span.

    Parameters
    ----------
    value, slope
        f of the efforts (L,), and its gradient (L,).
    unit_cost : (L,) array
        Money per unit.
    wanted : float
        Clipped to what the bounds allow.
    worst, best : (L,) arrays
        Corners of smallest and largest f.
    guesses
        Further points to search from.
    """
    if wanted <= value(worst):
        return worst
    if wanted >= value(best):
        return best
    box = UnitBox(worst, best)
    scale = float(np.abs(unit_cost) @ box.width) or 1.0
    size = max(abs(wanted), value(best) - value(worst))
    candidates = []
    for start in _starts(value, wanted, worst, best, guesses):
        candidates.append(start)
        optimum = minimize(
            lambda z: float(unit_cost @ box.point(z)) / scale,
            box.scaled(start),
            jac=lambda _: unit_cost * box.width / scale,
            bounds=box.bounds,
            constraints={
                "type": "eq",
                "fun": lambda z: (value(box.point(z)) - wanted) / size,
                "jac": lambda z: slope(box.point(z)) * box.width / size,
            },
            method="SLSQP",
            options=_OPTIONS,
        ).x
        if np.isfinite(optimum).all():
            candidates.append(between(value, wanted, box.nearest(optimum), worst, best))
    return min(candidates, key=lambda point: float(unit_cost @ point))


def _starts(
    value: Value, wanted: float, worst: Floats, best: Floats, guesses: Iterable[Floats]
) -> list[Floats]:
    """Points with the wanted value: all efforts raised together, and one effort before the others."""
    low, high = np.minimum(worst, best), np.maximum(worst, best)
    starts = [between(value, wanted, worst, worst, best)]
    for control in range(worst.size if worst.size > 1 else 0):
        first = worst.copy()
        first[control] = best[control]
        base = worst if value(first) > wanted else first
        goal = first if base is worst else best
        starts.append(between(value, wanted, base, base, goal))
    starts += [between(value, wanted, np.clip(guess, low, high), worst, best) for guess in guesses]
    return starts


def largest_response(
    value: Value, slope: Slope, unit_cost: Floats, money: float, worst: Floats, best: Floats
) -> Floats:
    """Efforts (L,) of largest f that cost no more than ``money``, between the bounds that they span.

    Raises
    ------
    ValueError
        Even the cheapest efforts within the bounds cost more.
    """
    box = UnitBox(worst, best)
    low = box.low
    if float(unit_cost @ low) > money * (1 + 1e-12):
        raise ValueError(
            f"The smallest efforts allowed cost {unit_cost @ low:.6g} per period; the budget is {money:.6g}."
        )
    if float(unit_cost @ best) <= money:
        return best
    size = max(abs(value(best)), 1e-300)
    candidates = [low]
    for start in _affordable(unit_cost, money, low, box.high):
        optimum = minimize(
            lambda z: -value(box.point(z)) / size,
            box.scaled(start),
            jac=lambda z: -slope(box.point(z)) * box.width / size,
            bounds=box.bounds,
            constraints={
                "type": "ineq",
                "fun": lambda z: (money - float(unit_cost @ box.point(z))) / money,
                "jac": lambda _: -unit_cost * box.width / money,
            },
            method="SLSQP",
            options=_OPTIONS,
        ).x
        for point in (start, box.nearest(optimum)):
            over = float(unit_cost @ point) - money
            if over > 0.0:  # by rounding: back towards the cheapest point
                point = low + (point - low) * (money - unit_cost @ low) / (unit_cost @ (point - low))
            candidates.append(point)
    return max(candidates, key=value)


def _affordable(unit_cost: Floats, money: float, low: Floats, high: Floats) -> list[Floats]:
    """Points that use up the money: spread over all efforts, and on each one first."""
    to_spend = money - float(unit_cost @ low)
    room = unit_cost * (high - low)
    starts = [low + (high - low) * min(to_spend / max(room.sum(), 1e-300), 1.0)]
    for first in range(low.size):
        point, left = low.copy(), to_spend
        for effort in (first, *(other for other in range(low.size) if other != first)):
            spent = min(left, room[effort])
            free = unit_cost[effort] <= 0
            point[effort] += high[effort] - low[effort] if free else spent / unit_cost[effort]
            left -= spent
        starts.append(np.minimum(point, high))
    return starts
