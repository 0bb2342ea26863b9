"""Commands about studies: run, check, schema. Everything heavy is imported when its command runs."""

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Cluster, Metrics, Overrides, PlainFormat, RunSummary, StudyFile, Workers
from pipeline.cli.output import console_for, print_facts
from pipeline.config.engines import ENGINES, engines_with
from pipeline.errors import ExitCode, PlanError
from pipeline.signals import Stopped, last_signal
from pipeline.urls import has_user_info, without_user_info

if TYPE_CHECKING:
    from pipeline.config.sections.cluster import ClusterSection
    from pipeline.config.study import Study
    from pipeline.sweep.report import RunReport


def run(
    study: StudyFile,
    overrides: Overrides = None,
    cluster: Cluster = None,
    workers: Workers = None,
    retry: Annotated[
        str | None,
        typer.Option(
            metavar="failed[:REASON,...]",
            help="Do again what failed, from other starting points, and nothing else; all of it, or by "
            "reason: failed:not_finite,worker_crashed.",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Stop in order when this time is up (90s, 30m, 2h); what is finished is kept, and what is "
            f"left ends with exit code {ExitCode.TIME_UP.value}.",
        ),
    ] = None,
    metrics: Metrics = None,
    summary: RunSummary = None,
    style: PlainFormat = "table",
) -> None:
    """Run a study, going on where an earlier run left off. Running it twice does nothing the second time."""
    from pipeline.reporting.console.progress import choose_watcher
    from pipeline.reporting.console.tables import show_run
    from pipeline.sweep.attempts.metrics import measured
    from pipeline.sweep.attempts.retry import parse_retry
    from pipeline.sweep.attempts.run_summary import write_summary
    from pipeline.sweep.coordinator import run_study
    from pipeline.sweep.run import SweepOptions

    deadline = None if budget is None else time.monotonic() + duration(budget, "--budget")
    options = SweepOptions(retry=None if retry is None else parse_retry(retry), deadline=deadline)
    with measured(metrics, "run") as record:
        loaded = load(study, overrides, cluster, workers)
        record.study = loaded.study
        text = study_text(study, overrides)
        watcher = choose_watcher(console_for(style))
        if summary is not None:
            write_summary(summary, None)
        report = run_study(loaded, study_text=text, watcher=watcher, options=options)
        record.report = report
        if summary is not None:
            write_summary(summary, report.summary())
        print_facts(style, lambda console: show_run(console, report), report.summary)
        if code := exit_code(report):
            raise typer.Exit(code)


def exit_code(report: "RunReport") -> ExitCode:
    """Tell the shell how a run ended.

    Raises
    ------
    Stopped
        By a signal.
    """
    from pipeline.store.format.layout import SweepState

    if report.unfinished:
        return ExitCode.FAILURE
    if report.time_up:
        return ExitCode.TIME_UP
    if report.state != SweepState.DONE:
        raise Stopped(last_signal() or signal.SIGINT)
    return ExitCode.NO_FIT if report.no_fit else ExitCode.OK


def check(
    study: StudyFile,
    overrides: Overrides = None,
    cluster: Cluster = None,
    workers: Workers = None,
    style: PlainFormat = "table",
) -> None:
    """Check a study and its data, make a few fits, and show what running it would do. Nothing is written."""
    from kernels.numeric.jit import cache_note
    from pipeline.panel.open import open_study_panel
    from pipeline.reporting.console.facts import plan_facts
    from pipeline.reporting.console.tables import show_plan
    from pipeline.sweep.coordinator import estimate_study, plan_study

    loaded = load(study, overrides, cluster, workers)
    panel = open_study_panel(loaded)
    plan = plan_study(loaded, panel)
    if note := cache_note():
        console_for(style).print(f"Note: {note}", markup=False, highlight=False)
    estimate = estimate_study(loaded, panel, plan)
    print_facts(
        style,
        lambda console: show_plan(console, loaded, panel, plan, estimate),
        lambda: plan_facts(loaded, panel, plan, estimate),
    )


def schema() -> None:
    """Print the JSON schema of studies, for editors that complete and check YAML."""
    import json

    from pipeline.config.json_schema import study_schema

    print(json.dumps(study_schema(), indent=2))


def duration(text: str, option: str) -> float:
    """Read a length of time that an option was given, in seconds.

    Raises
    ------
    PlanError
        It is none.
    """
    from pipeline.config.duration import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise PlanError(f"{option}: {error}") from error


def load(study: Path, overrides: list[str] | None, cluster: str | None, workers: int | None) -> "Study":
    """Load a study with everything that the command line changes in it."""
    from pipeline.config.load import load_study

    loaded = load_study(study, overrides or ())
    for note in loaded.notes:
        print(f"Note: {note}", file=sys.stderr)
    if cluster is None and workers is None:
        return loaded
    return loaded.model_copy(update={"cluster": choose_cluster(loaded.cluster, cluster, workers)})


def choose_cluster(section: "ClusterSection", cluster: str | None, workers: int | None) -> "ClusterSection":
    """Make the `cluster` section that the command line asks for.

    Parameters
    ----------
    section
        That of the study; what it says for the kind that is wanted stays.
    cluster
        A kind, or the address of a scheduler.
    workers
        How many.

    Raises
    ------
    PlanError
        There is no such kind, or it has no number of workers.
    """
    kind = cluster if cluster is not None else section.kind
    content = section.model_dump(exclude_unset=True) if kind == section.kind else {}
    content["kind"] = kind
    if has_user_info(kind):
        raise PlanError(
            f"--cluster {without_user_info(kind)} has a name or password in it; dask knows none: protect a "
            "scheduler with tls:// and certificates."
        )
    if "://" in kind:
        content = {"kind": "address", "address": kind}
        if kind.startswith("tls://") and section.tls is not None:
            content["tls"] = section.tls.model_dump()
    if workers is not None:
        content["workers"] = workers
    takes_workers = engines_with("workers")
    hint = "" if workers is None else f" --workers goes with {' and '.join(takes_workers)} only."
    try:
        if workers is not None and content["kind"] not in takes_workers:
            raise ValueError(hint)
        return type(section).model_validate(content)
    except ValueError as error:  # pydantic's own error is one
        raise PlanError(
            f"--cluster {kind} is not possible; expected {', '.join(ENGINES)} with its settings in the "
            f"study, or an address such as tcp://host:8786.{hint}"
        ) from error


def study_text(study: Path, overrides: list[str] | None) -> str:
    """Give the study's file as it goes into the store, with the overrides on top as comments."""
    lines = [f"# --set {override}\n" for override in overrides or ()]
    return "".join(lines) + study.read_text(encoding="utf-8")
