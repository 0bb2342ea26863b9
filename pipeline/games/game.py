"""The game of the firms of a calibrated market: best responses, Nash equilibria of steady strategies."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.scenario import RivalsSection
from pipeline.errors import PlanError
from pipeline.forecasting.efforts import held_efforts
from pipeline.forecasting.market import FutureMarket, future_market
from pipeline.forecasting.response import ResponseAhead
from pipeline.forecasting.total_sales import market_total
from pipeline.games.best_response import best_response
from pipeline.games.payoff import Outcome, Table
from pipeline.planning.budget import steady_market
from pipeline.planning.choose import best_model, one_market
from pipeline.planning.controls import make_levers
from pipeline.seeds import fit_seed

if TYPE_CHECKING:
    from pipeline.results.results import Results

Floats = NDArray[np.float64]

# Strategies have settled when no one moves by more than this, relative to the room there is. Best responses
# come from differences of payoffs, which carry no more digits.
_SETTLED = 1e-6
# Two starts found the same equilibrium when their strategies differ by less than this, relative to the room.
_SAME = 1e-3


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """A profile of strategies from which no firm gains by moving alone, as far as was found.

    Attributes
    ----------
    strategies : (L, N) array
        In the unit of the effort, or currency per period.
    outcome : Outcome
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
    outcome: Outcome
    converged: bool
    rounds: int
    change: float
    regret: Floats
    at_bound: NDArray[np.int64]
    starts: int


@dataclass(frozen=True, eq=False)
class Game:
    """What the present strategies come to, and what equilibria there are.

    Attributes
    ----------
    market, model
    firms : (N,) array
    players : (N,) array of bool
    levers : tuple of str
    present : (L, N) array
        Strategies at present.
    outcome : Outcome
        Of the present strategies.
    gain : (N,) array
        What each player would gain by its best response to the present strategies of the others, currency.
    answers : (L, N) array
        Those best responses.
    equilibria : tuple of Equilibrium
        Distinct ones, those that most starts ended in first; not converged ones last.
    starts : int
        How many starts were tried.
    """

    market: Any
    model: str
    firms: np.ndarray
    players: NDArray[np.bool_]
    levers: tuple[str, ...]
    present: Floats
    outcome: Outcome
    gain: Floats
    answers: Floats
    equilibria: tuple[Equilibrium, ...]
    starts: int


def play(results: "Results", settings: GameSettings) -> Game:
    """Play on a calibrated market of a store.

    Raises
    ------
    QueryError
        A market, model or firm that the store does not have.
    PlanError
        Nothing that firms could change, or no long run.
    """
    label = one_market(results, settings.market)
    model = best_model(results, label, settings.model)
    horizon = 1 if settings.horizon == "steady" else settings.horizon
    market = future_market(results, label, model, horizon, settings.start)
    total = market_total(settings.total_sales, market)
    return play_market(market, settings, total.median)


def play_market(market: FutureMarket, settings: GameSettings, total: Floats) -> Game:
    """Play on a market at hand, with total sales (H,) in currency per period; see `play`."""
    table, low, high, present = lay_table(market, settings, total)
    players = _players(market, settings)
    outcome = table.outcome(present)
    gain, answers = np.zeros(market.firms.size), present.copy()
    for firm in np.flatnonzero(players).tolist():
        answer = best_response(table, present, firm, low, high)
        gain[firm], answers[:, firm] = max(answer.payoff - outcome.payoff[firm], 0.0), answer.strategy
    found: list[Equilibrium] = []
    for start in _starts(market, settings, present, players, low, high):
        one = _settle(table, start, players, low, high, settings.rounds)
        found = _gathered(found, one, high - low)
    found.sort(key=lambda one: (not one.converged, -one.starts))
    return Game(
        market=market.market,
        model=market.model,
        firms=market.firms,
        players=players,
        levers=tuple(market.efforts[place] for place in table.levers),
        present=present,
        outcome=outcome,
        gain=gain,
        answers=answers,
        equilibria=tuple(found),
        starts=settings.starts,
    )


def lay_table(
    market: FutureMarket, settings: GameSettings, total: Floats
) -> tuple[Table, Floats, Floats, Floats]:
    """Set up payoffs, bounds (L,) of strategies, and the present ones (L, N)."""
    steady = settings.horizon == "steady"
    money = settings.strategy == "budgets"
    levers = make_levers(market, 0, {} if money else settings.bounds, settings.prices, must_move=not money)
    held = held_efforts(market, RivalsSection(last=settings.last), [False] * market.firms.size)
    mean = held.value.mean(axis=1)
    board = steady_market(market) if steady else market
    plan = replace(
        held,
        value=np.repeat(mean[:, np.newaxis], board.horizon, axis=1),
        budget=np.full((len(mean), board.horizon, market.firms.size), np.nan),
    )
    in_money = levers.is_ratio & money
    # A strategy is held, so where bounds differ between periods it keeps all of them.
    low, high = levers.low.max(axis=1), levers.high.min(axis=1)
    present, price = mean[levers.index], np.where(levers.is_ratio, np.nan, levers.price)
    if money:
        sales = market.share * total.mean()
        unit = np.where(levers.is_ratio[:, np.newaxis], sales, levers.price[:, np.newaxis])
        low, high = low * unit.min(axis=1), high * unit.max(axis=1)
        low, high = _money_bounds(market, settings.bounds, levers.index, low, high)
        present, price = present * unit, np.ones(len(low))
    weights = (1.0 - settings.discount) ** np.cumsum(board.duration) * board.duration
    table = Table(
        market=board,
        ahead=ResponseAhead(board, board.theta),
        plan=plan,
        levers=levers.index,
        in_money=in_money,
        scale=np.where(in_money | ~np.full(len(low), money), 1.0, levers.price),
        price=price,
        margin=_margins(market, settings.margin),
        total=np.array([total.mean()]) if steady else total,
        discount=np.ones(1) if steady else weights,
        steady=steady,
    )
    return table, low, high, present


