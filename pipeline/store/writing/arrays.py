"""Making arrays as the format describes them: empty for a sweep, or written whole."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.status import Status
from pipeline.store.encoding import encode
from pipeline.store.format.layout import (
    COORDINATE_ATTRIBUTES,
    RESULT_GROUPS,
    STATISTICS,
    Group,
    ModelLayout,
    SweepLayout,
    Variable,
    chunk_shape,
)
from pipeline.store.integrity.checked import COMPRESSORS, WRITE_ALL

#: Bytes of a chunk of a table that is complete: a question for one market reads one of every array that it
#: needs, and all of a million fits are still few.
TABLE_CHUNK_BYTES = 1_000_000


def create_sweep_arrays(group: zarr.Group, layout: SweepLayout) -> None:
    """Make the coordinates and the empty arrays of a sweep below its (empty) group.

    Parameters
    ----------
    group
        The sweep's own group, writable.
    layout
        Its axes and models.
    """
    variables = [variable for kind in RESULT_GROUPS for variable in layout.variables(kind)]
    # The data have firms and periods, whether results are stored along them or not.
    axes = {"firm", "time"} | {dim for variable in variables for dim in variable.dims}
    for name, labels in layout.labels().items():
        if name in axes:
            write_coordinate(group, name, (name,), labels)
    for model in layout.models:
        _create_model(group, layout, model)
    if layout.variables("validation"):
        _create_empty(group.create_group("validation"), layout, None, "validation")


def _create_model(group: zarr.Group, layout: SweepLayout, model: ModelLayout) -> None:
    attributes = {"model": model.name, **model.attributes}
    fits = group.create_group(f"fits/{model.name}", attributes=attributes)
    names = np.array([parameter.name for parameter in model.parameters])
    write_coordinate(fits, "param", ("param",), names)
    write_coordinate(fits, "param_", ("param_",), names)
    write_coordinate(fits, "unit", ("param",), np.array([parameter.unit for parameter in model.parameters]))
    fits.attrs["coordinates"] = "unit"
    _create_empty(fits, layout, model, "fits")
    if not layout.variables("trajectories"):
        return
    trajectories = group.create_group(f"trajectories/{model.name}", attributes=attributes)
    _create_empty(trajectories, layout, model, "trajectories")


def _create_empty(group: zarr.Group, layout: SweepLayout, model: ModelLayout | None, kind: Group) -> None:
    sizes = layout.sizes(model)
    for variable in layout.variables(kind):
        shape = tuple(sizes[dim] for dim in variable.dims)
        create_array(group, variable, shape, chunk_shape(variable, sizes, layout.chunk))


def create_array(
    group: zarr.Group,
    variable: Variable,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    *,
    overwrite: bool = False,
) -> zarr.Array:
    """Make one empty array as the format describes it."""
    return group.create_array(
        variable.name,
        shape=shape,
        chunks=chunks,
        dtype=variable.dtype,
        fill_value=variable.fill,
        compressors=COMPRESSORS,
        config=WRITE_ALL,
        dimension_names=variable.dims,
        attributes=variable_attributes(variable),
        overwrite=overwrite,
    )


def write_whole(group: zarr.Group, variable: Variable, values: NDArray[Any]) -> None:
    """Make one array as the format describes it, with all of its values, whole rows in a chunk."""
    values = np.ascontiguousarray(values, dtype=variable.dtype)
    rows = max(TABLE_CHUNK_BYTES // max(values[:1].nbytes, 1), 1)
    chunks = (min(rows, max(len(values), 1)), *(max(size, 1) for size in values.shape[1:]))
    create_array(group, variable, values.shape, chunks)[...] = values


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
    labels: NDArray[Any],
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Store labels along an axis, in one chunk; see `pipeline.store.encoding.encode`."""
    values, encoding = encode(np.asarray(labels))
    array = group.create_array(
        name,
        shape=values.shape,
        chunks=tuple(max(size, 1) for size in values.shape),
        dtype=values.dtype,
        compressors=COMPRESSORS,
        config=WRITE_ALL,
        dimension_names=dims,
        attributes={**COORDINATE_ATTRIBUTES.get(name, {}), **(attributes or {}), **encoding},
    )
    array[...] = values
