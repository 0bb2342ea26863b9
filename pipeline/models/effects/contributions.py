"""What moved the shares of a market between two periods, cause by cause, so that it adds up.

The efforts of all firms go from those of a reference course to their own along a straight line, and what
each of them does on the way is integrated (Aumann & Shapley 1974, Values of Non-Atomic Games):
``∫_0^1 ∂share_i / ∂u_jk (u_jk - u⁰_jk) dα``. That depends on no order, adds up exactly, and gives nothing to
what did not change. Errors go along, from none to what they were. Firms that enter or leave do so or not:
their cause is the mean of what that does before and after all others (Shapley 1953).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.market import ILR
from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.models.effects.market_course import MarketCourse, MarketMotion
from pipeline.panel.market import MarketArrays

# Sums of contributions are off by less than this, or nodes are doubled up to the most.
_CLOSE = 1e-10
_NODES, _MOST_NODES = 8, 256


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each cause did to the shares of N firms (and to their sales, currency per period).

    Attributes
    ----------
    before, after : (2, N) arrays
        Share and sales that are compared; 0 for a firm that is not there.
    efforts : (2, K, N, N) array
        Of each effort, of each firm that makes it, to each firm's share and sales.
    start, membership, lasting, last, total : (2, N) arrays
        What would have come of the shares and efforts at the start; firms that entered and left; errors that
        lasted; the error of the end itself; the sales of the market.
    """

    before: Matrix
    after: Matrix
    efforts: NDArray[np.float64]
    start: Matrix
    membership: Matrix
    lasting: Matrix
    last: Matrix
    total: Matrix

    @property
    def rest(self) -> Matrix:
        """What is missing from the sum: the error of the quadrature."""
        causes = self.efforts.sum(axis=(1, 2)) + self.start + self.membership
        missing: Matrix = self.after - self.before - causes - self.lasting - self.last - self.total
        return missing


class SharedEffort(Protocol):
    """An effort that what each firm sets moves for all: an index of prices."""

    @property
    def effort(self) -> int:
        """Its position."""

    @property
    def history(self) -> Matrix:
        """What firms set (T, N)."""

    def index_among(self, price: Matrix, active: NDArray[np.bool_]) -> Matrix:
        """Return the effort (T, N) when firms that are there (T, N) set this (T, N)."""

    def slope_among(self, price: Matrix, active: NDArray[np.bool_]) -> Cube:
        """Return the derivative (T, i, j) of the effort of i in what j sets."""


def between(
    course: MarketCourse, first: int, last: int, shared: Sequence[SharedEffort] = ()
) -> Contributions:
    """Take the change from one period to a later one apart.

    The reference: from the first period on efforts and firms stay as they are in it, without further errors.

    Parameters
    ----------
    course : MarketCourse
    first, last : int
        Periods; ``0 <= first < last``.
    shared : sequence of SharedEffort
        Efforts of which what firms set goes along the line, so that causes are what firms set.
    """
    market, window = course.market, slice(first + 1, last + 1)
    money = np.array([market.total_sales[first], market.total_sales[last]])
    motions: list[MarketMotion] = [course]
    actual = [_chosen(market, shared)]
    staying = market.active[window] == market.active[first]
    if not staying.all():
        without = _without_moves(replace(market, efforts=actual[0]), first)
        motions.insert(0, MarketMotion(course.model, course.theta, without))
        actual.insert(0, without.efforts)
    found = []
    for motion, chosen in zip(motions, actual, strict=True):
        line = _Line(_held(chosen, motion.market.active, first), chosen, motion.market.active, shared)
        found.append(_integrate(course, motion, first, last, line, money, with_errors=True))
    before, after = np.nan_to_num(course.share[first]), np.nan_to_num(course.share[last])
    first_ends, last_ends = found[0].ends, found[-1].ends
    nothing = np.zeros_like(before)
    moves = [last_ends[side] - first_ends[side] for side in (0, 1)]
    whole = _mean(found)
    return Contributions(
        before=np.stack([before, before * money[0]]),
        after=np.stack([after, after * money[1]]),
        efforts=whole.efforts,
        start=np.stack([first_ends[0] - before, (first_ends[0] - before) * money[0]]),
        membership=np.stack([0.5 * (moves[0] + moves[1]), 0.5 * (moves[0] * money[0] + moves[1] * money[1])]),
        lasting=whole.lasting,
        last=whole.last,
        total=np.stack([nothing, whole.total]),
    )


