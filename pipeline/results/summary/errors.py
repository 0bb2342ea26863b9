"""Errors of forecasts over all markets: by periods ahead, and by every measure."""

from typing import Any

import numpy as np

from pipeline.results.frames.table import Table
from pipeline.results.tables.comparison import Losses, kinds
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.validation.metrics import METRICS, average, pool
from pipeline.validation.windows import kind_of


def by_horizon(losses: Losses, most: int = 6) -> Table:
    """Mean error over markets for some numbers of periods ahead: one row a contender, the best first.

    Those that failed in some case come last: their errors are over other cases, and `compare` counts them.
    """
    reach = losses.error.shape[-1]
    steps = (
        range(1, reach + 1)
        if reach <= most
        else sorted({*(2**k for k in range(most - 1) if 2**k < reach), reach})
    )
    columns = np.stack([average(losses.by_market(step), 0) for step in steps], axis=1) if reach else None
    if columns is None:
        return Table({"model": np.array([], object)})
    first = np.where(np.isnan(columns[:, 0]), np.inf, columns[:, 0])
    order = np.lexsort((first, ~losses.known().all(axis=1)))
    models = {"model": np.array(losses.contenders, dtype=object)[order]}
    return Table(models | {f"{step} ahead": columns[order, column] for column, step in enumerate(steps)})


def all_metrics(tables: SweepTables) -> Table:
    """Mean over markets of every metric, all windows of a kind and all periods ahead pooled.

    ``forecasts`` counts the forecasts (one a market and origin) that a mean is over: those with fewer than
    others failed in some, and `compare` holds them against others on the cases that both have.
    """
    arrays = tables.validation_arrays()
    metrics = [str(name) for name in tables.labels("metric")] if arrays else []
    names = ("window", "future", "model", "markets", "forecasts", *metrics)
    rows: list[tuple[Any, ...]] = []
    for kind in kinds(tables):
        windows = np.array([kind_of(str(name)) == kind for name in tables.labels("window")])
        error = np.asarray(arrays["error"].oindex[:, windows])
        pooled = pool(error, [name if name in METRICS else "mae" for name in metrics], 1)
        for column, future in enumerate(tables.labels("future")):
            for row, model in enumerate(tables.labels("model")):
                errors = pooled[:, row, column]
                count = int(np.sum(~np.isnan(errors).all(axis=1)))
                if count:
                    forecasts = int(np.sum(~np.isnan(error[:, :, row, column]).all(axis=-1)))
                    rows.append((kind, future, model, count, forecasts, *average(errors, 0).tolist()))
    return Table.from_rows(names, rows)
