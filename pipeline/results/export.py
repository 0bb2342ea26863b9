"""Results in formats that need no beed to be read: plain zarr, netCDF, Parquet."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import QueryError, StoreError
from pipeline.results.frames.formats import to_arrow
from pipeline.results.frames.table import Table
from pipeline.results.results import Results
from pipeline.results.tables.registry import TABLES, TableEntry
from pipeline.store.copy import copy_groups
from pipeline.store.format.layout import panel_path, sweep_path

if TYPE_CHECKING:
    import pyarrow as pa
    import xarray as xr

# Cells of a table that are in memory at once.
_CELLS = 2_000_000


def export(results: Results, out: str | Path, style: str = "zarr") -> Path:
    """Write a sweep with the data it was calibrated on.

    Parameters
    ----------
    results
        The sweep.
    out
        Where to: a directory for ``zarr`` and ``parquet``, a file for ``netcdf``; must not exist.
    style
        A key of `STYLES`. ``zarr``: the groups as they are, for ``xarray.open_datatree``. ``netcdf``: one
        file with a group for each dataset that `Results` gives. ``parquet``: one file for each table that
        SQL sees.

    Returns
    -------
    Path

    Raises
    ------
    QueryError
        An unknown style, or something is there already.
    StoreError
        It cannot be written.
    """
    if style not in STYLES:
        raise QueryError(f"Got the format {style!r}; expected one of {', '.join(STYLES)}.")
    target = Path(out)
    if target.exists():
        raise QueryError(f"There is something at {target} already; give a name that does not exist yet.")
    # Under another name until complete: half an export must not pass for a whole one.
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(part)
        STYLES[style](results, part)
        part.rename(target)
    except OSError as error:
        raise StoreError(f"The export to {target} could not be written: {error}") from error
    finally:
        _remove(part)
    return target


def _zarr(results: Results, target: Path) -> None:
    paths = [panel_path(results.sweep.data_hash), sweep_path(results.sweep.name)]
    copy_groups(results.session, target, paths)


def _netcdf(results: Results, target: Path) -> None:
    try:
        import_module("h5netcdf")
        import_module("h5py")
    except ImportError as error:
        raise QueryError(
            "Writing netCDF needs the packages h5netcdf and h5py: pip install 'beed[netcdf]'."
        ) from error
    groups: dict[str, Callable[[], xr.Dataset]] = {"panel": results.panel}
    for model in results.models:
        groups[f"fits/{model}"] = partial(results.fits, model)
        groups[f"trajectories/{model}"] = partial(results.trajectories, model)
    if results.tables.validation_arrays():
        groups["validation"] = results.validation
    for number, (group, build) in enumerate(groups.items()):
        dataset = _plain_attributes(build())
        dataset.to_netcdf(target, group=group, mode="a" if number else "w", engine="h5netcdf")


def _plain_attributes(dataset: "xr.Dataset") -> "xr.Dataset":
    """Copy with attributes that netCDF can hold: anything nested becomes JSON."""
    dataset = dataset.copy()
    dataset.attrs = {str(name): _plain(value) for name, value in dataset.attrs.items()}
    for name in dataset.variables:
        dataset[name].attrs = {str(key): _plain(value) for key, value in dataset[name].attrs.items()}
    return dataset


def _plain(value: object) -> str | float | list[int | float]:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list) and value and all(isinstance(item, int | float) for item in value):
        return value
    return value if isinstance(value, str | int | float) else json.dumps(value)


def _parquet(results: Results, target: Path) -> None:
    import pyarrow.parquet as pq

    target.mkdir()
    for name, entry in TABLES.items():
        with ExitStack() as stack:
            writer: pq.ParquetWriter | None = None
            for piece in _like_the_first(map(to_arrow, _pieces(results, entry))):
                if writer is None:
                    writer = stack.enter_context(pq.ParquetWriter(target / f"{name}.parquet", piece.schema))
                writer.write_table(piece)


def _like_the_first(pieces: Iterator["pa.Table"]) -> Iterator["pa.Table"]:
    """Leave out pieces without rows, and give all the types of the first that has some.

    A column without any value is text: nothing tells its type.
    """
    import pyarrow as pa

    schema: pa.Schema | None = None
    empty: pa.Table | None = None
    for piece in pieces:
        if schema is None:
            fields = [one.with_type(pa.string()) if one.type == pa.null() else one for one in piece.schema]
            typed = pa.schema(fields)
            if not len(piece):
                empty = piece.cast(typed)
                continue
            schema = typed
        if len(piece):
            yield piece.cast(schema)
    if schema is None and empty is not None:
        yield empty


def _pieces(results: Results, entry: TableEntry) -> Iterator[Table]:
    """Build a table piece by piece, so that a large one need not fit into memory."""
    tables = results.tables
    if entry.by == "sweep":
        yield entry.build(tables)
        return
    cells = len(tables.labels("window")) * len(tables.labels("firm")) * len(tables.labels("time"))
    step = max(_CELLS // max(cells, 1), 1)
    for models in [[model] for model in results.models] if entry.by == "model" else [None]:
        for start in range(0, len(tables.labels("market")), step):
            yield entry.build(tables, models, slice(start, start + step))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


STYLES: dict[str, Callable[[Results, Path], None]] = {
    "zarr": _zarr,
    "netcdf": _netcdf,
    "parquet": _parquet,
}