def against(
    course: MarketCourse, first: int, last: int, efforts: Cube, shared: Sequence[SharedEffort] = ()
) -> Contributions:
    """Compare the shares of a period with those that other efforts (K, T, N) since ``first`` would have made.

    Errors, firms and the sales of the market are the same in both, so efforts alone are causes. Of ``shared``
    ones ``efforts`` has what firms set.
    """
    money = np.full(2, course.market.total_sales[last])
    line = _Line(efforts, _chosen(course.market, shared), course.market.active, shared)
    one = _integrate(course, course, first, last, line, money, with_errors=False)
    after, nothing = np.nan_to_num(course.share[last]), np.zeros((2, efforts.shape[2]))
    return Contributions(
        before=np.stack([one.ends[0], one.ends[0] * money[0]]),
        after=np.stack([after, after * money[1]]),
        efforts=one.efforts,
        start=nothing,
        membership=nothing,
        lasting=nothing,
        last=nothing,
        total=nothing,
    )


def _chosen(market: MarketArrays, shared: Sequence[SharedEffort]) -> Cube:
    """Give what firms set (K, T, N): efforts, but of shared ones what they are made of; nan where absent."""
    chosen = np.array(market.efforts)
    for one in shared:
        chosen[one.effort] = np.where(market.active, one.history, np.nan)
    return chosen


class _Line:
    """What firms set (K, T, N) along a straight line from a reference to what they did.

    Parameters
    ----------
    reference, actual : (K, T, N) arrays
    active : (T, N) array of bool
    shared : sequence of SharedEffort
    """

    def __init__(
        self, reference: Cube, actual: Cube, active: NDArray[np.bool_], shared: Sequence[SharedEffort]
    ) -> None:
        self.reference, self._active, self._shared = np.nan_to_num(reference), active, shared
        self._change = np.nan_to_num(actual) - self.reference

    def at(self, motion: MarketMotion, part: float) -> tuple[Matrix, NDArray[np.float64]]:
        """Return f (T, N) at a part of the way, and its derivative (K, N, T, N) along it, by who acts."""
        chosen = self.reference + part * self._change
        efforts = chosen.copy()
        for one in self._shared:
            efforts[one.effort] = one.index_among(chosen[one.effort], self._active)
        point = motion.response.at(efforts)
        moved = motion.response.along(point, self._change)
        for one in self._shared:
            slope = one.slope_among(chosen[one.effort], self._active)
            weight = slope * self._change[one.effort][:, np.newaxis]
            moved[one.effort] = motion.response.along_shared(point, one.effort, weight)
        return point.value, moved


def _held(efforts: Cube, active: NDArray[np.bool_], first: int) -> Cube:
    """Efforts (K, T, N) that stay as in a period from it on; of later firms as in their first one."""
    held = efforts.copy()
    for firm in range(active.shape[1]):
        there = np.flatnonzero(active[first:, firm])
        if there.size:
            held[:, first:, firm] = efforts[:, first + there[0], firm][:, np.newaxis]
    return np.where(active, held, np.nan)


def _without_moves(market: MarketArrays, first: int) -> MarketArrays:
    """Let nobody enter or leave after a period; who left goes on as in its last one."""
    active = market.active.copy()
    active[first + 1 :] = active[first]
    efforts = np.where(active, market.efforts, np.nan)
    for t in range(first + 1, len(active)):
        lost = active[t] & np.isnan(efforts[:, t]).any(axis=0)
        efforts[:, t, lost] = efforts[:, t - 1, lost]
    share = np.where(active, np.nan_to_num(market.share), np.nan)
    return replace(market, active=active, efforts=efforts, share=share)


@dataclass(frozen=True, eq=False)
class _Integral:
    """Of one set of firms: shares (2, N) at both ends of the line, and what is integrated along it."""

    ends: Matrix
    efforts: NDArray[np.float64]
    lasting: Matrix
    last: Matrix
    total: Vector

    @property
    def parts(self) -> tuple[NDArray[np.float64], ...]:
        return self.ends, self.efforts, self.lasting, self.last, self.total


