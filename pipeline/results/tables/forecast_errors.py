"""The errors of the forecasts that validation made, as tables."""

from collections.abc import Sequence

import numpy as np

from pipeline.results.frames.table import Table
from pipeline.results.tables.cubes import long_table, market_axes, read_cells
from pipeline.results.tables.sweep_tables import ALL_MARKETS, Selection, SweepTables


def validation(
    tables: SweepTables, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS
) -> Table:
    """One row for every error of forecasts: market, window, model or baseline, future, metric."""
    return _errors(tables, "error", ("model", "future", "metric"), models, markets)


def horizons(
    tables: SweepTables, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS
) -> Table:
    """One row for every error of one period ahead: as `validation`, with the step."""
    return _errors(tables, "step_error", ("model", "future", "step", "metric"), models, markets)


def _errors(
    tables: SweepTables,
    name: str,
    dims: tuple[str, ...],
    models: Sequence[str] | None,
    markets: Selection,
) -> Table:
    arrays, axes = tables.validation_arrays(), market_axes(tables, markets)
    if name not in arrays:
        axes |= {dim: np.arange(0) if dim == "step" else np.array([], object) for dim in dims}
        return long_table(axes, {"error": np.empty([len(labels) for labels in axes.values()])})
    axes |= {dim: tables.labels(dim) for dim in dims}
    table = long_table(axes, {"error": read_cells(arrays[name], markets)}, keep="error")
    return table if models is None else table.take(np.isin(table["model"].astype(str), list(models)))
