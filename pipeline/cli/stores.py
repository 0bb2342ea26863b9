"""Commands about stores: runs, verify, query, show, report, export. Heavy imports wait for their command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import (
    Date,
    Format,
    Markets,
    Model,
    PlainFormat,
    SpreadsheetSafe,
    StorePath,
    SweepName,
)
from pipeline.cli.output import print_answer, print_facts, print_formatted
from pipeline.cli.studies import duration
from pipeline.errors import ExitCode, QueryError
from pipeline.results.tables.registry import TABLES

if TYPE_CHECKING:
    from rich.console import Console


def runs(store: StorePath, style: Format = "table", spreadsheet_safe: SpreadsheetSafe = False) -> None:
    """List the sweeps of a store: state, progress, when it was made, hashes."""
    from pipeline.reporting.console.tables import show_sweeps, sweeps_table
    from pipeline.store.store import Store

    opened = Store.open(store)
    print_answer(
        style,
        lambda console: show_sweeps(console, opened),
        lambda: sweeps_table(opened),
        spreadsheet_safe=spreadsheet_safe,
    )


def prune(
    store: StorePath,
    keep: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Sweeps of each study that stay, the newest.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what was made longer ago: 90d, 12h.")
    ] = None,
    vintages: Annotated[
        list[str] | None,
        typer.Option(
            "--vintage",
            metavar="STUDY@DATE",
            help="Vintages that may go as well, with their tags: a name or a pattern, 'shops@2024-*'. "
            "Others stay, and the newest of a study always does. A date cannot be published again.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go; nothing is changed.")
    ] = False,
    style: PlainFormat = "table",
) -> None:
    """Remove old sweeps, the data that only they use, and the history of the store; vintages when named."""
    import datetime as dt

    from pipeline.reporting.console.facts import pruned_facts
    from pipeline.reporting.console.retention import show_pruned
    from pipeline.store.store import Store
    from pipeline.vintages.retention import RetentionRule, choose_old
    from pipeline.vintages.retention import prune as remove

    seconds = None if older_than is None else duration(older_than, "--older-than")
    opened = Store.open(store)
    rule = RetentionRule(keep, seconds, tuple(vintages or ()))
    chosen = choose_old(opened, rule, dt.datetime.now(dt.UTC))
    pruned = None if dry_run else remove(opened, chosen)
    print_facts(
        style,
        lambda console: show_pruned(console, opened, chosen, pruned),
        lambda: pruned_facts(chosen, pruned),
    )


def verify(store: StorePath, style: PlainFormat = "table") -> None:
    """Read everything in a store, and name what is damaged: array, chunk, model and markets."""
    from dataclasses import asdict

    from pipeline.reporting.console.retention import show_verified
    from pipeline.store.integrity.verify import verify_store
    from pipeline.store.store import Store

    found = verify_store(Store.open(store))
    print_facts(style, lambda console: show_verified(console, found), lambda: asdict(found))
    if found.damage:
        raise typer.Exit(ExitCode.STORE)


def query(
    store: StorePath,
    sql: Annotated[str | None, typer.Option(help=f"A SELECT over {', '.join(TABLES)}.")] = None,
    market: Markets = None,
    model: Model = None,
    param: Annotated[
        str | None, typer.Option(help="Values of this parameter; * stands for anything.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="Only fits to these periods: all, holdout, rolling-1, ...")
    ] = None,
    sort: Annotated[str | None, typer.Option(help="Sort by this column; -column for descending.")] = None,
    limit: Annotated[int | None, typer.Option(min=0, help="Rows at most.")] = None,
    style: Format = "table",
    spreadsheet_safe: SpreadsheetSafe = False,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Give --sql up after this time, e.g. 60s or 5m.")
    ] = None,
    sweep: SweepName = None,
    date: Date = None,
) -> None:
    """Ask a store for fits, or with --param for parameter values; or anything at all in SQL."""
    from pipeline.results.result_store import open_store

    conditions: dict[str, Any] = {"market": market, "model": model, "param": param, "window": window}
    conditions |= {"sort": sort, "limit": limit}
    given = [f"--{name}" for name, value in conditions.items() if value is not None]
    if sql is not None and given:
        raise QueryError(
            f"--sql stands alone; got {', '.join(given)} as well. Say it in SQL: where, order by, limit."
        )
    if timeout is not None and sql is None:
        raise QueryError("--timeout goes with --sql; other questions are answered at once.")
    seconds = None if timeout is None else duration(timeout, "--timeout")
    results = open_store(store, sweep=sweep, date=date)
    table = results.sql(sql, timeout=seconds) if sql is not None else results.select(**conditions)
    print_formatted(table, style, spreadsheet_safe=spreadsheet_safe)


def show(
    store: StorePath,
    everything: Annotated[bool, typer.Option("--all", help="Print all sections, in all columns.")] = False,
    section: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Print only this section, e.g. models, winners. May be repeated."),
    ] = None,
    style: PlainFormat = "table",
    plot: Annotated[
        Path | None, typer.Option(help="Draw observed and fitted shares and the curves of f: .png or .svg.")
    ] = None,
    market: Annotated[str | None, typer.Option(help="Market to draw; by default the first.")] = None,
    model: Annotated[str | None, typer.Option(help="Model to draw; by default the best by AIC.")] = None,
    sweep: SweepName = None,
    date: Date = None,
) -> None:
    """Summarise a sweep on a screen: verdict, what was found, models, who forecasts best; or draw."""
    from pipeline.results.result_store import open_store

    if plot is None and (market is not None or model is not None):
        raise QueryError("--market and --model say what to draw, with --plot FILE; 'beed query' lists fits.")
    results = open_store(store, sweep=sweep, date=date)
    if plot is not None:
        from pipeline.reporting.console.printing import print_line
        from pipeline.reporting.plots.market import plot_market

        drawn = plot_market(results, plot, market=market, model=model)
        print_facts(
            style, lambda console: print_line(console, f"Drawn into {drawn}."), lambda: {"drawn": drawn}
        )
        return
    from pipeline.reporting.console.summary import show_brief, show_sections, summary_facts

    summary = results.summary()

    def show(console: "Console") -> None:
        if everything or section:
            show_sections(console, summary, section or ())
        else:
            show_brief(console, summary, store)

    print_facts(style, show, lambda: summary_facts(summary, section or ()))


def report(
    store: StorePath,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="The page to write: .html.")],
    market: Markets = None,
    model: Annotated[
        str | None, typer.Option(help="Model to draw; by default the one of the verdict.")
    ] = None,
    limit: Annotated[
        int,
        typer.Option("--markets", min=1, help="Markets to draw at most, from the best to the worst fitted."),
    ] = 3,
    sweep: SweepName = None,
    date: Date = None,
) -> None:
    """Write a sweep as one HTML page that opens offline: models, f, shares, validation, what is not known."""
    from pipeline.reporting.page import write_report
    from pipeline.results.result_store import open_store

    results = open_store(store, sweep=sweep, date=date)
    page = write_report(results, out, markets=market, model=model, limit=limit)
    print(f"Written to {page}.")


def export(
    store: StorePath,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What to write; must not exist.")],
    style: Annotated[str | None, typer.Option("--format", help="zarr, netcdf or parquet.")] = None,
    sweep: SweepName = None,
    date: Date = None,
) -> None:
    """Write a sweep and its data as plain zarr (folder), netCDF (file .nc) or Parquet (folder of tables)."""
    from pipeline.results.result_store import open_store

    style = style or {".nc": "netcdf", ".parquet": "parquet"}.get(out.suffix, "zarr")
    print(f"Written to {open_store(store, sweep=sweep, date=date).export(out, style)} ({style}).")
