"""The command that proposes experiments. Heavy imports wait for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.ahead import Settings, present
from pipeline.cli.arguments import parse_bounds, parse_prices, parse_target
from pipeline.cli.causes.effects import Model, Prices
from pipeline.cli.options import Format, Markets, SpreadsheetSafe, StorePath, SweepName
from pipeline.cli.output import announce_compiling, print_answer
from pipeline.errors import PlanError

if TYPE_CHECKING:
    from pipeline.budgeting.plan_cost import PlanCost
    from pipeline.results.results import Results

_HOLDING = "plan:holding"
_OF_PLANS = ("plan", _HOLDING)

Quantity = Annotated[
    str,
    typer.Option(
        help="What is to be known better: elasticity:EFFORT (own; :long_run or :H after it), "
        "coefficient:NAME, plan (what it costs) or plan:holding (what holding its target costs)."
    ),
]
Tester = Annotated[
    str | None,
    typer.Option(help="Who tests, and whose elasticity or plan it is; by default any, and the mean of all."),
]
Tested = Annotated[
    list[str] | None, typer.Option("--effort", help="May be tested; by default all. Repeatable.")
]
Bounds = Annotated[
    list[str] | None,
    typer.Option(
        "--bound",
        metavar="EFFORT=LOW:HIGH",
        help="Limits of an effort in the test; by default what the firm was seen to do. Repeatable.",
    ),
]

Target = Annotated[
    str | None,
    typer.Option(metavar="'share=0.20 by=2027-06'", help="Of the plan, as `beed plan` takes it."),
]
Stored = Annotated[
    str | None, typer.Option("--plan", metavar="NAME", help="The plan kept under this name by --save.")
]
PlanKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A key of the plan's settings, e.g. value_after=6 or bounds.place=[0,0.05]; repeatable.",
    ),
]


def experiment(
    store: StorePath,
    quantity: Quantity,
    market: Markets = None,
    model: Model = None,
    firm: Tester = None,
    effort: Tested = None,
    periods: Annotated[int, typer.Option(min=1, help="Periods that the test lasts.")] = 8,
    date: Annotated[
        str, typer.Option("--date", metavar="D", help="Its first period; next: right after the data.")
    ] = "next",
    controls: Annotated[int, typer.Option(min=1, help="Control markets that it is compared with.")] = 1,
    budget: Annotated[
        float | None, typer.Option(help="Money that the test may add or take away, in all.")
    ] = None,
    price: Prices = None,
    bound: Bounds = None,
    target: Target = None,
    plan: Stored = None,
    settings: Settings = None,
    overrides: PlanKeys = None,
    style: Format = "table",
    spreadsheet_safe: SpreadsheetSafe = False,
    sweep: SweepName = None,
) -> None:
    """Propose the test that would tell most: which effort, where, by whom, how far. Makes no fits."""
    from pipeline.causes.experiment import ExperimentSettings, propose_experiment
    from pipeline.reporting.console.causes import show_experiment
    from pipeline.results.result_store import open_store

    results = open_store(store, sweep=sweep)
    limits = ExperimentSettings(
        periods=periods,
        date=date,
        controls=controls,
        budget=budget,
        prices=parse_prices(price),
        bounds=parse_bounds(bound),
    )
    asked: str | PlanCost = quantity
    who: dict[str, Any] = {"markets": market, "model": model, "firm": firm}
    if quantity in _OF_PLANS:
        keys = present({**parse_target(target), "firm": firm, "model": model, "prices": limits.prices})
        keys |= {"market": _one_market(market)} if market else {}
        asked = _cost_of_plan(results, quantity, keys, plan, settings, overrides)
        who = {"markets": [asked.market.market], "model": asked.market.model, "firm": asked.settings.firm}
    else:
        _refuse_without_plan(quantity, [target, plan, settings, overrides])
    found = propose_experiment(results, asked, limits, efforts=effort, **who)
    print_answer(
        style,
        lambda console: show_experiment(console, found),
        lambda: found.table,
        spreadsheet_safe=spreadsheet_safe,
    )


def _cost_of_plan(
    results: "Results",
    quantity: str,
    keys: dict[str, Any],
    stored: str | None,
    file: Path | None,
    overrides: list[str] | None,
) -> "PlanCost":
    """Take the cost of a plan that is described, or kept under a name."""
    from pipeline.budgeting.plan_cost import plan_cost
    from pipeline.config.sections.planning import PlanSettings
    from pipeline.config.settings import load_settings
    from pipeline.planning.stored import settings_of, stored_plan

    if stored is None:
        wanted = load_settings(PlanSettings, file, given=keys, overrides=overrides or (), what="flight plan")
    else:
        # A price of an index is one of the test, too; the plan has its own.
        others = [
            *(key for key in keys if key != "prices"),
            *(["settings"] if file else []),
            *(overrides or ()),
        ]
        if others:
            raise PlanError(
                f"Got --plan {stored} beside {', '.join(others)}; expected --plan alone: the plan kept under "
                "this name has its firm, target and all else."
            )
        wanted = settings_of(stored_plan(results, stored))
    announce_compiling("evaluate_effort_gradient", "differentiate_market")
    return plan_cost(results, wanted, holding=quantity == _HOLDING)


def _one_market(markets: list[str]) -> str:
    if len(markets) > 1 or markets == ["all"]:
        raise PlanError(f"Got the markets {', '.join(markets)}; expected one: that of the plan.")
    return markets[0]


def _refuse_without_plan(quantity: str, given: Sequence[object]) -> None:
    names = ("--target", "--plan", "--settings", "--set")
    beside = [name for name, value in zip(names, given, strict=True) if value]
    if beside:
        raise PlanError(
            f"Got {', '.join(beside)} beside --quantity {quantity}; they belong to --quantity "
            f"{' or '.join(_OF_PLANS)}: they say which plan."
        )
