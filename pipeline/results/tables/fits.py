"""Fits, their parameters and their starts as tables."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.results.frames.table import Table
from pipeline.results.tables.cubes import (
    constant_columns,
    long_table,
    market_axes,
    model_by_model,
    read_cells,
)
from pipeline.results.tables.sweep_tables import Selection, SweepTables
from pipeline.status import Status
from pipeline.store.format.catalogue import RECOMMENDED
from pipeline.store.format.layout import STATISTIC_NAMES

UNDETERMINED = "undetermined"
"""What ``recommended`` says where the data do not determine a parameter."""
_FIXED = "fixed"
_STATUS_NAMES = {int(status): status.reason for status in Status}


def status_names(codes: np.ndarray) -> np.ndarray:
    """Turn status codes into names, as objects; codes of newer versions into ``status_<code>``."""
    unique, places = np.unique(codes, return_inverse=True)
    names = [_STATUS_NAMES.get(int(code), f"status_{code}") for code in unique]
    return np.array(names, dtype=object)[places] if names else np.array([], dtype=object)


@model_by_model
def fits(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every finished fit: model, form, response, market, window, status, the statistics."""
    arrays = tables.arrays(model)
    statistic = read_cells(arrays["statistic"], markets)
    axes = market_axes(tables, markets)
    cells = long_table(axes, {"code": read_cells(arrays["status"], markets)})
    columns = constant_columns(len(cells), **tables.described(model))
    columns |= {axis: cells[axis] for axis in axes}
    columns["status"] = status_names(cells["code"])
    stored = [str(name) for name in tables.labels("stat")]
    known = [name for name in STATISTIC_NAMES if name in stored]
    for name in known + [name for name in stored if name not in STATISTIC_NAMES]:
        columns[name] = statistic[..., stored.index(name)].ravel()
    return Table(columns).take(cells["code"] != Status.PENDING)


@model_by_model
def params(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every parameter of every usable fit: unit, value, stderr, at_bound, recommended.

    ``recommended`` is the method whose interval to trust, or why there is none; the value of what the data do
    not determine is left out, as its standard error is.
    """
    arrays = tables.arrays(model)
    values = {name: read_cells(arrays[name], markets) for name in ("value", "stderr", "at_bound")}
    axes = {**market_axes(tables, markets), "param": tables.params_of(model)}
    cells = long_table(axes, values)
    columns = {axis: cells[axis] for axis in axes}
    columns["unit"] = np.tile(tables.units_of(model), len(axes["market"]) * len(axes["window"]))
    columns |= {name: cells[name] for name in values}
    columns["recommended"] = _recommended(arrays, markets, cells["value"].size)
    undetermined = columns["recommended"] == UNDETERMINED
    columns["value"] = np.where(undetermined, np.nan, columns["value"])
    return Table(columns).take(~np.isnan(cells["value"]))


@dataclass(frozen=True, slots=True)
class Estimated:
    """The parameters of the fits of a model to all periods, as `params` has them, (market, param) each.

    Attributes
    ----------
    value, stderr
        nan where the data do not determine a parameter.
    known, fixed
        Whether there is a usable fit; whether the parameter was not free in it.
    """

    value: NDArray[np.float64]
    stderr: NDArray[np.float64]
    known: NDArray[np.bool_]
    fixed: NDArray[np.bool_]


def read_estimates(tables: SweepTables, model: str) -> Estimated:
    """Read the parameters of all fits of a model to all periods."""
    arrays = tables.arrays(model)
    value, stderr = (np.asarray(arrays[name][:, 0]) for name in ("value", "stderr"))
    codes = np.asarray(arrays["recommended"][:, 0]) if "recommended" in arrays else np.zeros(value.shape, int)
    undetermined, fixed = (codes == RECOMMENDED.index(word) for word in (UNDETERMINED, _FIXED))
    return Estimated(np.where(undetermined, np.nan, value), stderr, ~np.isnan(value), fixed)


def _recommended(arrays: Mapping[str, zarr.Array], markets: Selection, cells: int) -> np.ndarray:
    """Name the method to trust, cell by cell; empty in stores of early versions, which do not know it."""
    if "recommended" not in arrays:
        return np.full(cells, "", dtype=object)
    codes = np.minimum(read_cells(arrays["recommended"], markets).ravel(), len(RECOMMENDED))
    return np.array([*RECOMMENDED, "a code of a newer version"], dtype=object)[codes]


@model_by_model
def starts(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every start of every fit, with the cost it reached."""
    axes = {**market_axes(tables, markets), "start": tables.labels("start")}
    cost = read_cells(tables.arrays(model)["start_cost"], markets)
    return long_table(axes, {"cost": cost}, keep="cost")
