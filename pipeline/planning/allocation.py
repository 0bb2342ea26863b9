"""The cheapest efforts of one period that bring a wanted f; and the largest f that money can buy."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize

Floats = NDArray[np.float64]
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
    low, high = np.minimum(worst, best), np.maximum(worst, best)
    width = np.where(high > low, high - low, 1.0)
    scale = float(np.abs(unit_cost) @ width) or 1.0
    size = max(abs(wanted), value(best) - value(worst))
    candidates = []
    for start in _starts(value, wanted, worst, best, guesses):
        candidates.append(start)
        found = minimize(
            lambda z: float(unit_cost @ (low + z * width)) / scale,
            (start - low) / width,
            jac=lambda _: unit_cost * width / scale,
            bounds=[(0.0, 1.0 if h > lo else 0.0) for lo, h in zip(low, high, strict=True)],
            constraints={
                "type": "eq",
                "fun": lambda z: (value(low + z * width) - wanted) / size,
                "jac": lambda z: slope(low + z * width) * width / size,
            },
            method="SLSQP",
            options=_OPTIONS,
        )
        if np.isfinite(found.x).all():
            point = low + np.clip(found.x, 0.0, 1.0) * width
            candidates.append(between(value, wanted, point, worst, best))
    return min(candidates, key=lambda point: float(unit_cost @ point))


def _starts(
    value: Value, wanted: float, worst: Floats, best: Floats, guesses: Iterable[Floats]
) -> list[Floats]:
    """Points with the wanted value: all efforts raised together, and one effort before the others."""
    low, high = np.minimum(worst, best), np.maximum(worst, best)
    starts = [between(value, wanted, worst, worst, best)]
    for lever in range(worst.size if worst.size > 1 else 0):
        first = worst.copy()
        first[lever] = best[lever]
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
    low, high = np.minimum(worst, best), np.maximum(worst, best)
    if float(unit_cost @ low) > money * (1 + 1e-12):
        raise ValueError(
            f"The smallest efforts allowed cost {unit_cost @ low:.6g} per period; the budget is {money:.6g}."
        )
    if float(unit_cost @ best) <= money:
        return best
    width = np.where(high > low, high - low, 1.0)
    size = max(abs(value(best)), 1e-300)
    candidates = [low]
    for start in _affordable(unit_cost, money, low, high):
        found = minimize(
            lambda z: -value(low + z * width) / size,
            (start - low) / width,
            jac=lambda z: -slope(low + z * width) * width / size,
            bounds=[(0.0, 1.0 if h > lo else 0.0) for lo, h in zip(low, high, strict=True)],
            constraints={
                "type": "ineq",
                "fun": lambda z: (money - float(unit_cost @ (low + z * width))) / money,
                "jac": lambda _: -unit_cost * width / money,
            },
            method="SLSQP",
            options=_OPTIONS,
        )
        for point in (start, low + np.clip(found.x, 0.0, 1.0) * width):
            over = float(unit_cost @ point) - money
            if over > 0.0:  # by rounding: back towards the cheapest point
                point = low + (point - low) * (money - unit_cost @ low) / (unit_cost @ (point - low))
            candidates.append(point)
    return max(candidates, key=value)


def _affordable(unit_cost: Floats, money: float, low: Floats, high: Floats) -> list[Floats]:
    """Points that use up the money: spread over all efforts, and on each one first."""
    left = money - float(unit_cost @ low)
    room = unit_cost * (high - low)
    starts = [low + (high - low) * min(left / max(room.sum(), 1e-300), 1.0)]
    for lever in range(low.size):
        point, rest = low.copy(), left
        for place in (lever, *(k for k in range(low.size) if k != lever)):
            spent = min(rest, room[place])
            point[place] += spent / unit_cost[place] if unit_cost[place] > 0 else high[place] - low[place]
            rest -= spent
        starts.append(np.minimum(point, high))
    return starts
