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
    """One row for every market, firm and period of every forecast: share, sales, expense at the estimates.

    Firms that enter follow those of the data.
    """
    axes, names = ("market", "firm", "future"), _AT_THE_ESTIMATES
    return _with_entrants(tables, axes, {name: name for name in names})


def forecast_takings(tables: SweepTables) -> Table:
    """One row for every market, firm and period of every forecast with entrants: what they take from it."""
    axes = ("market", "firm", "future")
    table = _table(tables, axes, {"share_without": "share_without", "share": "share"})
    taken = table.columns["share_without"] - table.columns["share"]
    return Table(dict(table.columns) | {"taken": taken})


def forecast_bands(tables: SweepTables) -> Table:
    """One row for every quantile of every share of every forecast, and of the sales."""
    axes = ("market", "quantile", "firm", "future")
    return _with_entrants(tables, axes, {"share": "share_quantile", "sales": "sales_quantile"})


def _with_entrants(tables: SweepTables, axes: Sequence[str], variables: dict[str, str]) -> Table:
    """Flatten variables of the firms of the data, and after them of those that enter."""
    known = _table(tables, axes, variables)
    entering = tuple("entrant" if axis == "firm" else axis for axis in axes)
    new = _table(tables, entering, {name: f"entrant_{stored}" for name, stored in variables.items()})
    if not len(new):
        return known
    columns = {"firm" if name == "entrant" else name: column for name, column in new.columns.items()}
    return Table(
        {
            name: np.concatenate([column.astype(object), columns[name]])
            if name == "firm"
            else np.concatenate([column, columns[name]])
            for name, column in known.columns.items()
        }
    )


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
