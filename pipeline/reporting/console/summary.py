"""A sweep on one screen, or section by section."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
from rich.console import Console

from pipeline.errors import QueryError
from pipeline.reporting.console.printing import MOST_ROWS, print_facts, print_line, print_table
from pipeline.reporting.words import CORRELATED_ERRORS, cases
from pipeline.results.frames.table import Table
from pipeline.results.summary.summary import Summary
from pipeline.results.tables.residual_checks import describe_orders
from pipeline.results.verdict import Verdict
from pipeline.validation.windows import ROLLING

_BRIEF_ROWS = 6
_DIRECTIONS = (
    "What the data do not determine (no standard error is given)",
    "What the data determine only weakly",
)
Titled = tuple[str, Table]


@dataclass(frozen=True)
class Section:
    """A part of a summary.

    Attributes
    ----------
    tables
        Gives titles and tables; empty tables are not printed.
    rows
        Of each table, so many are printed.
    after
        Gives sentences that follow.
    says
        Tells whether there is anything in it, where that is known without making its tables.
    """

    tables: Callable[[Summary], Iterable[Titled]]
    rows: int = MOST_ROWS
    after: Callable[[Summary], Iterable[str]] = lambda _: ()
    says: Callable[[Summary], bool] | None = None


def show_brief(console: Console, summary: Summary, store: str) -> None:
    """Print the verdict, and what matters most beside it, in as many columns as a terminal has."""
    _print_head(console, summary)
    for title, table in brief_tables(summary):
        print_table(console, title, table, _BRIEF_ROWS if "param" not in table.columns else MOST_ROWS)
    names = ", ".join(name for name, section in SECTIONS.items() if _has_rows(section, summary))
    print_line(console, f"More:    beed show {store} --all, or --section NAME: {names}")


def brief_tables(summary: Summary) -> Iterator[Titled]:
    """Give what matters most beside the verdict, a table when the one before has been shown.

    That is what was found, or how near it is to the truth; the models; who forecasts best; what the data do
    not tell of the model of the verdict; failures. Empty ones have nothing to say.
    """
    chosen = summary.verdict.model
    if len(truth := summary.recovered):
        of_model = truth.take(truth["model"] == chosen)
        columns = ("param", "truth", "mean", "stderr", "spread", "covered")
        yield f"Recovered against the truth: {chosen}", of_model.select(columns)
    else:
        yield from _parameters(summary)
    yield f"Models (medians over markets, window {summary.window})", _brief_models(summary)
    for title, table in islice(_winners(summary), 1):
        yield title, table.select(("model", "wins", "error", "difference", "p"))
    if chosen is not None:
        for title, table in zip(_DIRECTIONS, summary.directions_of(chosen), strict=True):
            yield f"{title}: {chosen}", table.select(("what", "fits", "of"))
    yield "Failures by reason", summary.failures.select(("model", "window", "status", "fits", "reason"))


def show_sections(console: Console, summary: Summary, names: Sequence[str] = ()) -> None:
    """Print some sections of a summary, all of them when none is named.

    Raises
    ------
    QueryError
        There is no such section.
    """
    chosen = _sections(names)
    _print_head(console, summary)
    for name, section in chosen.items():
        if names and not _has_rows(section, summary):
            print_line(console, f"{name}: nothing to say of this sweep.")
        for title, table in section.tables(summary):
            print_table(console, title, table, section.rows)
        for sentence in section.after(summary):
            console.print(sentence, style="yellow", markup=False, highlight=False)


def summary_facts(summary: Summary, names: Sequence[str] = ()) -> dict[str, Any]:
    """Give a summary as plain values: sweep, verdict and, by section, a list of tables with all their rows.

    Raises
    ------
    QueryError
        There is no such section.
    """
    sweep = summary.sweep
    return {
        "sweep": sweep.name,
        "state": sweep.state.value,
        "created": sweep.created,
        "markets": sweep.n_markets,
        "verdict": asdict(summary.verdict),
        "instruments": list(summary.instruments),
        "experiments": list(summary.experiments),
        "assumption": summary.assumption,
        "sections": {
            name: [
                {"title": title, "rows": table.records()}
                for title, table in section.tables(summary)
                if len(table)
            ]
            for name, section in _sections(names).items()
        },
    }


def _sections(names: Sequence[str]) -> dict[str, Section]:
    if unknown := [name for name in names if name not in SECTIONS]:
        raise QueryError(f"Got the section {', '.join(unknown)}; expected one of {', '.join(SECTIONS)}.")
    return {name: SECTIONS[name] for name in names} if names else SECTIONS


def _has_rows(section: Section, summary: Summary) -> bool:
    if section.says is not None:
        return section.says(summary)
    return any(len(table) for _, table in section.tables(summary))


def _print_head(console: Console, summary: Summary) -> None:
    sweep = summary.sweep
    facts = {"state": sweep.state.value, "created": sweep.created, "markets": str(sweep.n_markets)}
    print_facts(console, f"Sweep {sweep.name}", facts)
    print_verdict(console, summary.verdict)
    for sentence in (*summary.instruments, *summary.experiments, summary.assumption):
        if sentence:
            console.print(sentence, markup=False, highlight=False)
    console.print()


def print_verdict(console: Console, verdict: Verdict) -> None:
    """Print the verdict on a sweep: sentences, then what not to trust."""
    console.print("Verdict", style="bold", markup=False, highlight=False)
    for sentence in verdict.sentences:
        console.print(f"  {sentence}", markup=False, highlight=False)
    for sentence in verdict.cautions:
        console.print(f"  Caution: {sentence}", style="yellow", markup=False, highlight=False)
    console.print()


def _brief_models(summary: Summary) -> Table:
    """Put the half-lives of adjustments beside the models, the one of the verdict first."""
    table = summary.models
    order = np.argsort(table["model"] != summary.verdict.model, kind="stable")
    chosen = table.take(order).select(("model", "usable", "best_by_aic", "rmse"))
    lives = np.array([summary.half_lives[model] for model in chosen["model"]], dtype=float)
    return Table({**chosen.columns, "half_life": lives})


def _parameters(summary: Summary) -> Iterable[Titled]:
    yield f"What {summary.verdict.model} found (95 % intervals)", summary.parameters


def _directions(summary: Summary) -> Iterable[Titled]:
    yield from zip(_DIRECTIONS, (summary.undetermined, summary.weak), strict=True)


def _winners(summary: Summary) -> Iterable[Titled]:
    """Say who wins, by how much and whether by more than chance, for each kind of window and future."""
    for case in cases(summary.comparison):
        window, future, against, test = (case[name][0] for name in ("window", "future", "against", "test"))
        if test == "markets":
            chance = "intervals and p from resampled markets; better and worse by Diebold-Mariano at 5 %"
        else:
            chance = "p of Diebold-Mariano over time"
        shown = [
            name
            for name, column in case.columns.items()
            if name not in ("window", "future", "metric", "against", "test")
            and not (name in ("cases", "of") and not np.any(case["cases"] < case["of"]))
            and not (name in ("low", "high") and np.isnan(column.astype(float)).all())
        ]
        title = f"Who wins, {window}, efforts {future}: rmse against {against} ({chance})"
        yield title, case.select(shown)


def _horizons(summary: Summary) -> Iterable[Titled]:
    for future, table in summary.horizons.items():
        yield f"Rmse by periods ahead of rolling origins (efforts {future})", table


def _residuals(summary: Summary) -> Iterable[Titled]:
    yield "Tests of residuals (fits flagged at 5 %, and by chance alone)", summary.checks
    yield "Order of the autoregression of errors (fits)", summary.orders


def _said_of_orders(summary: Summary) -> Iterable[str]:
    """Say what tests of residuals found of the model to use."""
    model = summary.verdict.model
    sentences = () if model is None else describe_orders(summary.orders, model)
    return [f"{model}: {sentence}" for sentence in sentences]


def _one(title: str, name: str) -> Callable[[Summary], Iterable[Titled]]:
    return lambda summary: ((title, getattr(summary, name)),)


def _has(table: str) -> Callable[[Summary], bool]:
    return lambda summary: table in summary.with_rows


SECTIONS: dict[str, Section] = {
    "parameters": Section(_parameters, 40),
    "models": Section(
        lambda summary: ((f"Models (window {summary.window}; medians over markets)", summary.models),), 40
    ),
    "best": Section(_one("Best model by market", "best")),
    "truth": Section(_one("Recovered against the truth", "recovered")),
    "choice": Section(
        _one("Choice of model by fit and by forecast density", "choice"), 40, says=_has("choice")
    ),
    "regimes": Section(
        _one("Returns to scale γ and half-life of adjustments", "regimes"), 40, says=_has("regimes")
    ),
    "errors": Section(
        _one("Errors of forecasts (means over markets)", "validation"),
        80,
        says=lambda summary: bool(len(summary.comparison)),
    ),
    "winners": Section(_winners, 40),
    "horizons": Section(
        _horizons, 40, says=lambda summary: bool(np.any(summary.comparison["window"] == ROLLING))
    ),
    "bounds": Section(_one("Parameters at a bound", "at_bounds"), says=_has("at_bounds")),
    "directions": Section(_directions, says=_has("directions")),
    "serial": Section(
        _one("Errors correlated from one period to the next", "serial"),
        after=lambda summary: (CORRELATED_ERRORS,) if len(summary.serial) else (),
    ),
    "residuals": Section(_residuals, after=_said_of_orders),
    "failures": Section(
        lambda summary: (
            ("Failures by reason", summary.failures),
            ("Usable fits without a forecast", summary.no_forecast),
        )
    ),
}
"""The sections of a summary by name, in the order that they are printed."""
