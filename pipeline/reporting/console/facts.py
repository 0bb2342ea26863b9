"""What commands without a table of results have to say, as plain values for programs."""

from dataclasses import asdict
from typing import Any

from pipeline.config.study import Study
from pipeline.executors.worker import count_workers
from pipeline.panel.panel import Panel
from pipeline.planning.stored import deviations
from pipeline.results.result_store import open_store
from pipeline.store.prune import Pruned
from pipeline.sweep.before.trial import Estimate
from pipeline.sweep.plan import Plan
from pipeline.vintages.recalibrate import RecalibrationReport
from pipeline.vintages.retention import Retention


def plan_facts(study: Study, panel: Panel, plan: Plan, estimate: Estimate) -> dict[str, Any]:
    """Give what running a study would do; seconds are of one core."""
    return {
        "study": study.study,
        "sweep": plan.sweep,
        "store": study.store_location,
        "markets": plan.n_markets,
        "firms": plan.size.firms,
        "periods": plan.size.periods,
        "frequency": panel.frequency,
        "efforts": panel.efforts,
        "models": [
            {
                "model": model.variant.name,
                "free_parameters": model.columns,
                "seconds_per_fit": model.seconds_per_fit * estimate.factor,
            }
            for model in plan.models
        ],
        "windows": plan.layout.windows,
        "fits": plan.fits,
        "starts": plan.layout.n_starts,
        "tasks": len(plan.tasks),
        "bytes": plan.bytes,
        "seconds": estimate.seconds,
        "workers": count_workers(study.cluster),
        "cluster": study.cluster.kind,
        "notes": panel.notes,
        "warnings": [str(warning) for warning in plan.warnings],
    }


def pruned_facts(chosen: Retention, pruned: Pruned | None) -> dict[str, Any]:
    """Give what was removed; without `pruned`, what would be."""
    names = ("name", "state", "created", "date")
    return {
        "dry_run": pruned is None,
        "sweeps": [{name: getattr(head, name) for name in names} for head in chosen.sweeps],
        "tags": chosen.tags,
        "panels": () if pruned is None else pruned.panels,
        "bytes": None if pruned is None else pruned.bytes,
        "notes": chosen.notes,
    }


def recalibration_facts(report: RecalibrationReport) -> dict[str, Any]:
    """Give what a recalibration came to: its vintage, its run, its drift, and plans that are being flown."""
    vintage, drift = report.vintage, report.drift
    published = report.outcome == "published"
    results = open_store(report.store, sweep=vintage.study) if published else None
    flown = deviations(results) if results else ()
    return {
        "study": vintage.study,
        "date": vintage.date.key,
        "vintage": vintage.tag,
        "store": report.store,
        "outcome": report.outcome,
        "before": None if report.before is None else report.before.tag,
        "fitted": report.fitted,
        "carried": report.carried,
        "why": report.why,
        "drift": None
        if drift is None or results is None
        else {
            "since": drift.since,
            "alarm": drift.alarm,
            "markets": results.tables.labels("market")[drift.drifted],
            "of": int((drift.best_before != "").sum()),
            "thresholds": drift.thresholds.model_dump(mode="json"),
        },
        "plans": [asdict(one) | {"outside": one.outside} for one in flown],
        "run": None if report.run is None or not report.run.store else report.run.summary(),
    }
