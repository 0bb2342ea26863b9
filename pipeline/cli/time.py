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
    Metrics,
    Model,
    Overrides,
    PlainFormat,
    Plot,
    SpreadsheetSafe,
    StorePath,
    StudyFile,
    Workers,
)
from pipeline.cli.output import console_for, print_facts, print_formatted
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
    metrics: Metrics = None,
    style: PlainFormat = "table",
) -> None:
    """Calibrate what has changed up to a date, and publish it as a vintage that stays readable for ever."""
    from pipeline.panel.dates import LogicalDate
    from pipeline.reporting.console.facts import recalibration_facts
    from pipeline.reporting.console.progress import choose_watcher
    from pipeline.reporting.console.vintages import show_recalibration
    from pipeline.sweep.attempts.metrics import measured
    from pipeline.vintages.recalibrate import recalibrate_study as make

    with measured(metrics, "recalibrate") as record:
        loaded = load(study, overrides, cluster, workers)
        record.study = loaded.study
        report = make(
            loaded,
            None if date is None else LogicalDate.parse(date),
            study_text=study_text(study, overrides),
            accept=accept,
            watcher=choose_watcher(console_for(style)),
        )
        record.report, record.facts["outcome"] = report.run, report.outcome
        record.facts["date"] = report.vintage.date.key
        print_facts(
            style,
            lambda console: show_recalibration(console, report),
            lambda: recalibration_facts(report),
        )
        if report.exit_code == ExitCode.INTERRUPTED:
            raise Stopped(last_signal() or signal.SIGINT)
        if report.exit_code:
            raise typer.Exit(report.exit_code)


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
    health: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep a file of JSON up to date for monitors: whether all is ok, when that was written, "
            "what runs since when, the last outcome of every study.",
        ),
    ] = None,
    metrics: Metrics = None,
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
    from pipeline.vintages.health import HealthFile
    from pipeline.vintages.log import JsonLog
    from pipeline.vintages.schedule import Entry, Scheduler

    file = None if health is None else HealthFile(health)
    log = JsonLog(sys.stdout, None if file is None else file.observe)

    def entry(path: Path) -> Entry:
        name = load(path, overrides, cluster, workers).study
        return Entry(name, lambda: (load(path, overrides, cluster, workers), study_text(path, overrides)))

    entries = [entry(path) for path in studies]
    Scheduler(entries, log, metrics=metrics, beat=None if file is None else file.beat).run()


def _program() -> list[str]:
    """Give the command that runs here, by its full path: schedulers have other search paths."""
    program = shutil.which("beed", path=str(Path(sys.executable).parent)) or shutil.which("beed")
    return [program] if program else [sys.executable, "-m", "pipeline.cli"]
