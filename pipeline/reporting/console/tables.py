"""Tables for people: the plan of a study, what a run came to, the sweeps of a store."""

import numpy as np
from rich.console import Console

from pipeline.config.engines import ENGINES
from pipeline.config.study import Study
from pipeline.executors.worker import count_workers
from pipeline.panel.panel import Panel
from pipeline.reporting.console.printing import MOST_ROWS, print_facts, print_line, print_table
from pipeline.reporting.words import CORRELATED_ERRORS, cases
from pipeline.results.frames.table import Table
from pipeline.results.summary import Summary
from pipeline.results.tables.residual_checks import describe_orders
from pipeline.results.verdict import Verdict
from pipeline.store.format.layout import LOGICAL_DATE, SweepState
from pipeline.store.store import Store
from pipeline.sweep.before.cost import readable_bytes, readable_seconds
from pipeline.sweep.before.trial import Estimate
from pipeline.sweep.plan import Plan
from pipeline.sweep.run import RunReport


def show_plan(console: Console, study: Study, panel: Panel, plan: Plan, estimate: Estimate) -> None:
    """Print what running a study would do, and what it cannot learn from its data."""
    workers = count_workers(study.cluster)
    seconds = readable_seconds(estimate.seconds / max(workers, 1))
    tried = f"from {estimate.fits} fit{'s' * (estimate.fits != 1)} made now"
    if estimate.compiled:
        tried += f"; compiling took {readable_seconds(estimate.compiled)} and is done, for this computer"
    engine = ENGINES[study.cluster.kind]
    where = (
        f"{workers} worker processes, which start in some 5 s"
        if engine.where == "this computer"
        else engine.help
    )
    facts = {
        "sweep": plan.sweep,
        "store": study.store_location,
        "markets": f"{plan.n_markets}",
        "firms": f"{plan.size.firms}",
        "periods": f"{plan.size.periods} of {panel.frequency}",
        "efforts": ", ".join(panel.efforts),
        "models": f"{len(plan.models)}",
        "windows": ", ".join(plan.layout.windows),
        "fits": f"{plan.fits}, {plan.layout.n_starts} starts each",
        "chunks": f"{plan.chunks} of {plan.layout.chunk} markets, {len(plan.tasks)} tasks",
        "bytes": f"{readable_bytes(plan.bytes)} before compression",
        "time": f"about {seconds} {'' if workers else 'of one core '}({where}), {tried}",
    }
    if "recalibration" in study.model_fields_set:
        facts["recalibration"] = _recalibration(study)
    print_facts(console, f"Study {study.study}: ready to run", facts)
    models = [
        (model.variant.name, model.columns, readable_seconds(model.seconds_per_fit * estimate.factor))
        for model in plan.models
    ]
    print_table(console, "Models", Table.from_rows(("model", "free parameters", "time per fit"), models))
    for note in panel.notes:
        console.print(f"Note: {note}", markup=False, highlight=False)
    for warning in plan.warnings:
        console.print(f"Warning: {warning}", style="yellow", markup=False, highlight=False)


def _recalibration(study: Study) -> str:
    """Say how a study is kept current."""
    asked, limits = study.recalibration, study.recalibration.thresholds
    drift = [] if limits.change is None else [f"{limits.change:g} standard errors"]
    drift += [] if limits.forecast is None else [f"forecasts {limits.forecast:g} times worse than fits"]
    drift += ["another best model"] if limits.best_model else []
    when = "by hand" if asked.schedule is None else f"on the schedule {asked.schedule!r} (UTC)"
    return f"{when}, window {asked.window}, drift beyond {' or '.join(drift) or 'nothing'}"


def show_report(console: Console, report: RunReport, summary: Summary | None) -> None:
    """Print what a run came to, and how to ask for more."""
    if summary is not None and report.done:
        show_summary(console, summary)
    lines = []
    if report.done:
        speed = report.done / max(report.seconds, 1e-9)
        lines.append(f"{report.done} fits in {readable_seconds(report.seconds)} ({speed:.3g} a second).")
    if report.state != SweepState.DONE:
        lines.append(_stopped(report))
    lines += [f"Unfinished: {sentence}" for sentence in report.unfinished[:MOST_ROWS]]
    lines += failure_lines(report)
    lines.append(f"Results: {report.store} (sweep {report.sweep})")
    lines.append(f"Ask:     beed show {report.store}")
    lines.append(f'         beed query {report.store} --sort aic --limit 10   or --sql "select ..."')
    lines.append(f'         python: import pipeline; pipeline.open_store("{report.store}")')
    for line in lines:
        print_line(console, line)


def _stopped(report: RunReport) -> str:
    """Say what is left of a run that has not reached its end."""
    stopped = "The time is up" if report.time_up else "Stopped"
    sentence = f"{stopped} with {report.left} fits to do; everything finished is kept. Run again to go on"
    if report.seconds_left:
        sentence += f": about {readable_seconds(report.seconds_left)} on the same workers"
    return f"{sentence}."


