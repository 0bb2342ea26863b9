"""Writing a panel in blocks of markets, so that memory does not grow with their number.

By hand, for the reasons given in `pipeline.store.encoding`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import icechunk
import numpy as np
import zarr

from pipeline.errors import StoreError
from pipeline.store.encoding import encode
from pipeline.store.integrity.checked import COMPRESSORS, WRITE_ALL
from pipeline.store.integrity.explain import explained
from pipeline.store.writing.arrays import write_coordinate

if TYPE_CHECKING:
    import xarray as xr


def write_blocks(
    store: icechunk.IcechunkStore, path: str, blocks: Iterable["xr.Dataset"], markets: np.ndarray, chunk: int
) -> None:
    """Write a dataset that comes in pieces along its first axis ``market``.

    Parameters
    ----------
    store
        A writable zarr store.
    path
        Group to make.
    blocks
        Pieces in the order of ``markets``, all with the same other axes, variables and attributes.
    markets : array, shape (L,)
        Labels of all markets.
    chunk
        Markets in one chunk.

    Raises
    ------
    StoreError
        The pieces do not add up to ``markets``, or differ in their other axes.
    """
    group: zarr.Group | None = None
    first: xr.Dataset | None = None
    start = 0
    for block in blocks:
        if group is None or first is None:
            group, first = _create(store, path, block, markets, chunk), block
        stop = start + block.sizes["market"]
        _check_block(first, block, markets, start, stop)
        _write(group, block, start, stop)
        start = stop
    if start != len(markets):
        raise StoreError(f"Got a panel of {start} markets; its source announced {len(markets)}.")


def _create(
    store: icechunk.IcechunkStore, path: str, block: "xr.Dataset", markets: np.ndarray, chunk: int
) -> zarr.Group:
    group = zarr.create_group(store, path=path, zarr_format=3, attributes=dict(block.attrs))
    write_coordinate(group, "market", ("market",), markets, block["market"].attrs)
    extra = []
    for name, variable in block.variables.items():
        if name == "market":
            continue
        text = str(name)
        if variable.dims[:1] == ("market",):
            sizes = (len(markets), *variable.shape[1:])
            # Text of later blocks may be longer than that of the first.
            dtype = "<U64" if variable.dtype.kind in "OTU" else encode(variable.values[:1])[0].dtype
            group.create_array(
                text,
                shape=sizes,
                chunks=(min(chunk, len(markets)), *(max(size, 1) for size in sizes[1:])),
                dtype=dtype,
                compressors=COMPRESSORS,
                fill_value=np.nan if np.dtype(dtype).kind == "f" else None,
                dimension_names=[str(dim) for dim in variable.dims],
                attributes={**variable.attrs, **encode(variable.values[:1])[1]},
            )
        else:
            write_coordinate(group, text, tuple(map(str, variable.dims)), variable.values, variable.attrs)
        if name in block.coords and name not in block.dims:
            extra.append(text)
    if extra:
        group.attrs["coordinates"] = " ".join(extra)
    return group


def _write(group: zarr.Group, block: "xr.Dataset", start: int, stop: int) -> None:
    for name, variable in block.variables.items():
        if name != "market" and variable.dims[:1] == ("market",):
            array = group[str(name)]
            assert isinstance(array, zarr.Array)
            values = encode(variable.values)[0]
            with explained(f"The data ({name} of markets {start} to {stop - 1}) could not be written"):
                array.with_config(WRITE_ALL)[start:stop] = values


def _check_block(
    first: "xr.Dataset", block: "xr.Dataset", markets: np.ndarray, start: int, stop: int
) -> None:
    expected = encode(np.asarray(markets[start:stop]))[0]
    got = encode(block["market"].values)[0]
    if not np.array_equal(got, expected):
        raise StoreError(
            f"Got a block of markets {list(got[:3])}...; expected markets {list(expected[:3])}..."
        )
    for name, variable in first.variables.items():
        other = block.variables.get(name)
        same = other is not None and other.dims == variable.dims and other.shape[1:] == variable.shape[1:]
        if other is not None and same and variable.dims[:1] != ("market",):
            same = bool(np.array_equal(encode(variable.values)[0], encode(other.values)[0]))
        if not same:
            raise StoreError(
                f"The blocks of the panel differ in {name}: market {markets[start]} does not have the axes "
                "of the first market."
            )
