"""Drift beside the fits of a vintage: written whole, once, before the vintage is published."""

from collections.abc import Mapping

import icechunk
import numpy as np
import zarr

from pipeline.store.format.drift import DRIFT_VARIABLES, MARKET_VARIABLES, drift_path
from pipeline.store.read import open_group
from pipeline.store.writing.arrays import write_coordinate, write_whole


def write_drift(
    session: icechunk.Session,
    sweep: str,
    markets: Mapping[str, np.ndarray],
    models: Mapping[str, Mapping[str, np.ndarray]],
    attributes: Mapping[str, object],
) -> None:
    """Write what has drifted into a writable session; nothing when it is there already.

    Parameters
    ----------
    session
        Writable.
    sweep
        The vintage.
    markets
        By the names in `pipeline.store.format.drift.MARKET_VARIABLES`, each of shape (L,).
    models
        For each model, by the names in `pipeline.store.format.drift.DRIFT_VARIABLES`.
    attributes
        Plain JSON values.
    """
    path = drift_path(sweep)
    if open_group(session, path) is not None:
        return
    group = zarr.create_group(session.store, path=path, zarr_format=3, attributes=dict(attributes))
    for variable in MARKET_VARIABLES:
        values = np.asarray(markets[variable.name])
        described = {"long_name": variable.long_name, "units": variable.units}
        labels = values.astype(np.int8) if values.dtype.kind == "b" else values
        write_coordinate(group, variable.name, variable.dims, labels, described)
    for model, arrays in models.items():
        model_group = zarr.create_group(session.store, path=drift_path(sweep, model), zarr_format=3)
        for variable in DRIFT_VARIABLES:
            write_whole(model_group, variable, arrays[variable.name])
