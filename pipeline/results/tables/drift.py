"""The drift of a vintage as a table."""

from collections.abc import Mapping

import numpy as np
import zarr

from pipeline.results.frames.table import Table
from pipeline.results.tables.cubes import constant_columns
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.store.format.drift import drift_path
from pipeline.store.read import open_arrays, open_attributes

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
    "change_stderr",
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
_ERRORS = ("periods", "forecast_rmse", "fit_rmse", "baseline_rmse")


def drift(tables: SweepTables) -> Table:
    """One row for every market, model and parameter of the fits to all periods: then, now, the change.

    Returns
    -------
    Table
        No rows for a sweep that is no vintage, or the first one. ``change`` is in units of
        ``change_stderr`` (in those of ``old_stderr`` in stores of earlier versions), ``forecast_rmse`` the
        error of the shares forecast then for the ``periods`` that have come since.
    """
    session, name = tables.session, tables.info.name
    shared = open_arrays(session, drift_path(name))
    parts = []
    for model in tables.info.models:
        arrays = open_arrays(session, drift_path(name, model))
        if shared and arrays:
            parts.append(_of_model(tables, model, arrays, shared))
    if not parts:
        return Table.from_rows(_COLUMNS, [])
    return Table({column: np.concatenate([part[column] for part in parts]) for column in _COLUMNS})


def _of_model(
    tables: SweepTables, model: str, arrays: Mapping[str, zarr.Array], shared: Mapping[str, zarr.Array]
) -> Table:
    since = str(open_attributes(tables.session, drift_path(tables.info.name)).get("since", ""))
    params, markets = tables.params_of(model), tables.labels("market")
    estimates = tables.arrays(model)
    by_param = {key: np.asarray(arrays[key][...]) for key in ("old", "old_stderr", "change")}
    by_param["change_stderr"] = (
        np.asarray(arrays["change_stderr"][...])
        if "change_stderr" in arrays
        else np.full(by_param["old"].shape, np.nan)
    )
    by_param["exceeded"] = np.asarray(arrays["exceeded"][...]).astype(bool)
    by_param["new"], by_param["new_stderr"] = (
        np.asarray(estimates[key][:, 0]) for key in ("value", "stderr")
    )
    by_market = {key: np.asarray(arrays[key][...]) for key in _ERRORS}
    by_market |= {key: np.asarray(shared[key][...]) for key in ("best_before", "best_now")}
    by_market["drifted"] = np.asarray(shared["drifted"][...]).astype(bool)
    by_market["best_changed"] = by_market["best_before"] != by_market["best_now"]
    by_market["market"] = markets
    known = ~(np.isnan(by_param["old"]) & np.isnan(by_param["new"]))
    row, column = np.nonzero(known)
    columns = {key: values[row] for key, values in by_market.items()}
    columns |= {key: values[known] for key, values in by_param.items()}
    columns |= constant_columns(row.size, model=model, since=since)
    columns["param"] = params[column]
    for key in ("best_before", "best_now"):
        columns[key] = columns[key].astype(object)
    return Table({key: columns[key] for key in _COLUMNS})