def failure_lines(report: RunReport) -> list[str]:
    """Count fits without a usable result by reason: of the sweep, or of this run where it is incomplete."""
    counts = {
        status: count
        for status, count in (report.statuses or report.failures).items()
        if count and (status.failed or report.no_fit)
    }
    if not counts:
        return []
    size_all = sum(report.statuses.values()) if report.statuses else report.done
    reasons = sorted(counts.items(), key=lambda item: -item[1])
    lines = [f"Without a usable result: {sum(counts.values())} of {size_all} fits."]
    lines += [f"  {count} {status.reason}: {status.sentence}" for status, count in reasons]
    if report.no_fit:
        lines.append(f"No fit of the sweep {report.sweep} has a usable result: there is nothing to ask it.")
    return lines


def show_summary(console: Console, summary: Summary) -> None:
    """Print the tables of a summary that have something to say."""
    sweep = summary.sweep
    print_facts(
        console,
        f"Sweep {sweep.name}",
        {"state": sweep.state.value, "created": sweep.created, "markets": str(sweep.n_markets)},
    )
    print_verdict(console, summary.verdict)
    for sentence in (*summary.instruments, *summary.experiments):
        console.print(sentence, markup=False, highlight=False)
    if summary.assumption:
        print_line(console, f"{summary.assumption}\n")
    print_table(console, f"Models (window {summary.window}; medians over markets)", summary.models, rows=40)
    print_table(console, "Best model by market", summary.best)
    print_table(console, "Recovered against the truth", summary.recovered)
    print_table(console, "Choice of model by fit and by forecast density", summary.choice, rows=40)
    print_table(console, "Returns to scale γ and half-life of adjustments", summary.regimes, rows=40)
    print_table(console, "Errors of forecasts (means over markets)", summary.validation, rows=80)
    _print_comparisons(console, summary.comparison)
    for future, table in summary.horizons.items():
        print_table(console, f"Rmse by periods ahead of rolling origins (efforts {future})", table, rows=40)
    print_table(console, "Parameters at a bound", summary.at_bounds)
    print_table(console, "What the data do not determine (no standard error is given)", summary.undetermined)
    print_table(console, "What the data determine only weakly", summary.weak)
    print_table(console, "Errors correlated from one period to the next", summary.serial)
    if len(summary.serial):
        console.print(CORRELATED_ERRORS, style="yellow", markup=False, highlight=False)
    _print_checks(console, summary)
    print_table(console, "Failures by reason", summary.failures)
    print_table(console, "Usable fits without a forecast", summary.no_forecast)


def _print_checks(console: Console, summary: Summary) -> None:
    """Print what tests of residuals found, and say it of the model to use."""
    print_table(console, "Tests of residuals (fits flagged at 5 %, and by chance alone)", summary.checks)
    print_table(console, "Order of the autoregression of errors (fits)", summary.orders)
    if summary.verdict.model is not None:
        for sentence in describe_orders(summary.orders, summary.verdict.model):
            line = f"{summary.verdict.model}: {sentence}"
            console.print(line, style="yellow", markup=False, highlight=False)


def print_verdict(console: Console, verdict: Verdict) -> None:
    """Print the verdict on a sweep: sentences, then what not to trust."""
    console.print("Verdict", style="bold", markup=False, highlight=False)
    for sentence in verdict.sentences:
        console.print(f"  {sentence}", markup=False, highlight=False)
    for sentence in verdict.cautions:
        console.print(f"  Caution: {sentence}", style="yellow", markup=False, highlight=False)
    console.print()


def _print_comparisons(console: Console, table: Table) -> None:
    """Print who wins, by how much and whether by more than chance, for each kind of window and future."""
    for case in cases(table):
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
        print_table(console, title, case.select(shown), rows=40)


def show_sweeps(console: Console, store: Store) -> None:
    """Print the sweeps of a store, the oldest first."""
    rows = []
    for info in store.sweeps():
        sweep = store.sweep(info.name)
        left = 0
        if not info.compacted:
            pending = (part for model in info.models for part in sweep.pending(model))
            left = sum(part.stop - part.start for part in pending) * info.n_windows
        rows.append(
            (
                info.name,
                info.state.value,
                f"{info.n_fits - left}/{info.n_fits}",
                info.created,
                len(info.models),
                info.n_markets,
                info.study_hash[:8],
                info.data_hash[:8],
                info.attributes.get(LOGICAL_DATE),
            )
        )
    names = (
        "sweep",
        "state",
        "fits done",
        "created",
        "models",
        "markets",
        "study hash",
        "data hash",
        "vintage",
    )
    if rows:
        table = Table.from_rows(names, rows)
        has_vintages = any(date is not None for date in table["vintage"].tolist())
        print_table(console, "", table.select(names if has_vintages else names[:-1]), rows=1000)
    else:
        console.print(f"The store at {store.location.url} holds no sweep yet.", markup=False, highlight=False)
