"""The store of record: an Icechunk repository that is created once, written by chunks, and never rewritten.

Local stores are safe against killed processes and find what is damaged (`pipeline.store.integrity`); they
are safe against power loss where they are opened with ``durable``, since nothing else calls fsync.
"""

import platform
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import icechunk
import numpy as np
import zarr

from pipeline.errors import StoreConflictError, StoreError, StoreNotFoundError
from pipeline.store.forecast import write_forecast, write_plan
from pipeline.store.format.layout import (
    FORMAT,
    FORMAT_VERSION,
    SweepLayout,
    SweepState,
    panel_path,
    sweep_name,
    sweep_path,
)
from pipeline.store.index import SweepHead, index_sweep, read_heads
from pipeline.store.integrity.checksums import check_references, record
from pipeline.store.integrity.durable import flush_to_disk
from pipeline.store.integrity.explain import explain, explained
from pipeline.store.lease import leased
from pipeline.store.location import BRANCH, INITIAL_SNAPSHOT, Location
from pipeline.store.locks import recalibration_held, refs_locked, working
from pipeline.store.prune import Pruned, prune_store
from pipeline.store.read import SweepInfo, open_dataset, open_group, open_root, read_sweep, read_sweeps
from pipeline.store.sweep import Sweep
from pipeline.store.writing.arrays import create_sweep_arrays
from pipeline.store.writing.commit import transact
from pipeline.store.writing.panel import write_blocks

if TYPE_CHECKING:
    import xarray as xr


