"""What is known of the uncertainty of fits as tables: replicates, intervals, weak directions."""

import numpy as np

from pipeline.fitting.uncertainty.weak_directions import describe_direction
from pipeline.results.frames.table import Table
from pipeline.results.tables.cubes import long_table, market_axes, model_by_model, read_cells
from pipeline.results.tables.sweep_tables import Selection, SweepTables


@model_by_model
def replicates(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every parameter of every bootstrap replicate."""
    arrays, axes, params = tables.arrays(model), market_axes(tables, markets), tables.params_of(model)
    if "replicate_value" in arrays:
        axes |= {"replicate": tables.labels("replicate"), "param": params}
        values = read_cells(arrays["replicate_value"], markets)
    else:
        axes |= {"replicate": np.arange(0), "param": params}
        values = _no_cells(axes)
    return long_table(axes, {"value": values}, keep="value")


@model_by_model
def intervals(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every interval of every parameter: method, level, lower and upper end."""
    arrays, axes = tables.arrays(model), market_axes(tables, markets)
    if "interval" in arrays:
        axes |= {"method": tables.labels("interval_method"), "param": tables.params_of(model)}
        axes["level"] = tables.labels("level")
        ends = read_cells(arrays["interval"], markets)
    else:
        axes |= {name: np.array([], object) for name in ("method", "param")} | {"level": np.empty(0)}
        ends = _no_cells(axes, 2)
    known = np.where(np.isnan(ends).all(axis=-1), np.nan, 1.0)
    table = long_table(axes, {"lower": ends[..., 0], "upper": ends[..., 1], "known": known}, keep="known")
    return table.select([name for name in table.columns if name != "known"])


@model_by_model
def directions(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every direction that the data see badly: its strength, and what it means in words."""
    arrays, axes = tables.arrays(model), market_axes(tables, markets)
    if "direction" not in arrays:
        axes["direction"] = np.arange(0)
        table = long_table(axes, {"strength": _no_cells(axes)})
        return Table(dict(table.columns) | {"sentence": np.array([], object)})
    names = [str(name) for name in tables.params_of(model)]
    strength, loading, sensitivity, value = (
        read_cells(arrays[name], markets)
        for name in ("direction_strength", "direction", "sensitivity", "value")
    )
    axes["direction"] = np.arange(strength.shape[-1])
    table = long_table(axes, {"strength": strength}, keep="strength")
    sentences = [
        describe_direction(names, loading[cell], sensitivity[cell[:2]], value[cell[:2]], strength[cell])
        for cell in map(tuple, np.argwhere(~np.isnan(strength)))
    ]
    return Table(dict(table.columns) | {"sentence": np.array(sentences, object)})


def _no_cells(axes: dict[str, np.ndarray], *further: int) -> np.ndarray:
    """Give the cells of what a store does not have: an axis of theirs is empty."""
    return np.empty([*(len(labels) for labels in axes.values()), *further])
