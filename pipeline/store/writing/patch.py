"""Single fits of a sweep written over: those that were done again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import icechunk
import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.errors import StoreError
from pipeline.store.format.layout import VARIABLES
from pipeline.store.integrity.checked import WRITE_ALL
from pipeline.store.read import SweepInfo
from pipeline.store.writing.chunks import model_arrays, status_last, with_trajectories


@dataclass(frozen=True, eq=False)
class Patch:
    """New results of some fits of one model.

    Attributes
    ----------
    model
        Name of a variant.
    markets : (n,) array of int
        Positions along the market axis, ascending.
    cells : (n, W) array of bool
        The fits that are written over, by market and window; the others stay.
    arrays
        All results of the model in these markets, as `pipeline.store.writing.chunks.write_chunk` takes them.
    """

    model: str
    markets: NDArray[np.intp]
    cells: NDArray[np.bool_]
    arrays: Mapping[str, NDArray[np.generic]]


def write_patches(session: icechunk.Session, info: SweepInfo, patches: Iterable[Patch]) -> None:
    """Write fits over, whatever the chunks of the sweep are.

    Chunks are read, changed and written back, so nobody else may be writing to the sweep: this is for its
    coordinator.

    Parameters
    ----------
    session
        Writable.
    info
        The sweep.
    patches
        No two of them with a fit in common.

    Raises
    ------
    StoreError
        An array is missing; nothing of that patch is written.
    """
    for patch in patches:
        row = info.rows[patch.model]
        targets = model_arrays(session.store, info.name, patch.model)
        arrays = with_trajectories(targets, patch.arrays, len(patch.markets))
        if missing := sorted(set(targets) - set(arrays)):
            raise StoreError(f"Results of {patch.model} lack {', '.join(missing)}.")
        for name in status_last(targets):
            _write_over(targets[name].with_config(WRITE_ALL), row, patch, arrays[name])


def _write_over(target: zarr.Array, row: int, patch: Patch, given: np.ndarray) -> None:
    in_rows = "model" in VARIABLES[target.basename].dims
    index = (patch.markets, slice(None), np.array([row])) if in_rows else (patch.markets,)
    values = np.asarray(target.oindex[index])
    fresh = np.asarray(given).astype(target.dtype)
    values[patch.cells] = (fresh[:, :, np.newaxis] if in_rows else fresh)[patch.cells]
    target.oindex[index] = values