class Store:
    """A store opened for writing; for questions see `pipeline.results.result_store.ResultStore`.

    Use `open` or `open_or_create`.
    """

    def __init__(self, location: Location, repository: icechunk.Repository) -> None:
        self.location = location
        self._repository = repository

    @classmethod
    def open(cls, path: str | Path, *, durable: bool = False) -> "Store":
        """Open a store that exists.

        Parameters
        ----------
        path
            A directory, or ``s3://bucket/prefix``.
        durable
            Whether commits to a local store wait until the disk has them.

        Raises
        ------
        StoreNotFoundError, StoreFormatError
            There is none, or not one that this version reads.
        """
        location = Location.parse(path, durable=durable)
        store = cls(location, location.open())
        session = store.session()
        if open_group(session, "") is None and session.snapshot_id == INITIAL_SNAPSHOT:
            raise location.missing()  # whoever was making it died; the next run goes on
        open_root(session, location.url)
        return store

    @classmethod
    def open_or_create(cls, path: str | Path, *, durable: bool = False) -> "Store":
        """Open a store, making an empty one where there is nothing; takes what `open` takes.

        Raises
        ------
        StoreError
            The place cannot be written, or holds other files.
        StoreFormatError
            It holds a store that this version does not read.
        """
        location = Location.parse(path, durable=durable)
        store = cls(location, location.open_or_create())
        transact(location, store._repository, _mark_root, "format")
        open_root(store.session(), location.url)
        return store

    def session(self, *, snapshot: str | None = None, tag: str | None = None) -> icechunk.Session:
        """Open a read-only view of the newest state, a snapshot or a tag; it never changes while open.

        Raises
        ------
        StoreNotFoundError
            No such snapshot or tag.
        """
        what = f"The store at {self.location.url} cannot be read"
        with explained(what):
            try:
                session = self._session(snapshot, tag)
            except (icechunk.NotFoundError, icechunk.InvalidInputError) as error:
                if snapshot is None and tag is None:
                    raise StoreError(explain(what, error)) from error
                wanted = f"snapshot {snapshot}" if snapshot is not None else f"tag {tag}"
                tags = ", ".join(self.tags()) or "none"
                raise StoreNotFoundError(
                    f"The store at {self.location.url} has no {wanted}; its tags are: {tags}."
                ) from error
            return self.location.checked(session)

    def _session(self, snapshot: str | None, tag: str | None) -> icechunk.Session:
        if snapshot is not None:
            return self._repository.readonly_session(snapshot_id=snapshot)
        if tag is not None:
            return self._repository.readonly_session(tag=tag)
        return self._repository.readonly_session(BRANCH)

    def sweeps(self) -> tuple[SweepInfo, ...]:
        """All sweeps, oldest first."""
        return read_sweeps(self.session())

    def heads(self) -> tuple[SweepHead, ...]:
        """Tell all sweeps apart, oldest first; quicker than `sweeps`."""
        return read_heads(self.session())

    def sweep(self, name: str) -> Sweep:
        """Open a sweep for work.

        Raises
        ------
        StoreNotFoundError
            There is none of this name.
        """
        read_sweep(self.session(), name)
        return Sweep(self.location, self._repository, name)

    def create_sweep(
        self,
        *,
        study: str,
        study_text: str,
        study_hash: str,
        data_hash: str,
        layout: SweepLayout,
        study_json: str = "",
        name: str | None = None,
        attributes: Mapping[str, object] | None = None,
    ) -> Sweep:
        """Open the sweep of this study on this data, making its empty arrays the first time.

        Parameters
        ----------
        study, study_text
            Name of the study, and the whole of its file.
        study_hash, data_hash
            What decides the results. The same pair is the same sweep; any other is a new one.
        layout
            Axes and models.
        study_json
            The study as it was understood, overrides included: from it readers build the models again.
        name
            Of its group; by default it follows from study and data.
        attributes
            Further plain JSON facts about it.

        Raises
        ------
        StoreError
            The panel is not in the store yet.
        StoreConflictError
            The sweep exists with other axes, though its hashes are the same.
        """
        name = name or sweep_name(study, study_hash, data_hash)
        given = _sweep_attributes(study, study_text, study_hash, data_hash, layout)
        given |= {"study_json": study_json, **(attributes or {})}

        def create(session: icechunk.Session) -> None:
            if open_group(session, sweep_path(name)) is not None:
                _check_same(read_sweep(session, name), given)
                return
            if open_group(session, panel_path(data_hash)) is None:
                raise StoreError(
                    f"The panel {data_hash} is not in the store at {self.location.url}; "
                    "write it before the sweep."
                )
            group = zarr.create_group(session.store, path=sweep_path(name), zarr_format=3, attributes=given)
            create_sweep_arrays(group, layout)
            index_sweep(session, name)

        transact(self.location, self._repository, create, f"{name}: created")
        return Sweep(self.location, self._repository, name)

    @contextmanager
    def recalibration_held(self, lost: Callable[[], object] | None = None) -> Iterator[None]:
        """Be the only one who recalibrates into this store; see `pipeline.store.sweep.Sweep.hold`.

        Raises
        ------
        BusyError
            Somebody else does.
        """
        root, url = self.location.root, self.location.url
        if root is None:
            held = leased(self._repository, "recalibration", f"The store at {url}", lost)
        else:
            held = recalibration_held(root)
        with held:
            yield

    def write_panel(
        self, data_hash: str, blocks: Iterable["xr.Dataset"], markets: np.ndarray, chunk: int = 8
    ) -> str:
        """Store the data once, under the hash of its content.

        Parameters
        ----------
        data_hash
            Hash of the content; when it is there already, nothing is read or written.
        blocks
            The panel in pieces along ``market``, in the order of ``markets``; one is in memory at a time.
        markets : array, shape (L,)
            Labels of all markets.
        chunk
            Markets in one chunk.

        Returns
        -------
        str
            The group it is in.
        """
        path = panel_path(data_hash)
        if open_group(self.session(), path) is None:
            with working(self.location.root):
                self._write_panel(path, blocks, markets, chunk)
        return path

    def _write_panel(
        self, path: str, blocks: Iterable["xr.Dataset"], markets: np.ndarray, chunk: int
    ) -> None:
        what = f"The data could not be written to the store at {self.location.url}"
        with explained(what), refs_locked(self.location.root):
            base = self.location.checked(self._repository.writable_session(BRANCH))
        fork = base.fork()
        write_blocks(fork.store, path, blocks, markets, chunk)

        def merge(session: icechunk.Session) -> None:
            # Another process may have written the same data meanwhile.
            if open_group(session, path) is None:
                session.merge(fork)

        transact(self.location, self._repository, merge, f"{path}: written")

    def prune(self, sweeps: Collection[str], tags: Collection[str]) -> Pruned:
        """Remove sweeps and tags and collect the garbage; see `pipeline.store.prune.prune_store`."""
        return prune_store(self.location, self._repository, sweeps, tags)

    def write_forecast(
        self,
        sweep: str,
        name: str,
        coordinates: Mapping[str, np.ndarray],
        arrays: Mapping[str, np.ndarray],
        attributes: Mapping[str, object],
    ) -> bool:
        """Store a forecast beside the fits of a sweep, once; see `pipeline.store.forecast.write_forecast`.

        Returns
        -------
        bool
            False when it was there already.
        """
        read_sweep(self.session(), sweep)
        return self._write_once(
            lambda session: write_forecast(session, sweep, name, coordinates, arrays, attributes),
            f"{sweep}: forecast {name}",
        )

    def write_plan(
        self,
        sweep: str,
        name: str,
        coordinates: Mapping[str, np.ndarray],
        arrays: Mapping[str, np.ndarray],
        attributes: Mapping[str, object],
    ) -> bool:
        """Store a flight plan beside the fits of a sweep, once; see `write_forecast`."""
        read_sweep(self.session(), sweep)
        return self._write_once(
            lambda session: write_plan(session, sweep, name, coordinates, arrays, attributes),
            f"{sweep}: plan {name}",
        )

    def _write_once(self, write: Callable[[icechunk.Session], bool], message: str) -> bool:
        """Commit what ``write`` adds, again where others were faster; give what its last call gave."""
        fresh = False

        def transaction(session: icechunk.Session) -> None:
            nonlocal fresh
            fresh = write(session)

        transact(self.location, self._repository, transaction, message)
        return fresh

    def panel(self, data_hash: str) -> "xr.Dataset":
        """Open the data with this hash, lazily."""
        return open_dataset(self.session(), panel_path(data_hash))

    def tag(self, name: str, snapshot: str | None = None) -> str:
        """Give a snapshot (the newest) a name that never moves; returns the snapshot.

        Raises
        ------
        StoreConflictError
            The name is taken. Names of deleted tags cannot be used again either.
        """
        what = f"The tag {name} could not be written to the store at {self.location.url}"
        with explained(what), refs_locked(self.location.root):
            target = snapshot or self._repository.lookup_branch(BRANCH)
            check_references(self.location.root, self.location.url)
            try:
                self._repository.create_tag(name, target)
            except icechunk.AlreadyExistsError as error:
                raise StoreConflictError(
                    f"The tag {name} exists in the store at {self.location.url}, and tags never move."
                ) from error
            record(self.location.root)
            if self.location.durable:
                flush_to_disk(self.location.root)
        return target

    def tags(self) -> tuple[str, ...]:
        """Names of all tags, sorted."""
        with explained(f"The tags of the store at {self.location.url} cannot be read"):
            check_references(self.location.root, self.location.url)
            return tuple(sorted(self._repository.list_tags()))


