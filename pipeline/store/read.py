"""Reading one snapshot of a store: sweeps, labels, arrays, lazy datasets."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import icechunk
import numpy as np
import zarr
from zarr.core.sync import sync

from pipeline.errors import StoreFormatError, StoreNotFoundError
from pipeline.store.encoding import decode
from pipeline.store.fork import Fork, SnapshotKey
from pipeline.store.format.layout import (
    FORMAT,
    FORMAT_VERSION,
    READABLE_VERSIONS,
    RESULT_GROUPS,
    SweepState,
    panel_path,
    sweep_path,
)
from pipeline.store.group_arrays import GroupArrays
from pipeline.store.integrity.checked import CheckedGroup, checked_array, checked_group
from pipeline.store.integrity.explain import explained

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True)
class SweepInfo:
    """What a store says of one sweep.

    Parameters
    ----------
    name, study
        Its group, and the name of its study.
    state, created
        Where it stands, and when it was made (ISO 8601, UTC).
    study_hash, data_hash
        What it is keyed by; the panel is stored under the latter.
    study_text
        The study file, as it was read.
    models, baselines
        Variants fitted, and further rows of the validation table.
    n_markets, n_windows, chunk
        Sizes; ``chunk`` is the number of markets a task covers at least.
    compacted
        Whether the small tables have been rewritten in larger chunks.
    attributes
        Everything else: versions of packages, facts recorded with the state.
    """

    name: str
    study: str
    state: SweepState
    created: str
    study_hash: str
    data_hash: str
    study_text: str
    models: tuple[str, ...]
    baselines: tuple[str, ...]
    n_markets: int
    n_windows: int
    chunk: int
    compacted: bool
    attributes: dict[str, Any]

    @property
    def rows(self) -> dict[str, int]:
        """Models, then baselines, with their rows along the model axis of the validation table."""
        return {name: row for row, name in enumerate((*self.models, *self.baselines))}

    @property
    def n_fits(self) -> int:
        """Cells of all fits: models x markets x windows."""
        return len(self.models) * self.n_markets * self.n_windows


def open_group(session: icechunk.Session, path: str) -> CheckedGroup | None:
    """Open a group for reading; None where there is none.

    Raises
    ------
    StoreError
        It cannot be read; later also when arrays in it cannot.
    """
    with explained(f"The group /{path} of the store cannot be read"):
        try:
            group = zarr.open_group(session.store, path=path, mode="r", zarr_format=3)
        except FileNotFoundError:
            return None
        return checked_group(group, _complete(session, path))


def _complete(session: icechunk.Session, path: str) -> bool:
    """Tell whether everything below a path has been written: results of a sweep are when it is done."""
    parts = path.split("/")
    if parts[0] != "sweeps" or (len(parts) > 2 and parts[2] not in RESULT_GROUPS):
        return True
    if len(parts) < 3:
        return False
    sweep = zarr.open_group(session.store, path="/".join(parts[:2]), mode="r", zarr_format=3)
    return sweep.attrs.get("state") == SweepState.DONE


def open_root(session: icechunk.Session, url: str) -> zarr.Group:
    """Open the root group and check that this version reads the format.

    Raises
    ------
    StoreFormatError
        Not a result store, or of another format version.
    """
    root = open_group(session, "")
    if root is None or root.attrs.get("format") != FORMAT:
        raise StoreFormatError(
            f"The repository at {url} is not a {FORMAT}: its root group does not say so. "
            "Give the path of a store made by `beed run`."
        )
    version = root.attrs.get("format_version")
    if version not in READABLE_VERSIONS:
        raise StoreFormatError(
            f"The store at {url} has format version {version}; this beed reads "
            f"{', '.join(map(str, sorted(READABLE_VERSIONS)))} and writes {FORMAT_VERSION}. "
            "Read it with the version of beed that wrote it, or run the study into a new store."
        )
    return root


def read_sweep(session: icechunk.Session, name: str) -> SweepInfo:
    """Read what a snapshot says of one sweep.

    Raises
    ------
    StoreNotFoundError
        There is none of this name.
    """
    group = open_group(session, sweep_path(name))
    if group is None:
        raise StoreNotFoundError(f"The store has no sweep named {name}; `beed runs` lists them.")
    return _info(name, group.attrs.asdict())


def read_sweeps(session: icechunk.Session) -> tuple[SweepInfo, ...]:
    """All sweeps of a snapshot, oldest first."""
    group = open_group(session, "sweeps")
    if group is None:
        return ()
    infos = (_info(name, child.attrs.asdict()) for name, child in group.groups())
    return tuple(sorted(infos, key=lambda info: (info.created, info.name)))


def _info(name: str, attributes: dict[str, Any]) -> SweepInfo:
    return SweepInfo(
        name=name,
        study=attributes["study"],
        state=SweepState(attributes["state"]),
        created=attributes["created"],
        study_hash=attributes["study_hash"],
        data_hash=attributes["data_hash"],
        study_text=attributes["study_text"],
        models=tuple(attributes["models"]),
        baselines=tuple(attributes["baselines"]),
        n_markets=attributes["n_markets"],
        n_windows=attributes["n_windows"],
        chunk=attributes["chunk"],
        compacted=bool(attributes.get("compacted", False)),
        attributes={key: value for key, value in attributes.items() if key not in SweepInfo.__slots__},
    )


def read_labels(session: icechunk.Session, path: str) -> np.ndarray:
    """Labels of an axis, dates as datetime64."""
    return decode(open_array(session, path))


def open_array(session: icechunk.Session, path: str, *, complete: bool = True) -> zarr.Array:
    """Open one array; with ``complete`` (as labels are), it is an error when a chunk is missing.

    Raises
    ------
    StoreError
        It cannot be read.
    """
    with explained(f"The array {path} of the store cannot be read"):
        return checked_array(zarr.open_array(session.store, path=path, mode="r", zarr_format=3), complete)


def open_arrays(session: icechunk.Session, path: str) -> Mapping[str, zarr.Array]:
    """Open the arrays of one group, each when it is asked for; empty when there is no such group."""
    group = open_group(session, path)
    return {} if group is None else GroupArrays(group)


def written_rows(session: icechunk.Session, path: str, model: int | None = None) -> set[int]:
    """Numbers along the market axis of the chunks of an array that exist.

    Parameters
    ----------
    session
        Of the snapshot.
    path
        Of the array.
    model
        Only chunks at this place of the third axis; all when None.
    """

    async def gather() -> set[int]:
        coordinates = session.chunk_coordinates(f"/{path}", batch_size=10_000)
        return {chunk[0] async for chunk in coordinates if model is None or chunk[2] == model}

    with explained(f"The chunks of {path} cannot be listed"):
        # Not asyncio.run: in a notebook a loop runs in this thread already.
        rows: set[int] = sync(gather())
        return rows


def open_attributes(session: icechunk.Session, path: str) -> dict[str, Any]:
    """Read the attributes of one group; empty when there is no such group."""
    group = open_group(session, path)
    return {} if group is None else group.attrs.asdict()


def open_dataset(session: icechunk.Session, path: str) -> "xr.Dataset":
    """One group as a lazy dataset: values are read when they are asked for.

    Raises
    ------
    StoreNotFoundError
        There is no such group.
    """
    import xarray as xr
    from xarray.backends import ZarrStore

    group = open_group(session, path)
    if group is None:
        raise StoreNotFoundError(f"The store has no group {path}.")
    # chunks=None: xarray's own lazy indexing, no task graph. Units such as days are no durations here.
    with explained(f"The group /{path} of the store cannot be read"):
        return xr.open_dataset(ZarrStore(group, mode="r"), chunks=None, decode_timedelta=False)


def open_panel(fork: Fork) -> "xr.Dataset":
    """Open the data a sweep calibrates on, lazily, from inside a worker.

    Opened once per process and snapshot: select markets, then load.

    Parameters
    ----------
    fork
        Any fork of the sweep.

    Returns
    -------
    xarray.Dataset
        Axes market, firm, effort, time; nothing of it read yet.
    """
    return _cached_panel(SnapshotKey(fork), fork.data_hash)


@lru_cache(maxsize=4)
def _cached_panel(key: SnapshotKey, data_hash: str) -> "xr.Dataset":
    return open_dataset(key.fork.session, panel_path(data_hash))
