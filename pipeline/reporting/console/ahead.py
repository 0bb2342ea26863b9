"""Forecasts, flight plans and games as tables: for people, and flat for programs."""

import numpy as np
from rich.console import Console

from pipeline.forecasting.members import ModelChoice
from pipeline.forecasting.scenario import Forecast, MarketForecast
from pipeline.games.bands import QUANTILES
from pipeline.games.equilibrium import Equilibrium
from pipeline.games.game import Game
from pipeline.planning.flight import FlightPlan
from pipeline.reporting.console.printing import print_facts, print_line, print_sentence, print_table
from pipeline.results.frames.table import Table

#: Markets of a forecast that are shown; the store holds all.
_MARKETS = 3
#: A share above the one that was asked for, and not by rounding.
_MORE = 1e-8


def show_forecast(console: Console, made: Forecast, store: str, name: str) -> None:
    """Print where shares and sales stand at the end, and where the arrays are."""
    for one in made.markets[:_MARKETS]:
        title = f"Market {one.market} in {_label(made.times[-1])} ({one.weights})"
        print_table(console, title, _end_table(made, one))
        if one.share_without is not None:
            print_table(console, _takings_title(made, one), _takings_table(made, one))
        if one.rejected:
            print_line(
                console, f"Note: {one.rejected} draws of parameters had no course and were drawn again."
            )
        print_sentence(console, one.total_use.sentence)
    if len(made.markets) > _MARKETS:
        print_line(console, f"... and {len(made.markets) - _MARKETS} more markets.")
    for sentence in made.choices:
        print_sentence(console, f"Model:  {sentence}")
    for note in made.notes:
        print_sentence(console, f"Note: {note}")
    print_line(console, f"Stored: {store}, forecast {name}.")
    print_line(console, f'Ask:    python: import beed; beed.open_store("{store}").forecast("{name}")')


def _end_table(made: Forecast, one: MarketForecast) -> Table:
    levels = made.scenario.quantiles if made.scenario.uncertainty.draws else ()
    columns: dict[str, np.ndarray] = {
        "firm": one.firms.astype(object),
        "share": one.share[-1],
        "sales": one.sales[-1],
        "expense": one.expense[-1],
    }
    for level, band in zip(levels, one.share_quantile, strict=True):
        columns[f"share {level:.0%}"] = band[-1]
    # Firms that enter or have a plan first, then the largest.
    named = (*made.scenario.entrants, *made.scenario.firms)
    planned = np.array([str(firm) in named for firm in one.firms.tolist()])
    return Table(columns).take(np.lexsort((-one.share[-1], ~planned)))


def _takings_title(made: Forecast, one: MarketForecast) -> str:
    return f"Taken by {', '.join(made.scenario.entrants)} in market {one.market}, at the estimates"


def _takings_table(made: Forecast, one: MarketForecast) -> Table:
    """Tell what entrants take from each firm in the end, the most first."""
    assert one.share_without is not None
    without, taken = one.share_without[-1], one.taken[-1]
    columns: dict[str, np.ndarray] = {
        "firm": one.firms[: without.size].astype(object),
        "share without": without,
        "share with": one.share[-1, : without.size],
        "taken": taken,
        **{
            f"taken {level:.0%}": one.taken_quantile[number, -1]
            for number, level in enumerate(made.scenario.quantiles[: len(one.taken_quantile)])
            if level in (min(made.scenario.quantiles), max(made.scenario.quantiles))
        },
        "part of what is taken": taken / taken.sum(),
        "against its share": taken / taken.sum() / without,
    }
    return Table(columns).take(np.argsort(-taken, kind="stable"))


def _print_choice(console: Console, choice: ModelChoice | None) -> None:
    for sentence in choice.sentences if choice else ():
        print_sentence(console, f"Model: {sentence}")
    if choice and choice.assumption:
        print_sentence(console, f"Note:  {choice.assumption}")


def show_plan_of_firm(console: Console, flight: FlightPlan) -> None:
    """Print the answer first, then the way."""
    end, spent = _label(flight.times[flight.way - 1]), flight.plan.expenses[: flight.way]
    facts = {
        "share": f"{flight.start:.4g} now, wanted {flight.target:.4g} by {end}",
        "answer": _answer(flight),
        "money": f"{spent.sum():.4g} on the way, {spent.mean():.4g} per period",
        "holding": _held(flight),
    }
    if given := float(flight.plan.given_up[: flight.way].sum()):
        side = f"given up by prices below {flight.firm}'s usual one"
        if given < 0:
            side = f"gained by prices above {flight.firm}'s usual one, and taken off it"
        facts["margin"] = f"{abs(given):.4g} of that money is margin {side}"
    if flight.way < flight.times.size:
        after = flight.plan.expenses[flight.way :]
        facts["after"] = f"{after.sum():.4g} to hold it for {after.size} periods more"
    if flight.run_down:
        way = (
            "restoring what is run down in the end" if flight.run_down > 0 else "what is left over in the end"
        )
        facts["goodwill"] = f"{way}: {abs(flight.run_down):.4g}"
    if flight.widened:
        facts["bounds"] = (
            f"of {', '.join(flight.widened)}: what {flight.firm} was seen to do, "
            f"widened {flight.widen:g} times"
        )
    if flight.budget_share is not None:
        facts["budget"] = f"holds a share of {flight.budget_share:.4g}"
    if flight.chance.draws:
        asked = "" if flight.probability is None else f"; {flight.probability:.0%} asked for"
        facts["chance"] = (
            f"{flight.chance.value:.1%} ± {flight.chance.error:.1%} to come to the target or beyond with "
            f"these efforts ({flight.chance.draws} draws{asked})"
        )
    print_facts(console, flight.title, facts)
    _print_choice(console, flight.choice)
    if flight.total_use:
        print_sentence(console, flight.total_use.sentence)
    print_table(console, f"The way ({flight.path})", flight.course(flight.plan), rows=60)


