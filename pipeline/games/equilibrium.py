"""Nash equilibria of steady strategies: firms respond in turn, from several starts, until no one moves."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.forecasting.step_length import StepLength
from pipeline.games.best_response import best_response
from pipeline.games.payoff import PayoffModel, Payoffs

Floats = NDArray[np.float64]

# Strategies have settled when no one moves by more than this, relative to the room there is. Best responses
# come from differences of payoffs, which carry no more digits.
_SETTLED = 1e-6
# Two starts found the same equilibrium when their strategies differ by less than this, relative to the room.
_SAME = 1e-3
# A strategy this near to a bound, relative to the room there is, is at it.
_AT_BOUND = 1e-6
_SMALLEST_STEP = 1 / 8
_PATIENCE = 4


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """Strategies from which no firm gains by moving alone, as far as was found.

    Attributes
    ----------
    strategies : (L, N) array
        In the unit of the effort, or currency per period.
    outcome : Payoffs
    converged : bool
        Whether the best responses came to rest.
    rounds : int
    change : float
        Largest move in the last round, relative to the room there is.
    regret : (N,) array
        What each firm would still gain by its best response, currency; near 0 in an equilibrium.
    at_bound : (L, N) array of int
        -1 at the lower, 1 at the upper bound.
    starts : int
        How many starts ended here.
    """

    strategies: Floats
    outcome: Payoffs
    converged: bool
    rounds: int
    change: float
    regret: Floats
    at_bound: NDArray[np.int64]
    starts: int


def find_equilibria(
    model: PayoffModel, starts: Iterable[Floats], players: NDArray[np.bool_], rounds: int
) -> tuple[Equilibrium, ...]:
    """Find the equilibria that some starts lead to.

    Parameters
    ----------
    model : PayoffModel
    starts : iterable of (L, N) arrays
        Strategies to begin with.
    players : (N,) array of bool
        Firms that respond; the others keep their strategies.
    rounds : int
        Rounds of best responses from each start, at most.

    Returns
    -------
    tuple of Equilibrium
        Distinct ones, those that most starts ended in first; not converged ones last.
    """
    room = model.space.box.width[:, np.newaxis]
    distinct: list[Equilibrium] = []
    for start in starts:
        distinct = _counted(distinct, _settle(model, start, players, rounds, room), room)
    return tuple(sorted(distinct, key=lambda one: (not one.converged, -one.starts)))


def _settle(
    model: PayoffModel, start: Floats, players: NDArray[np.bool_], rounds: int, room: Floats
) -> Equilibrium:
    """Let firms respond in turn until no one moves; steps are halved when responses go round in circles."""
    present, step_length = start.copy(), StepLength(_SMALLEST_STEP, _PATIENCE)
    change, count, settled, thorough = np.inf, 0, True, True
    for count in range(1, rounds + 1):  # noqa: B007 (its last value is reported)
        before = present.copy()
        for firm in np.flatnonzero(players).tolist():
            best = best_response(model, present, firm, thorough=thorough).strategy
            present[:, firm] += step_length.value * (best - present[:, firm])
        change = float(np.abs((present - before) / room).max())
        settled = change <= _SETTLED * step_length.value
        if settled and thorough:
            break
        # Looking uphill is enough on the way; strategies at rest must also stand a look all around.
        thorough = settled
        step_length.update(change)
    outcome, regret = model.evaluate(present), np.zeros(players.size)
    for firm in np.flatnonzero(players).tolist():
        regret[firm] = max(best_response(model, present, firm).payoff - outcome.payoff[firm], 0.0)
    at_bound = _at_bound(model, present, room) * players
    return Equilibrium(present, outcome, settled and thorough, count, change, regret, at_bound, 1)


def _at_bound(model: PayoffModel, strategies: Floats, room: Floats) -> NDArray[np.int64]:
    low, high = model.space.low[:, np.newaxis], model.space.high[:, np.newaxis]
    edge = _AT_BOUND * room
    return np.where(strategies <= low + edge, -1, np.where(strategies >= high - edge, 1, 0))


def _counted(known: list[Equilibrium], new: Equilibrium, room: Floats) -> list[Equilibrium]:
    """Add an equilibrium to those known, or count its start with the one that it found again."""
    for number, one in enumerate(known):
        near = np.abs((new.strategies - one.strategies) / room).max() <= _SAME
        if near and one.converged == new.converged:
            better = one if one.change <= new.change else new
            return [*known[:number], replace(better, starts=one.starts + 1), *known[number + 1 :]]
    return [*known, new]
