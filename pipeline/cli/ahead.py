"""Commands about what is to come: forecast, game. Heavy imports wait for their command."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.arguments import parse_bounds, parse_margins, parse_prices
from pipeline.cli.options import Format, Plot, SpreadsheetSafe, StorePath, SweepName
from pipeline.cli.output import print_answer

Settings = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="YAML file with the settings; options go before it."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set a key of the settings, e.g. rivals.kind=rule; repeatable."
    ),
]
Market = Annotated[str | None, typer.Option(help="The market; needed when there are several.")]
Model = Annotated[
    str | None,
    typer.Option(
        help="The model, * stands for anything; best: by AICc; by default the model of the verdict."
    ),
]
Bound = Annotated[
    list[str] | None,
    typer.Option(
        "--bound",
        metavar="EFFORT=LOW:HIGH",
        help="Bounds of an effort; a side left empty is open. Repeatable.",
    ),
]
Price = Annotated[
    list[str] | None,
    typer.Option(
        "--price",
        metavar="EFFORT=MONEY",
        help="Currency per period for one unit of an effort of kind index. Repeatable.",
    ),
]


def forecast(
    store: StorePath,
    scenario: Annotated[Path, typer.Option("--scenario", metavar="FILE", help="The scenario: a YAML file.")],
    overrides: Overrides = None,
    plot: Plot = None,
    style: Format = "table",
    spreadsheet_safe: SpreadsheetSafe = False,
    sweep: SweepName = None,
) -> None:
    """Forecast shares and sales under a scenario; the bands are stored beside the fits."""
    from pipeline.config.sections.scenario import Scenario
    from pipeline.config.settings import load_settings
    from pipeline.forecasting.save import store_forecast
    from pipeline.forecasting.scenario import forecast as make_forecast
    from pipeline.reporting.console.ahead import forecast_table, show_forecast
    from pipeline.results.result_store import open_store

    settings = load_settings(Scenario, scenario, overrides=overrides or (), what="scenario")
    results = open_store(store, sweep=sweep)
    made = make_forecast(results, settings)
    name = store_forecast(results, made)
    if plot is not None:
        from pipeline.reporting.plots.ahead import plot_forecast

        plot_forecast(results, made, plot)
    print_answer(
        style,
        lambda console: show_forecast(console, made, store, name),
        lambda: forecast_table(made),
        spreadsheet_safe=spreadsheet_safe,
    )


def game(
    store: StorePath,
    market: Market = None,
    model: Model = None,
    margin: Annotated[
        list[str] | None,
        typer.Option(metavar="[FIRM=]MARGIN", help="Part of sales that is earned; by firm, when repeated."),
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="budgets or efforts.")] = None,
    horizon: Annotated[str | None, typer.Option(help="Periods that count, or steady.")] = None,
    bound: Bound = None,
    price: Price = None,
    settings: Settings = None,
    overrides: Overrides = None,
    style: Format = "table",
    spreadsheet_safe: SpreadsheetSafe = False,
    sweep: SweepName = None,
) -> None:
    """Play the market: what each firm gains by its best response, and steady equilibria of all firms."""
    from pipeline.config.sections.game import GameSettings
    from pipeline.config.settings import load_settings
    from pipeline.games.game import play
    from pipeline.reporting.console.ahead import game_table, show_game
    from pipeline.results.result_store import open_store

    periods: Any = int(horizon) if horizon is not None and horizon.isdigit() else horizon
    given: dict[str, Any] = {"market": market, "model": model, "strategy": strategy, "horizon": periods}
    given |= {"margin": parse_margins(margin), "bounds": parse_bounds(bound), "prices": parse_prices(price)}
    chosen = load_settings(
        GameSettings, settings, given=present(given), overrides=overrides or (), what="game"
    )
    played = play(open_store(store, sweep=sweep), chosen)
    print_answer(
        style,
        lambda console: show_game(console, played),
        lambda: game_table(played),
        spreadsheet_safe=spreadsheet_safe,
    )


def present(given: dict[str, Any]) -> dict[str, Any]:
    """Leave out what was not given."""
    return {key: value for key, value in given.items() if value is not None and value != {}}
