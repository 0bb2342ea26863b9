"""Forecasts and plans beside the fits: written whole, once, in one commit."""

from collections.abc import Mapping

import icechunk
import numpy as np
import zarr

from pipeline.errors import StoreError
from pipeline.store.format.catalogue import Variable
from pipeline.store.format.forecast import FORECAST_COORDINATES, FORECAST_VARIABLES, forecasts_path
from pipeline.store.format.plan import PLAN_COORDINATES, PLAN_VARIABLES, plans_path
from pipeline.store.read import open_group
from pipeline.store.writing.arrays import write_coordinate, write_whole


def list_forecasts(session: icechunk.Session, sweep: str) -> tuple[str, ...]:
    """Names of the forecasts of a sweep, oldest first."""
    return _names(session, forecasts_path(sweep))


def list_plans(session: icechunk.Session, sweep: str) -> tuple[str, ...]:
    """Names of the flight plans of a sweep, oldest first."""
    return _names(session, plans_path(sweep))


def _names(session: icechunk.Session, path: str) -> tuple[str, ...]:
    group = open_group(session, path)
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
    return _write(session, path, coordinates, arrays, attributes, FORECAST_VARIABLES, FORECAST_COORDINATES)


def write_plan(
    session: icechunk.Session,
    sweep: str,
    name: str,
    coordinates: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
    attributes: Mapping[str, object],
) -> bool:
    """Write one flight plan into a writable session; see `write_forecast`.

    Arrays by the names in `pipeline.store.format.plan.PLAN_VARIABLES`.
    """
    path = f"{plans_path(sweep)}/{name}"
    return _write(session, path, coordinates, arrays, attributes, PLAN_VARIABLES, PLAN_COORDINATES)


def _write(
    session: icechunk.Session,
    path: str,
    coordinates: Mapping[str, np.ndarray],
    arrays: Mapping[str, np.ndarray],
    attributes: Mapping[str, object],
    variables: tuple[Variable, ...],
    axes: Mapping[str, Mapping[str, str]],
) -> bool:
    above, _, name = path.rpartition("/")
    if name in _names(session, above):
        return False
    _check(arrays, {axis: len(labels) for axis, labels in coordinates.items()}, variables)
    group = zarr.create_group(session.store, path=path, zarr_format=3, attributes=dict(attributes))
    for axis, labels in coordinates.items():
        write_coordinate(group, axis, (axis,), labels, axes[axis])
    for variable in variables:
        if variable.name in arrays:
            write_whole(group, variable, arrays[variable.name])
    return True


def _check(
    arrays: Mapping[str, np.ndarray], sizes: Mapping[str, int], variables: tuple[Variable, ...]
) -> None:
    known = {variable.name: variable for variable in variables}
    needed = {name for name, variable in known.items() if not variable.optional}
    if unknown := sorted((needed - set(arrays)) | (set(arrays) - set(known))):
        raise StoreError(f"Got a record with missing or unknown arrays: {', '.join(unknown)}.")
    for name, values in arrays.items():
        dims = known[name].dims
        expected = tuple(sizes.get(dim, size) for dim, size in zip(dims, values.shape, strict=False))
        if values.shape != expected or len(dims) != values.ndim:
            raise StoreError(f"Got {name} of shape {values.shape}; expected {dims} = {expected}.")
