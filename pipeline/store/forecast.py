"""Forecasts beside the fits: written whole, once, in one commit."""

from collections.abc import Mapping

import icechunk
import numpy as np
import zarr

from pipeline.errors import StoreError
from pipeline.store.format.forecast import FORECAST_COORDINATES, FORECAST_VARIABLES, forecasts_path
from pipeline.store.read import open_group
from pipeline.store.writing.arrays import write_coordinate, write_whole


def list_forecasts(session: icechunk.Session, sweep: str) -> tuple[str, ...]:
    """Names of the forecasts of a sweep, oldest first."""
    group = open_group(session, forecasts_path(sweep))
    if group is None:
        return ()
    by_time = sorted((str(child.attrs.get("created", "")), name) for name, child in group.groups())
    return tuple(name for _, name in by_time)


def write_forecast(
    session: icechunk.Session,
    sweep: str,
    name: str,
    coordinates: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
    attributes: Mapping[str, object],
) -> bool:
    """Write one forecast into a writable session; returns whether it was not there already.

    Parameters
    ----------
    session
        Writable.
    sweep, name
        Where: the sweep, and the forecast's own group.
    coordinates
        Labels of the axes that only forecasts have, by name.
    arrays
        By the names in `pipeline.store.format.forecast.FORECAST_VARIABLES`, in full.
    attributes
        Plain JSON values.

    Raises
    ------
    StoreError
        An array is missing, unknown, or does not fit the axes.
    """
    path = f"{forecasts_path(sweep)}/{name}"
    if name in list_forecasts(session, sweep):
        return False
    _check(arrays, {axis: len(labels) for axis, labels in coordinates.items()})
    group = zarr.create_group(session.store, path=path, zarr_format=3, attributes=dict(attributes))
    for axis, labels in coordinates.items():
        write_coordinate(group, axis, (axis,), labels, FORECAST_COORDINATES[axis])
    for variable in FORECAST_VARIABLES:
        if variable.name in arrays:
            write_whole(group, variable, arrays[variable.name])
    return True


def _check(arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int]) -> None:
    known = {variable.name: variable for variable in FORECAST_VARIABLES}
    needed = {name for name, variable in known.items() if not variable.optional}
    if unknown := sorted((needed - set(arrays)) | (set(arrays) - set(known))):
        raise StoreError(f"Got a forecast with missing or unknown arrays: {', '.join(unknown)}.")
    for name, values in arrays.items():
        dims = known[name].dims
        expected = tuple(sizes.get(dim, size) for dim, size in zip(dims, values.shape, strict=False))
        if values.shape != expected or len(dims) != values.ndim:
            raise StoreError(f"Got {name} of shape {values.shape}; the forecast expects {dims} = {expected}.")
