"""Commands about causes: effects, returns, explain. Heavy imports wait for their command."""

from typing import Annotated

import typer

from pipeline.cli.arguments import parse_prices
from pipeline.cli.options import Format, Markets, Plot, SpreadsheetSafe, StorePath, SweepName
from pipeline.cli.output import announce_compiling, print_answer

Market = Annotated[str | None, typer.Option(help="The market; needed when there are several.")]
Model = Annotated[
    str | None,
    typer.Option(
        help="The model, * stands for anything; best: by AICc; by default the model of the verdict."
    ),
]
Firms = Annotated[
    list[str] | None, typer.Option("--firm", help="Only efforts of this firm. May be repeated.")
]
Efforts = Annotated[list[str] | None, typer.Option("--effort", help="Only this effort. May be repeated.")]
Horizons = Annotated[
    list[str] | None,
    typer.Option(
        "--horizon",
        metavar="impact|long_run|H",
        help="impact: effort of one period, share at its end; H: after H periods of a lasting change; "
        "long_run. Repeatable; by default impact and long_run.",
    ),
]
Begin = Annotated[
    str | None,
    typer.Option(
        "--date",
        metavar="D",
        help="Period that the change begins in; next: the one after the data. By default the mean over all.",
    ),
]
Level = Annotated[float, typer.Option(help="Probability of the intervals.")]
Intervals = Annotated[
    str | None,
    typer.Option(
        help="replicates, delta (covariance of the parameters) or none; by default replicates where the "
        "study asked for bootstrap, else delta."
    ),
]
Prices = Annotated[
    list[str] | None,
    typer.Option(
        "--price", metavar="EFFORT=MONEY", help="Currency per period for one unit of an index. Repeatable."
    ),
]


def effects(
    store: StorePath,
    market: Markets = None,
    model: Model = None,
    firm: Firms = None,
    effort: Efforts = None,
    horizon: Horizons = None,
    date: Begin = None,
    level: Level = 0.95,
    intervals: Intervals = None,
    plot: Plot = None,
    style: Format = "table",
    spreadsheet_safe: SpreadsheetSafe = False,
    sweep: SweepName = None,
) -> None:
    """Tell how shares follow efforts: elasticities, own and cross, with intervals. --market all for all."""
    from pipeline.causes.effects import chosen_effects
    from pipeline.causes.effects import effects as estimate
    from pipeline.reporting.console.causes import effects_table, show_effects
    from pipeline.results.result_store import open_store

    announce_compiling("_differentiate_periods")
    found = estimate(
        open_store(store, sweep=sweep),
        markets=market,
        model=model,
        horizons=horizon or ("impact", "long_run"),
        date=date,
        level=level,
        intervals=intervals,
    )
    found = chosen_effects(found, firms=firm, efforts=effort)
    if plot is not None:
        from pipeline.reporting.plots.causes import plot_effects

        plot_effects(found, plot)
    print_answer(
        style,
        lambda console: show_effects(console, found),
        lambda: effects_table(found),
        spreadsheet_safe=spreadsheet_safe,
    )


def returns(
    store: StorePath,
    market: Market = None,
    model: Model = None,
    firm: Firms = None,
    effort: Efforts = None,
    periods: Annotated[
        int | None,
        typer.Option(
            min=1, help="Periods that the money is spent before sales are looked at; by default a year."
        ),
    ] = None,
    margin: Annotated[float | None, typer.Option(help="Part of sales that is earned: gives profit.")] = None,
    price: Prices = None,
    level: Level = 0.95,
    intervals: Intervals = None,
    plot: Plot = None,
    style: Format = "table",
    spreadsheet_safe: SpreadsheetSafe = False,
    sweep: SweepName = None,
) -> None:
    """Tell what money in each effort brings: sales, or profit, of a further unit, at less and at more."""
    from pipeline.causes.returns import returns as estimate
    from pipeline.reporting.console.causes import returns_table, show_returns
    from pipeline.results.result_store import open_store

    announce_compiling("_differentiate_periods")
    found = estimate(
        open_store(store, sweep=sweep),
        market=market,
        model=model,
        firms=firm,
        efforts=effort,
        periods=periods,
        margin=margin,
        prices=parse_prices(price),
        level=level,
        intervals=intervals,
    )
    if plot is not None:
        from pipeline.reporting.plots.causes import plot_returns

        plot_returns(found, plot)
    print_answer(
        style,
        lambda console: show_returns(console, found),
        lambda: returns_table(found),
        spreadsheet_safe=spreadsheet_safe,
    )


def explain(
    store: StorePath,
    firm: Annotated[str, typer.Option(help="The firm whose share is explained.")],
    first: Annotated[
        str | None, typer.Option("--from", metavar="D", help="From this period; by default the first.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="D", help="To this period; by default the last.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Compare with what other efforts since --from would have made: last-year, rivals-at-mean "
            "or nothing (done by the firm)."
        ),
    ] = None,
    market: Market = None,
    model: Model = None,
    level: Level = 0.95,
    intervals: Intervals = None,
    plot: Plot = None,
    style: Format = "table",
    spreadsheet_safe: SpreadsheetSafe = False,
    sweep: SweepName = None,
) -> None:
    """Tell what moved a share and its sales between two dates: all efforts, entries, errors, total."""
    from pipeline.causes.explain import explain as take_apart
    from pipeline.reporting.console.causes import explained_table, show_explained
    from pipeline.results.result_store import open_store

    announce_compiling("_differentiate_periods")
    found = take_apart(
        open_store(store, sweep=sweep),
        firm,
        first=first,
        last=last,
        reference=against,
        market=market,
        model=model,
        level=level,
        intervals=intervals,
    )
    if plot is not None:
        from pipeline.reporting.plots.causes import plot_explained

        plot_explained(found, plot)
    print_answer(
        style,
        lambda console: show_explained(console, found),
        lambda: explained_table(found),
        spreadsheet_safe=spreadsheet_safe,
    )
