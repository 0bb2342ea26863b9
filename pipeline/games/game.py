"""The game of the firms of a calibrated market: what each could gain alone, and the equilibria of all."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from pipeline.config.sections.game import GameSettings
from pipeline.config.settings import Given, settings_of
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.members import ModelChoice
from pipeline.forecasting.model_choice import pattern_of
from pipeline.forecasting.open_market import open_market
from pipeline.forecasting.total_sales import describe_total
from pipeline.games.bands import QUANTILES, OutcomeBands, outcome_bands
from pipeline.games.best_response import best_response
from pipeline.games.equilibrium import Equilibrium, find_equilibria
from pipeline.games.payoff import Payoffs, StrategySpace
from pipeline.games.setup import set_up_game
from pipeline.names import Label
from pipeline.planning.chance import sure_market
from pipeline.results.frames.table import Table
from pipeline.results.frames.tabular import Tabular
from pipeline.results.opened import require_opened
from pipeline.results.select import select_models
from pipeline.results.stored_fit import stored_replicates
from pipeline.results.totals.comparison import TotalUse
from pipeline.results.totals.continuation import TotalForecast
from pipeline.seeds import fit_seed

if TYPE_CHECKING:
    from pipeline.results.results import Results


@dataclass(frozen=True, eq=False, repr=False)
class Game(Tabular):
    """What the present strategies come to, and what equilibria there are.

    Attributes
    ----------
    market, model
    firms : (N,) array
    players : (N,) array of bool
    levers : tuple of str
        Names of the L efforts that strategies set.
    present : (L, N) array
        Strategies at present.
    outcome : Payoffs
        Of the present strategies.
    gain : (N,) array
        What each player would gain by its best response to the present strategies of the others, currency.
    answers : (L, N) array
        Those best responses.
    equilibria : tuple of Equilibrium
        Distinct ones, those that most starts ended in first; not converged ones last.
    starts : int
        How many starts were tried.
    choice : ModelChoice or None
        Why it is this model.
    total_use : TotalUse or None
        What total sales follow; None for a market made by hand.
    bands : tuple of OutcomeBands
        Of the present strategies and of each equilibrium, in this order; empty without draws.
    """

    market: Label
    model: str
    firms: np.ndarray
    players: NDArray[np.bool_]
    levers: tuple[str, ...]
    present: Floats
    outcome: Payoffs
    gain: Floats
    answers: Floats
    equilibria: tuple[Equilibrium, ...]
    starts: int
    choice: ModelChoice | None = None
    total_use: TotalUse | None = None
    bands: tuple[OutcomeBands, ...] = ()
    axes = ("profile", "firm")

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return f"Game of {self.firms.size} firms, market {self.market}, model {self.model}"

    @property
    def table(self) -> Table:
        """One row for every firm of every profile: the present one with best responses to it, equilibria."""
        rows = []
        profiles = [("present", self.present, self.outcome, self.gain)]
        profiles += [
            (f"equilibrium {number}", one.strategies, one.outcome, one.regret)
            for number, one in enumerate(self.equilibria, 1)
        ]
        for number, (name, strategies, outcome, gain) in enumerate(profiles):
            for i, firm in enumerate(self.firms.tolist()):
                row: list[Any] = [name, firm, float(outcome.share[i]), float(outcome.expenses[i])]
                row += [float(outcome.payoff[i]), float(gain[i]), *map(float, strategies[:, i])]
                if self.bands:
                    row += self.bands[number].share[:, i].tolist() + self.bands[number].payoff[:, i].tolist()
                rows.append(row)
        levels = [f"{kind}_{level:g}" for kind in ("share", "payoff") for level in QUANTILES if self.bands]
        names = (*self.axes, "share", "expenses", "payoff", "gain_alone", *self.levers, *levels)
        chosen = {"model": self.model, "chosen_by": self.choice.by if self.choice else "asked"}
        total = self.total_use.facts() if self.total_use else {}
        return Table.from_rows(names, rows).beside(chosen | total)


def play(results: "Results", settings: Given[GameSettings]) -> Game:
    """Play on a calibrated market of a store.

    Parameters
    ----------
    results
        Where the fits are.
    settings
        Margins, strategies, horizon, ...: `GameSettings`, a YAML file or a mapping.

    Returns
    -------
    Game
        The present payoffs (currency per period), the best response of each player alone, equilibria with the
        starts that came to them, and bands where they are asked for.

    Raises
    ------
    ConfigError
        A file or mapping that makes no settings.
    QueryError
        A market, model or firm that the store does not have.
    PlanError
        Nothing that firms could change, or no long run.
    ForecastError
        Shares cannot be computed for the present strategies, or for any of a firm.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> game = beed.play(store, {"margin": 0.38, "starts": 1, "uncertainty": {"draws": 0}})
    >>> bool(game.gain.min() > 0)  # each firm could do better alone
    True
    """
    require_opened(results)
    settings = settings_of(GameSettings, settings, what="game")
    models = select_models(results.sweep, pattern_of(settings.model))
    horizon = 1 if settings.horizon == "steady" else settings.horizon
    market, total = open_market(results, settings, models, horizon)
    market = sure_market(market)
    played = play_market(market, settings, total)
    played = replace(played, total_use=describe_total(settings.total_sales, market, total))
    if not settings.uncertainty.draws:
        return played
    replicates = stored_replicates(results, market.market, market.model, market.names)
    rng = np.random.default_rng(fit_seed(settings.seed, "bands", market.market))
    profiles = [played.present, *(one.strategies for one in played.equilibria)]
    model, _ = set_up_game(market, settings, total)
    bands = outcome_bands(model, market, profiles, settings.uncertainty, rng, replicates)
    return replace(played, bands=bands)


def play_market(market: ForecastMarket, settings: GameSettings, total: TotalForecast) -> Game:
    """Play on a market at hand, with a forecast of its total sales; see `play`."""
    model, present = set_up_game(market, settings, total)
    players = _players(market, settings)
    outcome = model.evaluate(present)
    gain, answers = np.zeros(market.firms.size), present.copy()
    for firm in np.flatnonzero(players).tolist():
        best = best_response(model, present, firm)
        gain[firm], answers[:, firm] = max(best.payoff - outcome.payoff[firm], 0.0), best.strategy
    rng = np.random.default_rng(fit_seed(settings.seed, "game", market.market))
    starts = _starts(model.space, present, players, settings.starts, rng)
    return Game(
        market=market.market,
        model=market.model,
        firms=market.firms,
        players=players,
        levers=tuple(market.efforts[effort] for effort in model.space.efforts),
        present=present,
        outcome=outcome,
        gain=gain,
        answers=answers,
        equilibria=find_equilibria(model, starts, players, settings.rounds),
        starts=settings.starts,
        choice=market.choice,
    )


def _players(market: ForecastMarket, settings: GameSettings) -> NDArray[np.bool_]:
    if settings.players is None:
        return np.ones(market.firms.size, dtype=bool)
    players = np.zeros(market.firms.size, dtype=bool)
    players[[market.firm_index(firm) for firm in settings.players]] = True
    return players


def _starts(
    space: StrategySpace,
    present: Floats,
    players: NDArray[np.bool_],
    count: int,
    rng: np.random.Generator,
) -> Iterator[Floats]:
    """Present strategies, then points spread over the room of the players."""
    low, high = space.low[:, np.newaxis], space.high[:, np.newaxis]
    yield np.where(players, np.clip(present, low, high), present)
    for _ in range(count - 1):
        yield np.where(players, low + (high - low) * rng.uniform(0.02, 1.0, present.shape), present)