def _money_bounds(
    market: FutureMarket, bounds: Mapping[str, Any], index: NDArray[np.intp], low: Floats, high: Floats
) -> tuple[Floats, Floats]:
    for name in bounds:
        if name not in [market.efforts[place] for place in index]:
            raise PlanError(
                f"Got bounds of {name}, which no firm can change; give it a price, or leave it out."
            )
    for row, place in enumerate(index):
        given = bounds.get(market.efforts[place], (None, None))
        sides = [None if side is None else float(np.mean(side)) for side in given]
        low[row] = low[row] if sides[0] is None else sides[0]
        high[row] = high[row] if sides[1] is None else sides[1]
        if low[row] > high[row]:
            raise PlanError(
                f"The bounds of {market.efforts[place]} are [{low[row]:g}, {high[row]:g}]; "
                "the first must not be above."
            )
    if not (high > low).any():
        raise PlanError("No budget has any room between its bounds; give wider ones.")
    return low, high


def _margins(market: FutureMarket, given: float | Mapping[str, float]) -> Floats:
    if not isinstance(given, Mapping):
        return np.full(market.firms.size, float(given))
    labels = [str(firm) for firm in market.firms.tolist()]
    missing = [label for label in labels if label not in given]
    strange = [name for name in given if name not in labels]
    if missing or strange:
        raise PlanError(
            f"Margins are needed for {', '.join(labels)}; missing {', '.join(missing) or 'none'}, unknown "
            f"{', '.join(strange) or 'none'}."
        )
    return np.array([float(given[label]) for label in labels])


def _players(market: FutureMarket, settings: GameSettings) -> NDArray[np.bool_]:
    if settings.players is None:
        return np.ones(market.firms.size, dtype=bool)
    players = np.zeros(market.firms.size, dtype=bool)
    players[[market.firm_index(firm) for firm in settings.players]] = True
    return players


def _starts(
    market: FutureMarket,
    settings: GameSettings,
    present: Floats,
    players: NDArray[np.bool_],
    low: Floats,
    high: Floats,
) -> list[Floats]:
    """Present strategies, then points spread over the room of the players."""
    rng = np.random.default_rng(fit_seed(settings.seed, "game", market.market))
    starts = [np.where(players, np.clip(present, low[:, None], high[:, None]), present)]
    for _ in range(settings.starts - 1):
        point = low[:, np.newaxis] + (high - low)[:, np.newaxis] * rng.uniform(0.02, 1.0, present.shape)
        starts.append(np.where(players, point, present))
    return starts


def _settle(
    table: Table, start: Floats, players: NDArray[np.bool_], low: Floats, high: Floats, rounds: int
) -> Equilibrium:
    """Let firms answer in turn until no one moves; steps are halved when answers go round in circles."""
    width = np.where(high > low, high - low, 1.0)
    now, change, weight, best, stuck, count = start.copy(), np.inf, 1.0, np.inf, 0, 0
    settled = thorough = True
    for count in range(1, rounds + 1):  # noqa: B007 (its last value is reported)
        before = now.copy()
        for firm in np.flatnonzero(players).tolist():
            answer = best_response(table, now, firm, low, high, thorough=thorough).strategy
            now[:, firm] += weight * (answer - now[:, firm])
        change = float(np.abs((now - before) / width[:, np.newaxis]).max())
        settled = change <= _SETTLED * weight
        if settled and thorough:
            break
        # Looking uphill is enough on the way; a profile at rest must also stand a look all around.
        thorough = settled
        stuck = 0 if change < 0.9 * best else stuck + 1
        best = min(best, change)
        if stuck >= 4:
            weight, best, stuck = max(0.5 * weight, 1 / 8), change, 0
    outcome, regret = table.outcome(now), np.zeros(now.shape[1])
    for firm in np.flatnonzero(players).tolist():
        regret[firm] = max(best_response(table, now, firm, low, high).payoff - outcome.payoff[firm], 0.0)
    edge = 1e-6 * width[:, np.newaxis]
    at_bound = np.where(
        now <= low[:, np.newaxis] + edge, -1, np.where(now >= high[:, np.newaxis] - edge, 1, 0)
    )
    at_bound[:, ~players] = 0
    return Equilibrium(now, outcome, settled and thorough, count, change, regret, at_bound, 1)


def _gathered(found: list[Equilibrium], one: Equilibrium, room: Floats) -> list[Equilibrium]:
    """Count a start with the equilibrium that it found again, if it did."""
    width = np.where(room > 0.0, room, 1.0)[:, np.newaxis]
    for place, known in enumerate(found):
        near = np.abs((one.strategies - known.strategies) / width).max() <= _SAME
        if near and known.converged == one.converged:
            kept = known if known.change <= one.change else one
            found[place] = replace(kept, starts=known.starts + 1)
            return found
    return [*found, one]
