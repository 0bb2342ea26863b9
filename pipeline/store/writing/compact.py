"""Rewriting the small tables of a finished sweep in larger chunks."""

import icechunk
import numpy as np
import zarr

from pipeline.store.format.layout import VARIABLES, chunk_shape, sweep_path
from pipeline.store.integrity.checked import WRITE_ALL, checked_group
from pipeline.store.writing.arrays import TABLE_CHUNK_BYTES, create_array

# A point query reads a whole chunk of every table it needs, and trajectories are read market by market.
_TABLES = ("fits", "validation")


def compact_sweep(session: icechunk.Session, source: icechunk.Session, sweep: str) -> None:
    """Rewrite the tables of a sweep; the change becomes visible when the session is committed.

    Parameters
    ----------
    session
        Writable, at the tip of the store.
    source
        Read-only, of the same snapshot: the arrays are replaced in the other one, then filled from this one,
        a chunk at a time.
    sweep
        Name of a sweep with nothing left to do.
    """
    group = zarr.open_group(session.store, path=sweep_path(sweep), mode="r+", zarr_format=3)
    if group.attrs.get("compacted"):
        return
    old = checked_group(
        zarr.open_group(source.store, path=sweep_path(sweep), mode="r", zarr_format=3), complete=True
    )
    groups, old_groups = dict(group.groups()), dict(old.groups())
    for kind in _TABLES:
        if kind in groups:
            _compact_below(groups[kind], old_groups[kind])
    group.attrs["compacted"] = True


def _compact_below(group: zarr.Group, old: zarr.Group) -> None:
    old_groups = dict(old.groups())
    for name, child in sorted(group.groups()):
        _compact_below(child, old_groups[name])
    for name, array in sorted(old.arrays()):
        if name in VARIABLES:
            _compact_array(group, array)


def _compact_array(group: zarr.Group, old: zarr.Array) -> None:
    variable = VARIABLES[old.basename]
    sizes = dict(zip(variable.dims, old.shape, strict=True))
    row = int(np.prod(old.shape[1:], dtype=np.int64)) * old.dtype.itemsize
    # A whole number of old chunks goes into a new one; all models of the validation table do too.
    step = max(TABLE_CHUNK_BYTES // max(row, 1) // old.chunks[0], 1) * old.chunks[0]
    chunks = chunk_shape(variable, sizes, step)
    if "model" in variable.dims:
        chunks = (*chunks[:2], sizes["model"], *chunks[3:])
    fresh = create_array(group, variable, old.shape, chunks, overwrite=True)
    fresh = fresh.with_config(WRITE_ALL)
    for start in range(0, old.shape[0], chunks[0]):
        markets = slice(start, min(start + chunks[0], old.shape[0]))
        fresh[markets] = old[markets]