def _answer(flight: FlightPlan) -> str:
    if flight.feasible and flight.probability is not None:
        return f"reached by aiming at {flight.plan.reached:.4g}, on the {flight.path} path"
    if flight.probability is not None:
        return (
            f"not with this chance: the most that can be done comes to {flight.plan.reached:.4g}; "
            f"{flight.plan.in_the_way}"
        )
    if flight.feasible and flight.plan.reached - flight.target > _MORE:
        return f"{flight.plan.reached:.4g} comes with the least there is to spend"
    if flight.feasible:
        return f"reached, on the {flight.path} path"
    return f"not reachable: the nearest share is {flight.plan.reached:.4g}; {flight.plan.in_the_way}"


def _held(flight: FlightPlan) -> str:
    """Say what the present share and the target cost in the long run."""
    holdings = [flight.holding] if flight.target == flight.start else [flight.holding, flight.holding_target]
    said = []
    for one in holdings:
        if not one.feasible:
            said.append(
                f"{one.wanted:.4g} is beyond the bounds, which hold {one.share:.4g} at {one.cost:.4g}"
            )
        elif one.share - one.wanted > _MORE:
            said.append(f"the least there is to spend, {one.cost:.4g} per period, holds {one.share:.4g}")
        else:
            said.append(f"{one.wanted:.4g} costs {one.cost:.4g} per period")
    return "; ".join(dict.fromkeys(said)) + " (all effects settled)"


def show_game(console: Console, game: Game) -> None:
    """Print the present profile, what each firm could gain, and the equilibria."""
    columns: dict[str, np.ndarray] = {
        "firm": game.firms.astype(object),
        "share": game.outcome.share,
        "expenses": game.outcome.expenses,
        "payoff": game.outcome.payoff,
        **_payoff_band(game, 0),
        "gain_alone": game.gain,
    }
    print_table(console, f"Market {game.market}, model {game.model}: at present", Table(columns))
    _print_choice(console, game.choice)
    if game.total_use:
        print_sentence(console, game.total_use.sentence)
    moves: dict[str, np.ndarray] = {"firm": columns["firm"]}
    for row, lever in enumerate(game.levers):
        pairs = zip(game.present[row], game.answers[row], strict=True)
        moves[lever] = np.array([f"{now:.4g} → {best:.4g}" for now, best in pairs], dtype=object)
    print_table(console, "The best response of each firm alone: what it does, and would do", Table(moves))
    for number, one in enumerate(game.equilibria, 1):
        print_table(console, _equilibrium_title(game, one, number), _equilibrium(game, one, number))
    if not any(one.converged for one in game.equilibria):
        print_sentence(
            console, "No start came to rest: this game may have no equilibrium of steady strategies."
        )


def _equilibrium_title(game: Game, one: Equilibrium, number: int) -> str:
    if not one.converged:
        return (
            f"Not at rest after {one.rounds} rounds (last move {one.change:.2g} of the room); "
            f"{one.starts} of {game.starts} starts"
        )
    return f"Equilibrium {number}: {one.starts} of {game.starts} starts, at rest after {one.rounds} rounds"


def _payoff_band(game: Game, profile: int) -> dict[str, np.ndarray]:
    """Columns with the band of payoffs: parameters drawn, rivals off their strategies."""
    if not game.bands:
        return {}
    band = game.bands[profile].payoff
    return {f"payoff {level:.0%}": values for level, values in zip(QUANTILES, band, strict=True)}


def _equilibrium(game: Game, one: Equilibrium, number: int) -> Table:
    columns: dict[str, np.ndarray] = {
        "firm": game.firms.astype(object),
        "share": one.outcome.share,
        "expenses": one.outcome.expenses,
        "payoff": one.outcome.payoff,
        **_payoff_band(game, number),
        "against present": one.outcome.payoff - game.outcome.payoff,
    }
    for row, lever in enumerate(game.levers):
        columns[lever] = one.strategies[row]
    columns["at a bound"] = np.array(
        [
            ", ".join(lever for row, lever in enumerate(game.levers) if one.at_bound[row, i]) or "-"
            for i in range(game.firms.size)
        ],
        dtype=object,
    )
    return Table(columns)


def _label(time: object) -> str:
    return str(time.astype("datetime64[D]")) if isinstance(time, np.datetime64) else str(time)
