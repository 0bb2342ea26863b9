"""The section of a report about a vintage: what has moved since the one before it."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.reporting.blocks import Block, Section, Text, grid
from pipeline.reporting.words import percentage
from pipeline.results.tables.frame import Table

if TYPE_CHECKING:
    from pipeline.results.results import ResultStore

_OF_PARAMETERS = ("market", "param", "old", "old_stderr", "new", "new_stderr", "change", "exceeded")
_OF_MARKETS = ("market", "periods", "forecast_rmse", "fit_rmse", "baseline_rmse", "best_before", "best_now")


def drift(results: "ResultStore", model: str | None) -> Section | None:
    """Show how the estimates of a model moved since the vintage before.

    Returns
    -------
    Section or None
        None for a store without vintages, and for the first of them.
    """
    tables = results.tables
    build = (tables.builders | tables.derived).get("drift")
    table = build() if build is not None else Table({})
    if not len(table):
        return None
    own = table.take(table["model"] == model) if model in table["model"] else table
    first = own.take(np.unique(own["market"].astype(str), return_index=True)[1])
    drifted, changed = (int(np.sum(first[name])) for name in ("drifted", "best_changed"))
    count = len(first)
    blocks: list[Block] = [
        Text(
            f"Since the vintage of {own['since'][0]}, {percentage(drifted, count)} drifted beyond the "
            f"thresholds of the study, and {percentage(changed, count)} had another best model."
        )
    ]
    size = np.nan_to_num(np.abs(own["change"]), nan=-1.0)
    moved = own.take(np.argsort(-size, kind="stable"))
    blocks += grid(
        "Parameters, those that moved most first (change in standard errors of then)",
        Table({name: moved[name] for name in _OF_PARAMETERS if name in moved.columns}),
        all_of_them="`select * from drift` gives all",
    )
    worst = first.take(np.argsort(~first["drifted"].astype(bool), kind="stable"))
    blocks += grid(
        "Markets, those that drifted first: forecasts made then against what has happened since",
        Table({name: worst[name] for name in _OF_MARKETS if name in worst.columns}),
    )
    return Section("drift", "Drift", tuple(blocks))
