"""Fits, their parameters and their starts as tables."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from pipeline.results.frames.made import MadeColumns
from pipeline.results.frames.table import Table
from pipeline.results.tables.cubes import (
    long_table,
    market_axes,
    model_by_model,
    read_cells,
)
from pipeline.results.tables.sweep_tables import Selection, SweepTables
from pipeline.status import Status
from pipeline.store.format.catalogue import RECOMMENDED
from pipeline.store.format.layout import STATISTIC_NAMES

Makers = dict[str, Callable[[], np.ndarray]]
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
    arrays, axes = tables.arrays(model), market_axes(tables, markets)
    code = read_cells(arrays["status"], markets).ravel()
    cells = np.flatnonzero(code != Status.PENDING)
    statistic = cache(lambda: read_cells(arrays["statistic"], markets).reshape(len(code), -1))

    def column(name: str) -> np.ndarray:
        return statistic()[cells, stored.index(name)]

    makers: Makers = {
        name: partial(np.full, len(cells), value, dtype=object)
        for name, value in tables.described(model).items()
    }
    makers |= _labels(axes, cells)
    makers["status"] = lambda: status_names(code[cells])
    stored = [str(name) for name in tables.labels("stat")]
    known = [name for name in STATISTIC_NAMES if name in stored]
    for name in known + [name for name in stored if name not in STATISTIC_NAMES]:
        makers[name] = partial(column, name)
    return Table(MadeColumns(makers))


@model_by_model
def params(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every parameter of every usable fit: unit, value, stderr, at_bound, recommended.

    ``recommended`` is the method whose interval to trust, or why there is none; the value of what the data do
    not determine is left out, as its standard error is.
    """
    arrays = tables.arrays(model)
    axes = {**market_axes(tables, markets), "param": tables.params_of(model)}
    value = read_cells(arrays["value"], markets).ravel()
    cells = np.flatnonzero(~np.isnan(value))

    def of(name: str) -> np.ndarray:
        return read_cells(arrays[name], markets).ravel()[cells]

    @cache
    def recommended() -> np.ndarray:
        return of("recommended") if "recommended" in arrays else np.zeros(len(cells), np.int8)

    makers = _labels(axes, cells)
    makers["unit"] = lambda: tables.units_of(model)[cells % len(axes["param"])]
    undetermined = RECOMMENDED.index(UNDETERMINED)
    makers["value"] = lambda: np.where(recommended() == undetermined, np.nan, value[cells])
    makers |= {name: partial(of, name) for name in ("stderr", "at_bound")}
    names = np.array([*RECOMMENDED, "a code of a newer version"], dtype=object)
    makers["recommended"] = lambda: names[np.minimum(recommended(), len(RECOMMENDED))]
    return Table(MadeColumns(makers))


def _labels(axes: Mapping[str, np.ndarray], cells: np.ndarray) -> Makers:
    """Make the labels of cells of a cube, by their places in it when it is laid flat."""
    sizes = [len(labels) for labels in axes.values()]

    def column(place: int, labels: np.ndarray) -> np.ndarray:
        return labels[cells // math.prod(sizes[place + 1 :]) % sizes[place]]

    return {name: partial(column, place, labels) for place, (name, labels) in enumerate(axes.items())}


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


@model_by_model
def starts(tables: SweepTables, model: str, markets: Selection) -> Table:
    """One row for every start of every fit, with the cost it reached."""
    axes = {**market_axes(tables, markets), "start": tables.labels("start")}
    cost = read_cells(tables.arrays(model)["start_cost"], markets)
    return long_table(axes, {"cost": cost}, keep="cost")