def _mean(found: list[_Integral]) -> _Integral:
    return _Integral(*(np.mean(parts, axis=0) for parts in zip(*(one.parts for one in found), strict=True)))


def _integrate(
    course: MarketCourse,
    motion: MarketMotion,
    first: int,
    last: int,
    way: _Line,
    money: Vector,
    *,
    with_errors: bool,
) -> _Integral:
    """Integrate from reference efforts to those of the market, with as many nodes as it takes."""
    n_nodes = _NODES
    while True:
        node, weight = np.polynomial.legendre.leggauss(n_nodes)
        line = np.concatenate([[0.0], 0.5 * (node + 1.0), [1.0]])
        share, change = _along(course, motion, first, last, way, line, with_errors)
        weight = np.concatenate([[0.0], 0.5 * weight, [0.0]])
        sales = money[0] + line * (money[1] - money[0])
        parts = np.stack([np.einsum("g,gci->ci", one, change) for one in (weight, weight * sales)])
        missing = np.abs(share[-1] - share[0] - parts[0].sum(axis=0)).max()
        if missing < _CLOSE or n_nodes >= _MOST_NODES:
            break
        n_nodes *= 2
    n_efforts, _, n_firms = way.reference.shape
    return _Integral(
        ends=share[[0, -1]],
        efforts=parts[:, :-2].reshape(2, n_efforts, n_firms, n_firms),
        lasting=parts[:, -2],
        last=parts[:, -1],
        total=(weight @ share) * (money[1] - money[0]),
    )


def _along(
    course: MarketCourse,
    motion: MarketMotion,
    first: int,
    last: int,
    way: _Line,
    line: Vector,
    with_errors: bool,
) -> tuple[Matrix, Cube]:
    """Shares (G, N) of the last period at points of the line, and their derivatives (G, C, N) along it.

    The C causes: every effort of every firm, errors carried on, the error of the last period.
    """
    window = slice(first + 1, last + 1)
    moving = motion.step.moving[window]
    error = np.where(moving, course.error[window], 0.0)
    # Where other firms are there than were, what is common to errors is none.
    error -= np.where(moving, error.sum(axis=1, keepdims=True) / moving.sum(axis=1, keepdims=True), 0.0)
    scale = line if with_errors else np.ones_like(line)
    response, moved = [], []
    for part in line:
        value, change = way.at(motion, part)
        response.append(value[window])
        moved.append(change[:, :, window])
    f, by_effort = np.stack(response), np.stack(moved)
    by_effort = by_effort.reshape(line.size, -1, *f.shape[1:])
    state = np.tile(course.state[first], (line.size, 1))
    errors = scale[:, np.newaxis, np.newaxis] * error
    modelled, share, states = motion.carry_on(state, first + 1, f, errors)
    change = np.zeros((line.size, by_effort.shape[1] + 2, f.shape[2]))
    pushes = error if with_errors else np.zeros_like(error)
    before = np.concatenate([state[:, np.newaxis], states[:, :-1]], axis=1)
    for ahead in range(f.shape[1]):
        at = np.full(line.size, first + 1 + ahead)
        by_response, by_state = motion.tangents(before[:, ahead], at, f[:, ahead])
        change = change @ by_state
        change[:, :-2] += by_effort[:, :, ahead] @ by_response
        is_last, moves = ahead == f.shape[1] - 1, motion.step.moving[at]
        ends, gain = (share, 1.0) if is_last else (states, float(motion.carry.gain[at[0]]))
        change[:, -1 if is_last else -2] += gain * _pushed(
            pushes[ahead], motion, modelled[:, ahead], ends[:, ahead]
        )
        change = motion.passed_on(change, modelled[:, ahead], ends[:, ahead], moves)
    final = np.nan_to_num(share[:, -1])
    return final, change * final[:, np.newaxis]


def _pushed(error: Vector, motion: MarketMotion, modelled: Matrix, share: Matrix) -> Matrix:
    """Give an error (N,) as a change (G, N) of ln modelled shares, which `passed_on` then takes on."""
    if motion.carry.kind == ILR:
        return np.broadcast_to(error, share.shape)
    known = np.nan_to_num(modelled) > 0.0
    pushed: Matrix = np.where(known, error / np.where(known, modelled, 1.0), 0.0)
    return pushed
