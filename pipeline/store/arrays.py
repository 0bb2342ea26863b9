"""Groups and empty arrays of a sweep, made once before any worker writes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import zarr

from pipeline.status import Status
from pipeline.store.format.layout import (
    COORDINATE_ATTRIBUTES,
    SIDES,
    STATISTIC_NAMES,
    STATISTICS,
    Group,
    ModelLayout,
    SweepLayout,
    Variable,
    chunk_shape,
)


def create_sweep_arrays(group: zarr.Group, layout: SweepLayout) -> None:
    """Make the coordinates and the empty arrays of a sweep below its (empty) group.

    Parameters
    ----------
    group
        The sweep's own group, writable.
    layout
        Its axes and models.
    """
    validated = [model.name for model in layout.models] + list(layout.baselines)
    coordinates: dict[str, np.ndarray] = {
        "market": layout.markets,
        "window": np.array(layout.windows),
        "firm": layout.firms,
        "time": layout.times,
        "start": np.arange(layout.n_starts),
        "direction": np.arange(layout.n_directions),
        "stat": np.array(STATISTIC_NAMES),
    }
    if layout.n_replicates:
        coordinates["replicate"] = np.arange(layout.n_replicates)
    if layout.intervals and layout.levels:
        coordinates["interval_method"] = np.array(layout.intervals)
        coordinates["level"] = np.array(layout.levels, dtype=np.float64)
        coordinates["side"] = np.array(SIDES)
    if layout.metrics:
        coordinates["model"] = np.array(validated)
        coordinates["metric"] = np.array(layout.metrics)
        coordinates["future"] = np.array(layout.futures)
    if layout.n_steps:
        coordinates["step"] = np.arange(1, layout.n_steps + 1)
    for name, labels in coordinates.items():
        write_coordinate(group, name, (name,), labels)
    for model in layout.models:
        _create_model(group, layout, model)
    if layout.metrics and layout.models:
        _create_variables(group.create_group("validation"), layout, layout.models[0], "validation")


def _create_model(group: zarr.Group, layout: SweepLayout, model: ModelLayout) -> None:
    attributes = {"model": model.name, **model.attributes}
    fits = group.create_group(f"fits/{model.name}", attributes=attributes)
    names = np.array([parameter.name for parameter in model.parameters])
    write_coordinate(fits, "param", ("param",), names)
    write_coordinate(fits, "param_", ("param_",), names)
    write_coordinate(fits, "unit", ("param",), np.array([parameter.unit for parameter in model.parameters]))
    fits.attrs["coordinates"] = "unit"
    _create_variables(fits, layout, model, "fits")
    trajectories = group.create_group(f"trajectories/{model.name}", attributes=attributes)
    _create_variables(trajectories, layout, model, "trajectories")


def _create_variables(group: zarr.Group, layout: SweepLayout, model: ModelLayout, kind: Group) -> None:
    sizes = layout.sizes(model)
    for variable in layout.variables(kind):
        shape = tuple(sizes[dim] for dim in variable.dims)
        create_array(group, variable, shape, chunk_shape(variable, sizes, layout.chunk))


def create_array(
    group: zarr.Group, variable: Variable, shape: tuple[int, ...], chunks: tuple[int, ...], **options: Any
) -> zarr.Array:
    """Make one empty array as the format describes it."""
    return group.create_array(
        variable.name,
        shape=shape,
        chunks=chunks,
        dtype=variable.dtype,
        fill_value=variable.fill,
        dimension_names=variable.dims,
        attributes=variable_attributes(variable),
        **options,
    )


def variable_attributes(variable: Variable) -> dict[str, Any]:
    """CF attributes of one array."""
    attributes: dict[str, Any] = {"units": variable.units, "long_name": variable.long_name}
    if variable.name == "status":
        attributes["flag_values"] = [int(status) for status in Status]
        attributes["flag_meanings"] = " ".join(status.name.lower() for status in Status)
    if variable.name == "statistic":
        attributes["statistics"] = {
            statistic.name: {"units": statistic.units, "long_name": statistic.long_name}
            for statistic in STATISTICS
        }
    return attributes


def write_coordinate(
    group: zarr.Group,
    name: str,
    dims: tuple[str, ...],
    labels: np.ndarray,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Store labels of an axis: numbers as they are, text with a fixed width, dates as CF prescribes."""
    values, encoding = encode(np.asarray(labels))
    array = group.create_array(
        name,
        shape=values.shape,
        chunks=tuple(max(size, 1) for size in values.shape),
        dtype=values.dtype,
        dimension_names=dims,
        attributes={**COORDINATE_ATTRIBUTES.get(name, {}), **(attributes or {}), **encoding},
    )
    array[...] = values


def encode(values: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Turn an array into one that zarr stores the same way in every version, with the attributes to undo it.

    Raises
    ------
    TypeError
        Neither numbers, truth values, text nor dates.
    """
    if values.dtype.kind == "M":
        seconds = values.astype("datetime64[s]")
        days = seconds.astype("datetime64[D]")
        unit = "days" if np.array_equal(days.astype("datetime64[s]"), seconds) else "seconds"
        numbers = (days if unit == "days" else seconds).astype(np.int64)
        return numbers, {"units": f"{unit} since 1970-01-01", "calendar": "proleptic_gregorian"}
    if values.dtype.kind in "OTU":
        text = np.array([str(value) for value in values.ravel()], dtype=np.str_).reshape(values.shape)
        return (text if text.dtype.itemsize else text.astype("<U1")), {}
    if values.dtype.kind not in "biuf":
        raise TypeError(f"Got an array of type {values.dtype}; the store holds numbers, text and dates.")
    return values, {}


def decode(array: zarr.Array) -> np.ndarray:
    """Read a small array back as it was before `encode`."""
    values = np.asarray(array[...])
    unit, _, origin = str(array.attrs.get("units", "")).partition(" since ")
    if origin == "1970-01-01" and unit in ("days", "seconds"):
        return values.astype("datetime64[D]" if unit == "days" else "datetime64[s]")
    return values
