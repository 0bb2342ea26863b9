"""Turning stored cubes, the first axis of which is the market, into the rows of a table."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from typing import Protocol

import numpy as np
import zarr

from pipeline.results.frames.made import MadeColumns
from pipeline.results.frames.table import Table
from pipeline.results.tables.sweep_tables import ALL_MARKETS, Selection, SweepTables


class Builder(Protocol):
    """What builds a table of what is stored: of all models and markets, or of some."""

    def __call__(
        self, tables: SweepTables, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS
    ) -> Table:
        """Build it."""
        ...


def read_cells(array: zarr.Array, markets: Selection) -> np.ndarray:
    """Read some markets of an array; only their chunks."""
    return np.asarray(array[markets] if isinstance(markets, slice) else array.oindex[markets])


def market_axes(tables: SweepTables, markets: Selection) -> dict[str, np.ndarray]:
    """Labels of the axes that all results have: markets, windows."""
    return {"market": tables.labels("market")[markets], "window": tables.labels("window")}


def long_table(
    axes: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray], keep: str | None = None
) -> Table:
    """Flatten cubes with the same axes; with ``keep``, only cells where that one is not nan."""
    shape = tuple(len(labels) for labels in axes.values())
    cells = np.flatnonzero(~np.isnan(values[keep])) if keep else np.arange(int(np.prod(shape)))
    places = np.unravel_index(cells, shape)
    columns = {name: labels[place] for (name, labels), place in zip(axes.items(), places, strict=True)}
    return Table(columns | {name: cube.ravel()[cells] for name, cube in values.items()})


def constant_columns(rows: int, **values: str) -> dict[str, np.ndarray]:
    """Make columns that have one value in all rows."""
    return {name: np.full(rows, value, dtype=object) for name, value in values.items()}


def model_by_model(build: Callable[[SweepTables, str, Selection], Table]) -> Builder:
    """Make a builder for some models (all when None) of one for a single model, whose name comes first."""

    @wraps(build)
    def built(
        tables: SweepTables, models: Sequence[str] | None = None, markets: Selection = ALL_MARKETS
    ) -> Table:
        parts = {model: build(tables, model, markets) for model in models or tables.info.models}
        counts = [len(part) for part in parts.values()]
        first = next(iter(parts.values()))

        def join(name: str) -> np.ndarray:
            return np.concatenate([part[name] for part in parts.values()])

        names = {"model": lambda: np.repeat(np.array([*parts], dtype=object), counts)}
        return Table(MadeColumns(names | {name: partial(join, name) for name in first.columns}))

    return built
