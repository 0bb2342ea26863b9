"""The forecasts stored beside the fits of a sweep as flat tables."""

from collections.abc import Sequence

import numpy as np

from pipeline.results.frames.table import Table
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.store.forecast import list_forecasts
from pipeline.store.format.forecast import forecasts_path
from pipeline.store.read import open_arrays, read_labels

_AT_THE_ESTIMATES = ("share", "sales", "expense")


def forecasts(tables: SweepTables) -> Table:
    """One row for every market, firm and period of every forecast: share, sales, expense at the estimates."""
    return _table(tables, ("market", "firm", "future"), {name: name for name in _AT_THE_ESTIMATES})


def forecast_bands(tables: SweepTables) -> Table:
    """One row for every quantile of every share of every forecast, and of the sales."""
    axes = ("market", "quantile", "firm", "future")
    return _table(tables, axes, {"share": "share_quantile", "sales": "sales_quantile"})


def _table(tables: SweepTables, axes: Sequence[str], variables: dict[str, str]) -> Table:
    """Flatten variables with the same axes, the first of which says by nan what was not forecast."""
    session, names = tables.session, list_forecasts(tables.session, tables.info.name)
    columns = ["forecast", *("time" if axis == "future" else axis for axis in axes), *variables]
    parts: dict[str, list[np.ndarray]] = {name: [] for name in columns}
    for name in names:
        path = f"{forecasts_path(tables.info.name)}/{name}"
        arrays = open_arrays(session, path)
        if any(stored not in arrays for stored in variables.values()):
            continue  # a forecast without draws has no bands
        values = [np.asarray(arrays[stored][...]) for stored in variables.values()]
        cells = np.nonzero(~np.isnan(values[0]))
        labels = [
            tables.labels(axis) if axis in ("market", "firm") else read_labels(session, f"{path}/{axis}")
            for axis in axes
        ]
        rows = [np.full(cells[0].size, name, dtype=object)]
        rows += [label[cell] for label, cell in zip(labels, cells, strict=True)]
        rows += [value[cells] for value in values]
        for column, part in zip(columns, rows, strict=True):
            parts[column].append(part)
    empty = np.empty(0, dtype=object)
    return Table({name: np.concatenate(part) if part else empty for name, part in parts.items()})
