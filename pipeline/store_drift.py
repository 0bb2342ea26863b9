"""Drift beside the fits of a vintage: written whole, once, before the vintage is published."""

from typing import TYPE_CHECKING

import icechunk
import numpy as np
import zarr

from pipeline.schema_drift import DRIFT_VARIABLES, MARKET_VARIABLES, drift_path
from pipeline.store_layout import create_array, write_coordinate

if TYPE_CHECKING:
    from pipeline.drift import Drift

_CHUNK_BYTES = 4_000_000


def write_drift(session: icechunk.Session, sweep: str, drift: "Drift") -> None:
    """Write what has drifted into a writable session; nothing when it is there already."""
    path = drift_path(sweep)
    try:
        zarr.open_group(session.store, path=path, mode="r", zarr_format=3)
    except FileNotFoundError:
        pass
    else:
        return
    attributes = {
        "since": drift.since,
        "alarm": drift.alarm,
        "thresholds": drift.thresholds.model_dump(mode="json"),
    }
    group = zarr.create_group(session.store, path=path, zarr_format=3, attributes=attributes)
    for variable in MARKET_VARIABLES:
        values = np.asarray(getattr(drift, variable.name))
        described = {"long_name": variable.long_name, "units": variable.units}
        labels = values.astype(np.int8) if values.dtype.kind == "b" else values
        write_coordinate(group, variable.name, variable.dims, labels, described)
    for model, found in drift.models.items():
        own = zarr.create_group(session.store, path=drift_path(sweep, model), zarr_format=3)
        for variable in DRIFT_VARIABLES:
            values = np.ascontiguousarray(getattr(found, variable.name), dtype=variable.dtype)
            rows = max(_CHUNK_BYTES // max(values[:1].nbytes, 1), 1)
            chunks = (min(rows, max(len(values), 1)), *(max(size, 1) for size in values.shape[1:]))
            create_array(own, variable, values.shape, chunks)[...] = values
