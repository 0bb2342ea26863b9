"""The command about flight plans. Heavy imports wait for it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.ahead import Bound, Market, Model, Overrides, Price, Settings, present
from pipeline.cli.arguments import parse_bounds, parse_numbers, parse_prices, parse_target
from pipeline.cli.options import Format, Plot, SpreadsheetSafe, StorePath, SweepName
from pipeline.cli.output import announce_compiling, print_answer
from pipeline.errors import ExitCode, PlanError

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.planning.flight import FlightPlan
    from pipeline.planning.stored import Deviation

Target = Annotated[
    str | None,
    typer.Option(
        metavar="'share=0.20 by=2027-06'",
        help="The share wanted and when: a date, week, month, quarter, year, or +N periods; else hold.",
    ),
]
Ramp = Annotated[
    list[str] | None,
    typer.Option(
        metavar="EFFORT=STEP",
        help="Largest change of an effort from one period to the next, up or down. Repeatable.",
    ),
]
ValueAfter = Annotated[
    int | None,
    typer.Option(metavar="N", help="Hold the target for N periods after the deadline, least cost in all."),
]
Margin = Annotated[
    float | None,
    typer.Option(
        help="Part of sales that is earned at usual prices, e.g. 0.3: counts against what is spent, and "
        "prices that firms set (role: price) are planned, too."
    ),
]
Cap = Annotated[float | None, typer.Option(help="Most money, currency per period.")]
Budget = Annotated[float | None, typer.Option(help="Currency per period: tell which share it can hold.")]
Probability = Annotated[
    float | None, typer.Option(help="Reach the target or more with this chance, e.g. 0.9.")
]
Save = Annotated[
    str | None, typer.Option(metavar="NAME", help="Keep the plan beside the fits under this name.")
]
Again = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Plan the rest of this stored plan from where the market is now; kept under the same name.",
    ),
]

_WHAT = "flight plan"


def plan(
    store: StorePath,
    firm: Annotated[str | None, typer.Option(help="The firm that plans.")] = None,
    target: Target = None,
    market: Market = None,
    model: Model = None,
    probability: Probability = None,
    path: Annotated[str | None, typer.Option(help="cheapest, linear or logistic.")] = None,
    bound: Bound = None,
    price: Price = None,
    margin: Margin = None,
    ramp: Ramp = None,
    cap: Cap = None,
    value_after: ValueAfter = None,
    budget: Budget = None,
    save: Save = None,
    again: Again = None,
    settings: Settings = None,
    overrides: Overrides = None,
    plot: Plot = None,
    style: Format = "table",
    spreadsheet_safe: SpreadsheetSafe = False,
    sweep: SweepName = None,
) -> None:
    """Plan a way to a share: the investment and efforts it takes, and what holding the present one costs."""
    from pipeline.config.sections.planning import PlanSettings
    from pipeline.config.settings import load_settings
    from pipeline.planning.flight import flight_plan
    from pipeline.planning.stored import deviations, settings_of, store_plan, stored_plan
    from pipeline.results.result_store import open_store

    given: dict[str, Any] = {"firm": firm, "market": market, "model": model, "path": path, "budget": budget}
    given |= {
        "probability": probability,
        "cap": cap,
        "margin": margin,
        "value_after": value_after,
        **parse_target(target),
    }
    given |= {"bounds": parse_bounds(bound), "prices": parse_prices(price)}
    given["ramps"] = parse_numbers(ramp, "--ramp", "EFFORT=STEP, e.g. place=0.01")
    options = present(given)
    results = open_store(store, sweep=sweep)
    passed: tuple[Deviation, ...] = ()
    if again is None:
        chosen = load_settings(PlanSettings, settings, given=options, overrides=overrides or (), what=_WHAT)
    else:
        _refuse_beside_again([*options, *(["settings"] if settings else []), *(overrides or ())])
        chosen, passed = settings_of(stored_plan(results, again)), deviations(results, [again])
    announce_compiling("evaluate_effort_gradient", "differentiate_market")
    flight = flight_plan(results, chosen)
    if name := save or again:
        store_plan(results, flight, chosen, name, again=again is not None)
    if plot is not None:
        from pipeline.reporting.plots.ahead import plot_plan

        plot_plan(results, flight, plot)
    _print(flight, passed, style, spreadsheet_safe=spreadsheet_safe)
    if not flight.feasible:
        raise typer.Exit(ExitCode.UNREACHABLE)


def _print(
    flight: "FlightPlan", passed: tuple["Deviation", ...], style: str, *, spreadsheet_safe: bool
) -> None:
    """Print a plan, below where the market is against the one that it takes the place of."""
    from pipeline.reporting.console.ahead import plan_table, show_plan_of_firm
    from pipeline.reporting.console.deviations import show_deviations

    def show(console: "Console") -> None:
        show_deviations(console, passed)
        show_plan_of_firm(console, flight)

    print_answer(style, show, lambda: plan_table(flight), spreadsheet_safe=spreadsheet_safe)


def _refuse_beside_again(others: list[str]) -> None:
    if others:
        raise PlanError(
            f"Got --again beside {', '.join(others)}; expected --again alone: it keeps the target, the "
            "deadline and all else of the stored plan. Make a new plan to change them."
        )
