"""The drift of a vintage as a table."""

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.results.tables.frame import Table
from pipeline.store.format.drift import drift_path
from pipeline.store.read import open_arrays, open_attributes

if TYPE_CHECKING:
    from pipeline.results.tables.fits import SweepTables

_COLUMNS = (
    "market",
    "model",
    "param",
    "since",
    "old",
    "old_stderr",
    "new",
    "new_stderr",
    "change",
    "exceeded",
    "periods",
    "forecast_rmse",
    "fit_rmse",
    "baseline_rmse",
    "best_before",
    "best_now",
    "best_changed",
    "drifted",
)


def drift_table(tables: "SweepTables") -> Table:
    """Compare with the vintage before: one row a market, model and parameter of the fits to all periods.

    Returns
    -------
    Table
        No rows for a sweep that is no vintage, or the first one. ``change`` is in standard errors of then,
        ``forecast_rmse`` the error of the shares forecast then for the ``periods`` that have come since.
    """
    session, name = tables.session, tables.info.name
    shared = open_arrays(session, drift_path(name))
    parts = []
    for model in tables.info.models:
        arrays = open_arrays(session, drift_path(name, model))
        if shared and arrays:
            parts.append(_model(tables, model, arrays, shared))
    if not parts:
        return Table.from_rows(_COLUMNS, [])
    return Table({column: np.concatenate([part[column] for part in parts]) for column in _COLUMNS})


def _model(tables: "SweepTables", model: str, arrays: dict[str, Any], shared: dict[str, Any]) -> Table:
    since = str(open_attributes(tables.session, drift_path(tables.info.name)).get("since", ""))
    params, markets = tables.params_of(model), tables.labels("market")
    own, size = tables.arrays(model), (len(markets), len(params))
    cubes = {key: np.asarray(arrays[key][...]) for key in ("old", "old_stderr", "change", "exceeded")}
    cubes["new"], cubes["new_stderr"] = (np.asarray(own[key][:, 0]) for key in ("value", "stderr"))
    rows = {
        key: np.asarray(arrays[key][...]) for key in ("periods", "forecast_rmse", "fit_rmse", "baseline_rmse")
    }
    rows |= {key: np.asarray(shared[key][...]) for key in ("best_before", "best_now", "drifted")}
    rows["market"] = markets
    rows["best_changed"] = rows["best_before"] != rows["best_now"]
    rows["drifted"] = rows["drifted"].astype(bool)
    cubes["exceeded"] = cubes["exceeded"].astype(bool)
    chosen = np.flatnonzero(~(np.isnan(cubes["old"]) & np.isnan(cubes["new"])).ravel())
    row, column = np.unravel_index(chosen, size)
    found = {key: values[row] for key, values in rows.items()}
    found |= {key: values.ravel()[chosen] for key, values in cubes.items()}
    found["param"] = params[column]
    found["model"] = np.full(chosen.size, model, dtype=object)
    found["since"] = np.full(chosen.size, since, dtype=object)
    for key in ("best_before", "best_now"):
        found[key] = found[key].astype(object)
    return Table({key: found[key] for key in _COLUMNS})
