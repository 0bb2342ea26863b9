"""The section of a report about a vintage: what has moved since the one before it."""

import numpy as np

from pipeline.reporting.blocks import Block, Section, Text, grid
from pipeline.reporting.subject import ReportSubject
from pipeline.reporting.words import percentage
from pipeline.results.tables.drift import drift as drift_table

_OF_PARAMETERS = ("market", "param", "old", "old_stderr", "new", "new_stderr", "change", "exceeded")
_OF_MARKETS = ("market", "periods", "forecast_rmse", "fit_rmse", "baseline_rmse", "best_before", "best_now")


def drift(subject: ReportSubject) -> Section | None:
    """Show how the estimates of the model moved since the vintage before.

    Returns
    -------
    Section or None
        None for a store without vintages, and for the first of them.
    """
    table, model = drift_table(subject.results.tables), subject.shown.model
    if not len(table):
        return None
    if model in table["model"]:
        table = table.take(table["model"] == model)
    markets = table.take(np.unique(table["market"].astype(str), return_index=True)[1])
    drifted, changed = (int(np.sum(markets[name])) for name in ("drifted", "best_changed"))
    blocks: list[Block] = [
        Text(
            f"Since the vintage of {table['since'][0]}, {percentage(drifted, len(markets))} drifted beyond "
            f"the thresholds of the study, and {percentage(changed, len(markets))} had another best model."
        )
    ]
    size = np.nan_to_num(np.abs(table["change"]), nan=-1.0)
    blocks += grid(
        "Parameters, those that moved most first (change in standard errors of a change)",
        table.take(np.argsort(-size, kind="stable")).select(_OF_PARAMETERS),
        all_of_them="`select * from drift` gives all",
    )
    blocks += grid(
        "Markets, those that drifted first: forecasts made then against what has happened since",
        markets.take(np.argsort(~markets["drifted"].astype(bool), kind="stable")).select(_OF_MARKETS),
    )
    return Section("drift", "Drift", tuple(blocks))
