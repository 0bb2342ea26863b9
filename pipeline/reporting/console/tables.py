"""Tables for people: the plan of a study, what a run came to, the sweeps of a store."""

from rich.console import Console

from pipeline.config.engines import ENGINES
from pipeline.config.study import Study
from pipeline.executors.worker import count_workers
from pipeline.panel.panel import Panel
from pipeline.reporting.console.printing import MOST_ROWS, print_facts, print_line, print_table
from pipeline.reporting.console.summary import show_brief
from pipeline.results.frames.table import Table
from pipeline.results.result_store import open_store
from pipeline.store.format.layout import LOGICAL_DATE, SweepState
from pipeline.store.store import Store
from pipeline.sweep.before.cost import readable_bytes, readable_seconds
from pipeline.sweep.before.trial import Estimate
from pipeline.sweep.plan import Plan
from pipeline.sweep.report import RunReport


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


def show_run(console: Console, report: RunReport) -> None:
    """Print what a run came to, and how to ask for more."""
    if report.done:
        show_brief(console, open_store(report.store, sweep=report.sweep).summary(), report.store)
    lines = []
    if report.done:
        speed = report.done / max(report.seconds, 1e-9)
        lines.append(f"{report.done} fits in {readable_seconds(report.seconds)} ({speed:.3g} a second).")
    if report.state != SweepState.DONE:
        lines.append(_stopped(report))
    lines += [f"Unfinished: {sentence}" for sentence in report.unfinished[:MOST_ROWS]]
    lines += failure_lines(report)
    lines.append(f"Results: {report.store} (sweep {report.sweep})")
    lines.append(f'Ask:     beed query {report.store} --sort aic --limit 10   or --sql "select ..."')
    lines.append(f'         python: import beed; beed.open_store("{report.store}")')
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


def sweeps_table(store: Store) -> Table:
    """List the sweeps of a store, the oldest first, with the dates of recalibrations where there are any."""
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
    has_vintages = any(row[-1] is not None for row in rows)
    return Table.from_rows(names, rows).select(names if has_vintages else names[:-1])


def show_sweeps(console: Console, store: Store) -> None:
    """Print the sweeps of a store, the oldest first."""
    table = sweeps_table(store)
    if len(table):
        print_table(console, "", table, rows=1000)
    else:
        console.print(f"The store at {store.location.url} holds no sweep yet.", markup=False, highlight=False)
