"""Results in formats that need no beed to be read: plain zarr, netCDF, Parquet."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import QueryError, StoreError
from pipeline.results.tables.frame import to_arrow
from pipeline.store.format.layout import panel_path, sweep_path

if TYPE_CHECKING:
    import xarray as xr

    from pipeline.results.results import ResultStore

#: Cells of a table that are in memory at once.
_ROWS = 2_000_000


def export(store: "ResultStore", out: str | Path, style: str = "zarr") -> Path:
    """Write the sweep that a store was opened for, with the data it was calibrated on.

    Parameters
    ----------
    store
        What to write.
    out
        Where to: a directory for ``zarr`` and ``parquet``, a file for ``netcdf``; must not exist.
    style
        ``zarr``: the groups as they are, for ``xarray.open_datatree``. ``netcdf``: one file with a group for
        each dataset that `ResultStore` gives. ``parquet``: one file for each table that SQL sees.

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
    writers: dict[str, Callable[[ResultStore, Path], None]] = {
        "zarr": _zarr,
        "netcdf": _netcdf,
        "parquet": _parquet,
    }
    if style not in writers:
        raise QueryError(f"Got the format {style!r}; expected one of {', '.join(writers)}.")
    target = Path(out)
    if target.exists():
        raise QueryError(f"There is something at {target} already; give a name that does not exist yet.")
    # Under another name until complete: half an export must not pass for a whole one.
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(part)
        writers[style](store, part)
        part.rename(target)
    except OSError as error:
        raise StoreError(f"The export to {target} could not be written: {error}") from error
    finally:
        _remove(part)
    return target


def _zarr(store: "ResultStore", target: Path) -> None:
    from pipeline.store.copy import copy_groups

    paths = [panel_path(store.sweep.data_hash), sweep_path(store.sweep.name)]
    copy_groups(store.session, target, paths)


def _netcdf(store: "ResultStore", target: Path) -> None:
    try:
        import_module("h5netcdf")
        import_module("h5py")
    except ImportError as error:
        raise QueryError(
            "Writing netCDF needs the packages h5netcdf and h5py: pip install 'beed[netcdf]'."
        ) from error
    groups: dict[str, Callable[[], xr.Dataset]] = {"panel": store.panel}
    for model in store.models:
        groups[f"fits/{model}"] = partial(store.fits, model)
        groups[f"trajectories/{model}"] = partial(store.trajectories, model)
    if len(store.tables.validation()):
        groups["validation"] = store.validation
    for place, (group, build) in enumerate(groups.items()):
        dataset = _plain_attributes(build())
        dataset.to_netcdf(target, group=group, mode="a" if place else "w", engine="h5netcdf")


def _plain_attributes(dataset: "xr.Dataset") -> "xr.Dataset":
    """Copy with attributes that netCDF can hold: anything nested becomes JSON."""
    dataset = dataset.copy()
    dataset.attrs = {str(name): _plain(value) for name, value in dataset.attrs.items()}
    for name in dataset.variables:
        dataset[name].attrs = {str(key): _plain(value) for key, value in dataset[name].attrs.items()}
    return dataset


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, list) and value and all(isinstance(item, int | float) for item in value):
        return value
    return value if isinstance(value, str | int | float) else json.dumps(value)


def _parquet(store: "ResultStore", target: Path) -> None:
    import pyarrow.parquet as pq

    tables = store.tables
    target.mkdir()
    markets = len(tables.labels("market"))
    cells = len(tables.labels("window")) * len(tables.labels("firm")) * len(tables.labels("time"))
    step = max(_ROWS // max(cells, 1), 1)
    blocks = [slice(start, start + step) for start in range(0, markets, step)]
    for name, build in tables.builders.items():
        models: list[list[str] | None] = (
            [None] if name in ("validation", "horizons") else [[model] for model in store.models]
        )
        writer: pq.ParquetWriter | None = None
        for chosen in models:
            for block in blocks:
                piece = to_arrow(build(chosen, block))
                if writer is None:
                    writer = pq.ParquetWriter(target / f"{name}.parquet", piece.schema)
                writer.write_table(piece)
        if writer is not None:
            writer.close()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
