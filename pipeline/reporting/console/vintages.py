"""What people see of vintages: what a recalibration came to, and how far it is from the one before."""

import numpy as np
from rich.console import Console

from pipeline.reporting.console.tables import print_facts, print_table
from pipeline.results.results import open_store
from pipeline.results.tables.frame import Table
from pipeline.sweep.cost import readable_seconds
from pipeline.vintages.drift import Drift
from pipeline.vintages.recalibrate import RecalibrationReport

_ROWS = 12
_SHOWN = ("market", "model", "param", "old", "old_stderr", "new", "new_stderr", "change", "exceeded")
_FORECASTS = ("market", "model", "periods", "forecast_rmse", "fit_rmse", "baseline_rmse", "drifted")


def show_recalibration(console: Console, report: RecalibrationReport) -> None:
    """Print what a recalibration did, its drift, and how to ask for more."""

    def line(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    vintage, ask = report.vintage, f"beed query {report.store} --date {report.vintage.date}"
    if report.outcome == "done":
        line(f"The vintage {vintage.tag} has been published before; nothing to do.")
        line(f"Ask:     {ask}")
        return
    if report.run is not None:
        for sentence in report.run.unfinished[:_ROWS]:
            line(f"Unfinished: {sentence}")
    if report.outcome == "interrupted":
        line(f"Stopped; everything finished is kept, and no vintage {vintage.tag} yet. Run again to go on.")
        return
    if report.drift is not None:
        table = open_store(report.store, sweep=vintage.study, date=vintage.date.key).tables.derived["drift"]()
        show_drift(console, report.drift, table)
    seconds = readable_seconds(report.run.seconds) if report.run is not None else "no time"
    line(
        f"Published {vintage.tag}: {report.fitted} markets calibrated, {report.carried} taken over, "
        f"{seconds}."
    )
    line(f"Ask:     {ask}")
    line(f'         beed query {report.store} --sql "select * from drift"   or beed history {report.store}')
    line(f'         python: import pipeline; pipeline.open_store("{report.store}", date="{vintage.date}")')


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
    largest = Table({name: largest[name] for name in _SHOWN})
    print_table(console, "Largest changes, in standard errors of then (best models of then)", largest, _ROWS)
    single = {key: place for place, key in reversed(list(enumerate(best["market"].tolist())))}
    markets = best.take(np.array(sorted(single.values()), dtype=np.intp))
    known = markets.take(~np.isnan(markets["forecast_rmse"].astype(float)))
    if len(known):
        ratio = known["forecast_rmse"] / known["fit_rmse"]
        known = known.take(np.argsort(-ratio, kind="stable"))
        title = "Forecasts made then against what has happened (rmse of shares; baseline: no change)"
        print_table(console, title, Table({name: known[name] for name in _FORECASTS}), _ROWS)
    changed = markets.take(markets["best_changed"].astype(bool))
    print_table(
        console,
        "Other best models",
        Table({name: changed[name] for name in ("market", "best_before", "best_now")}),
        _ROWS,
    )
    count, size_all = int(drift.drifted.sum()), int((drift.best_before != "").sum())
    sentence = f"{count} of {size_all} markets have drifted beyond the thresholds."
    console.print(sentence, style="bold red" if drift.alarm else "", highlight=False)
