"""The best way to spread money over several markets, and over the efforts in each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from kernels.numeric.arrays import Floats

# Parts of the money that a first allocation is made in, and how many parts one market may get at once:
# returns may rise before they fall.
_PARTS = 32
_AHEAD = (1, 2, 4, 8, 16, 32)
_OPTIONS = {"maxiter": 300, "ftol": 1e-9}


@dataclass(frozen=True)
class Return:
    """What money brings in one market: up to ``most`` (L,) for each effort, currency per period.

    ``value`` takes money (L,) to what it brings, and its gradient (L,).
    """

    value: Callable[[Floats], tuple[float, Floats]]
    most: Floats


def spread_money(
    returns: Sequence[Return], money: float, *, spend_all: bool, start: Floats | None = None
) -> list[Floats]:
    """Spread money over markets and efforts, so that it brings most in all.

    Parameters
    ----------
    returns : sequence of Return
        One for each market.
    money : float
        Currency per period, for all of them.
    spend_all : bool
        Whether all of it has to be spent, as far as there is room.
    start : array, optional
        Money of all markets, one after the other, to search from; by default as below.

    Returns
    -------
    list of (L,) arrays
        Money in each market.

    Notes
    -----
    Money is first given out in parts, each where it brings most per unit (several parts at once, as returns
    may rise before they fall), then moved by sequential quadratic programming from there and from an even
    spread. Where returns are concave that is the optimum.
    """
    room = np.concatenate([one.most for one in returns])
    money = min(money, float(room.sum()))
    even = room * (money / max(float(room.sum()), 1e-300))
    if start is None:
        starts = [_in_parts(returns, money), even]
    else:
        near = np.minimum(start, room)
        starts = [near * min(1.0, money / max(float(near.sum()), 1e-300))]
    scale = max(abs(_total(returns, starts[0])[0]), 1e-300)
    candidates = []
    for point in starts:
        candidates.append(point)
        found = minimize(
            lambda z: -_total(returns, z * room)[0] / scale,
            point / np.where(room > 0.0, room, 1.0),
            jac=lambda z: -_total(returns, z * room)[1] * room / scale,
            bounds=[(0.0, 1.0 if wide else 0.0) for wide in room > 0.0],
            constraints={
                "type": "eq" if spend_all else "ineq",
                "fun": lambda z: 1.0 - float(z @ room) / money,
                "jac": lambda _: -room / money,
            },
            method="SLSQP",
            options=_OPTIONS,
        ).x
        if np.isfinite(found).all():
            moved = np.clip(found, 0.0, 1.0) * room
            candidates.append(moved * min(1.0, money / max(float(moved.sum()), 1e-300)))
    best = max(candidates, key=lambda point: _total(returns, point)[0])
    return np.split(best, np.cumsum([one.most.size for one in returns])[:-1])


def _total(returns: Sequence[Return], point: Floats) -> tuple[float, Floats]:
    """Sum over markets of what money (all efforts of all markets) brings, and its gradient."""
    ends = np.cumsum([one.most.size for one in returns])[:-1]
    parts = [one.value(part) for one, part in zip(returns, np.split(point, ends), strict=True)]
    return sum(value for value, _ in parts), np.concatenate([slope for _, slope in parts])


def _in_parts(returns: Sequence[Return], money: float) -> Floats:
    """Give money out in parts, one after the other, each where it brings most."""
    spent = [np.zeros(one.most.size) for one in returns]
    offers: list[list[tuple[float, float, int]]] = [[] for _ in returns]
    stale, left = set(range(len(returns))), money
    while left > 1e-9 * money:
        for number in stale:
            offers[number] = _offers(returns[number], spent[number], money / _PARTS)
        best = max(
            ((rate, step, number, effort) for number, one in enumerate(offers) for rate, step, effort in one),
            default=None,
        )
        if best is None:
            break
        _, step, number, effort = best
        step = min(step, left)
        spent[number][effort] += step
        left, stale = left - step, {number}
    return np.concatenate(spent)


def _offers(one: Return, spent: Floats, part: float) -> list[tuple[float, float, int]]:
    """Say what more money brings in a market: gain per unit, money, and the effort it is spent on."""
    base, found = one.value(spent)[0], []
    for effort in range(spent.size):
        room = float(one.most[effort] - spent[effort])
        for count in _AHEAD:
            step = min(count * part, room)
            if step <= 1e-9 * part:
                break
            trial = spent.copy()
            trial[effort] += step
            found.append(((one.value(trial)[0] - base) / step, step, effort))
            if step == room:
                break
    return found
