"""The command that spreads money over markets. Heavy imports wait for it."""

from typing import Annotated, Any

import typer

from pipeline.cli.ahead import Model, Overrides, Price, Settings, present
from pipeline.cli.arguments import parse_prices, parse_target
from pipeline.cli.options import Format, Markets, Plot, SpreadsheetSafe, StorePath, SweepName
from pipeline.cli.output import announce_compiling, print_answer
from pipeline.errors import ExitCode


def allocate(
    store: StorePath,
    firm: Annotated[str | None, typer.Option(help="The firm whose money it is.")] = None,
    budget: Annotated[
        float | None, typer.Option(help="Currency per period for all markets; by default what is spent now.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Part of sales that is earned: profit counts, else sales.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="share=0.25", help="What does this share cost, held in every market?"),
    ] = None,
    market: Markets = None,
    model: Model = None,
    price: Price = None,
    settings: Settings = None,
    overrides: Overrides = None,
    plot: Plot = None,
    style: Format = "table",
    spreadsheet_safe: SpreadsheetSafe = False,
    sweep: SweepName = None,
) -> None:
    """Spread a firm's money over markets and efforts; the frontier; what a share in all markets costs."""
    from pipeline.budgeting.allocate import allocate as spread
    from pipeline.config.sections.allocation import AllocationSettings
    from pipeline.config.settings import load_settings
    from pipeline.reporting.console.allocation import allocation_table, show_allocation
    from pipeline.results.result_store import open_store

    given: dict[str, Any] = {"firm": firm, "budget": budget, "margin": margin, "markets": market}
    given |= {"model": model, "prices": parse_prices(price), **parse_target(target)}
    chosen = load_settings(
        AllocationSettings, settings, given=present(given), overrides=overrides or (), what="allocation"
    )
    announce_compiling("evaluate_effort_gradient")
    answer = spread(open_store(store, sweep=sweep), chosen)
    if plot is not None:
        from pipeline.reporting.plots.allocation import plot_allocation

        plot_allocation(answer, plot)
    print_answer(
        style,
        lambda console: show_allocation(console, answer),
        lambda: allocation_table(answer),
        spreadsheet_safe=spreadsheet_safe,
    )
    if not answer.feasible:
        raise typer.Exit(ExitCode.UNREACHABLE)
