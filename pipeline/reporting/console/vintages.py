"""What people see of vintages: what a recalibration came to, and how far it is from the one before."""

import numpy as np
from rich.console import Console

from pipeline.planning.stored import deviations
from pipeline.reporting.console.deviations import show_deviations
from pipeline.reporting.console.printing import MOST_ROWS, print_facts, print_line, print_table
from pipeline.reporting.console.tables import failure_lines
from pipeline.results.frames.table import Table
from pipeline.results.result_store import open_store
from pipeline.results.tables.drift import drift as drift_table
from pipeline.sweep.before.cost import readable_seconds
from pipeline.vintages.drift import Drift
from pipeline.vintages.recalibrate import RecalibrationReport

_SHOWN = ("market", "model", "param", "old", "old_stderr", "new", "new_stderr", "change", "exceeded")
_FORECASTS = ("market", "model", "periods", "forecast_rmse", "fit_rmse", "baseline_rmse", "drifted")


def show_recalibration(console: Console, report: RecalibrationReport) -> None:
    """Print what a recalibration did, its drift, and how to ask for more."""
    vintage, store = report.vintage, report.store
    unfinished = () if report.run is None else report.run.unfinished
    lines = [f"Unfinished: {sentence}" for sentence in unfinished[:MOST_ROWS]]
    ask = f"Ask:     beed query {store} --date {vintage.date}"
    if report.outcome == "done":
        lines = [f"The vintage {vintage.tag} has been published before; nothing to do.", ask]
    elif report.outcome == "interrupted":
        lines.append(
            f"Stopped; everything finished is kept, and no vintage {vintage.tag} yet. Run again to go on."
        )
    else:
        if report.drift is not None:
            results = open_store(store, sweep=vintage.study, date=vintage.date.key)
            show_drift(console, report.drift, drift_table(results.tables))
        lines += [] if report.run is None else failure_lines(report.run)
        seconds = readable_seconds(report.run.seconds) if report.run is not None else "no time"
        lines += [
            f"Published {vintage.tag}: {report.fitted} markets calibrated, {report.carried} taken over, "
            f"{seconds}.",
            ask,
            f'         beed query {store} --sql "select * from drift"   or beed history {store}',
            f'         python: import beed; beed.open_store("{store}", date="{vintage.date}")',
        ]
    for line in lines:
        print_line(console, line)
    if report.outcome == "published":
        show_deviations(console, deviations(open_store(store, sweep=vintage.study)), store)


def show_drift(console: Console, drift: Drift, table: Table) -> None:
    """Print the largest changes, how forecasts did, and which models took over."""
    thresholds = drift.thresholds
    words = {
        "change": "not watched" if thresholds.change is None else f"{thresholds.change:g} standard errors",
        "forecast": "not watched"
        if thresholds.forecast is None
        else f"{thresholds.forecast:g} x rmse of the fit",
        "best model": "watched" if thresholds.best_model else "not watched",
        "markets": f"more than {thresholds.markets:.0%} of them",
    }
    print_facts(console, f"Drift since {drift.since}: beyond", words)
    best = table.take(table["model"] == table["best_before"])
    known = best.take(~np.isnan(best["change"].astype(float)))
    largest = known.take(np.argsort(-np.abs(known["change"].astype(float)), kind="stable"))
    title = "Largest changes, in standard errors of a change (best models of then)"
    print_table(console, title, largest.select(_SHOWN))
    markets = best.take(np.sort(np.unique(best["market"].astype(str), return_index=True)[1]))
    known = markets.take(~np.isnan(markets["forecast_rmse"].astype(float)))
    if len(known):
        ratio = known["forecast_rmse"] / known["fit_rmse"]
        known = known.take(np.argsort(-ratio, kind="stable"))
        title = "Forecasts made then against what has happened (rmse of shares; baseline: no change)"
        print_table(console, title, known.select(_FORECASTS))
    changed = markets.take(markets["best_changed"].astype(bool))
    print_table(
        console,
        "Other best models",
        changed.select(("market", "best_before", "best_now")),
    )
    count, size_all = int(drift.drifted.sum()), int((drift.best_before != "").sum())
    sentence = f"{count} of {size_all} markets have drifted beyond the thresholds."
    console.print(sentence, style="bold red" if drift.alarm else "", highlight=False)