def _mark_root(session: icechunk.Session) -> None:
    if open_group(session, "") is None:
        zarr.create_group(
            session.store,
            zarr_format=3,
            attributes={"format": FORMAT, "format_version": FORMAT_VERSION, "Conventions": "CF-1.11"},
        )


def _sweep_attributes(
    study: str, study_text: str, study_hash: str, data_hash: str, layout: SweepLayout
) -> dict[str, object]:
    packages = ("beed", "numpy", "scipy", "numba", "lmfit", "xarray", "zarr", "icechunk")
    return {
        "study": study,
        "study_text": study_text,
        "study_hash": study_hash,
        "data_hash": data_hash,
        "state": SweepState.CREATED.value,
        "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "models": [model.name for model in layout.models],
        "baselines": list(layout.baselines),
        "n_markets": len(layout.markets),
        "n_windows": len(layout.windows),
        "chunk": layout.chunk,
        "compacted": False,
        "format_version": FORMAT_VERSION,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }


def _check_same(info: SweepInfo, attributes: dict[str, object]) -> None:
    for key in ("study_hash", "data_hash", "models", "baselines", "n_markets", "n_windows", "chunk"):
        stored, asked = getattr(info, key), attributes[key]
        if (list(stored) if isinstance(stored, tuple) else stored) != asked:
            raise StoreConflictError(
                f"The sweep {info.name} exists with {key} {stored}; now {asked} is asked for under the same "
                "hashes. Resume it with the version of beed that made it, or use a new store."
            )
