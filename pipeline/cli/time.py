"""Commands about time: recalibrate, history, schedule. Heavy imports wait for their command."""

import shutil
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import (
    Cluster,
    Format,
    Markets,
    Model,
    Overrides,
    Plot,
    SpreadsheetSafe,
    StorePath,
    StudyFile,
    Workers,
)
from pipeline.cli.output import print_formatted
from pipeline.cli.studies import load, study_text
from pipeline.errors import ExitCode
from pipeline.signals import Stopped, last_signal


def recalibrate(
    study: StudyFile,
    date: Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="What it is for: 2026-03-31, 2026-W13, 2026-03, or the number of a period; later data are "
            "not looked at. By default today (UTC), or the last period where periods are numbers.",
        ),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take the data as they are, however late or broken they look.")
    ] = False,
    overrides: Overrides = None,
    cluster: Cluster = None,
    workers: Workers = None,
) -> None:
    """Calibrate what has changed up to a date, and publish it as a vintage that stays readable for ever."""
    from pipeline.panel.dates import LogicalDate
    from pipeline.reporting.console.printing import make_console
    from pipeline.reporting.console.progress import choose_watcher
    from pipeline.reporting.console.vintages import show_recalibration
    from pipeline.vintages.recalibrate import recalibrate_study as make

    loaded = load(study, overrides, cluster, workers)
    console = make_console()
    report = make(
        loaded,
        None if date is None else LogicalDate.parse(date),
        study_text=study_text(study, overrides),
        accept=accept,
        watcher=choose_watcher(console),
    )
    show_recalibration(console, report)
    if report.run is not None and report.run.unfinished:
        raise typer.Exit(ExitCode.FAILURE)
    if report.outcome == "interrupted":
        raise Stopped(last_signal() or signal.SIGINT)
    if report.drift is not None and report.drift.alarm and report.outcome == "published":
        raise typer.Exit(ExitCode.DRIFT)


def history(
    store: StorePath,
    market: Markets = None,
    param: Annotated[
        str | None, typer.Option(help="This parameter; * stands for anything. By default all of f, M and γ.")
    ] = None,
    model: Model = None,
    study: Annotated[str | None, typer.Option(help="Name of the study, when the store has several.")] = None,
    plot: Plot = None,
    style: Format = "table",
    spreadsheet_safe: SpreadsheetSafe = False,
) -> None:
    """Follow parameters through the vintages of a store: of some markets, or the median over all."""
    from pipeline.results.history import history as follow
    from pipeline.store.store import Store

    table = follow(Store.open(store), study=study, market=market, model=model, param=param)
    print_formatted(table, style, spreadsheet_safe=spreadsheet_safe)
    if plot is not None:
        from pipeline.reporting.plots.history import plot_history

        typer.echo(f"Drawn into {plot_history(table, plot)}.", err=True)


def schedule(
    studies: Annotated[list[Path], typer.Argument(metavar="STUDY...", help="Studies with a schedule.")],
    style: Annotated[
        str | None,
        typer.Option(
            "--print", metavar="KIND", help="Do not run; print units for cron, systemd or kubernetes instead."
        ),
    ] = None,
    image: Annotated[str, typer.Option(help="Container image, with --print kubernetes.")] = "beed:latest",
    overrides: Overrides = None,
    cluster: Cluster = None,
    workers: Workers = None,
) -> None:
    """Recalibrate studies on their schedules until stopped, missed dates first; the log is lines of JSON."""
    if style is not None:
        from pipeline.vintages.units import Job, print_units

        options = [word for override in overrides or () for word in ("--set", override)]
        options += [] if cluster is None else ["--cluster", cluster]
        options += [] if workers is None else ["--workers", str(workers)]
        loaded = [Job(path, load(path, overrides, cluster, workers), tuple(options)) for path in studies]
        print(print_units(loaded, style, _program(), image), end="")
        return
    from pipeline.vintages.log import JsonLog
    from pipeline.vintages.schedule import Entry, Scheduler

    def entry(path: Path) -> Entry:
        name = load(path, overrides, cluster, workers).study
        return Entry(name, lambda: (load(path, overrides, cluster, workers), study_text(path, overrides)))

    Scheduler([entry(path) for path in studies], JsonLog(sys.stdout)).run()


def _program() -> list[str]:
    """Give the command that runs here, by its full path: schedulers have other search paths."""
    program = shutil.which("beed", path=str(Path(sys.executable).parent)) or shutil.which("beed")
    return [program] if program else [sys.executable, "-m", "pipeline.cli"]
