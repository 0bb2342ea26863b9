"""Copying groups of a snapshot into a plain zarr store, a few chunks at a time."""

from collections.abc import Sequence
from pathlib import Path

import icechunk
import numpy as np
import zarr

from pipeline.store.format.layout import SWEEP_INDEX, SWEEPS, sweep_path
from pipeline.store.index import read_index

_BYTES = 32_000_000


def copy_groups(session: icechunk.Session, target: Path, paths: Sequence[str]) -> None:
    """Copy groups with everything below them, values, chunks and attributes alike.

    Parameters
    ----------
    session
        A read-only session.
    target
        Directory of a zarr store that does not exist yet.
    paths
        Groups to copy.
    """
    source = zarr.open_group(session.store, mode="r", zarr_format=3)
    root = zarr.open_group(str(target), mode="w", zarr_format=3, attributes=source.attrs.asdict())
    for path in paths:
        _copy(source, root, path)
    index = read_index(session)
    copied = {name: facts for name, facts in index.items() if sweep_path(name) in paths}
    if copied:
        root.require_group(SWEEPS).attrs[SWEEP_INDEX] = copied


def _copy(source: zarr.Group, root: zarr.Group, path: str) -> None:
    group = source[path]
    assert isinstance(group, zarr.Group)
    copied = root.create_group(path, attributes=group.attrs.asdict())
    for name, array in group.arrays():
        fresh = copied.create_array(
            name,
            shape=array.shape,
            chunks=array.chunks,
            dtype=array.dtype,
            fill_value=array.metadata.fill_value,
            dimension_names=getattr(array.metadata, "dimension_names", None),
            attributes=array.attrs.asdict(),
        )
        for rows in _rows(array):
            fresh[rows] = array[rows]
    for name, _ in group.groups():
        _copy(source, root, f"{path}/{name}")


def _rows(array: zarr.Array) -> list[slice]:
    """Cut the first axis into pieces of whole chunks."""
    row = int(np.prod(array.shape[1:], dtype=np.int64)) * array.dtype.itemsize
    step = max(_BYTES // max(row, 1) // array.chunks[0], 1) * array.chunks[0]
    return [slice(start, min(start + step, array.shape[0])) for start in range(0, array.shape[0], step)]
