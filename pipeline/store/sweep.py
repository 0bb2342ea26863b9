"""The coordinator's side of one sweep: what is left to do, forks out, forks merged and committed."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import icechunk
import numpy as np
import zarr

from pipeline.errors import StoreConflictError, StoreError
from pipeline.status import Status
from pipeline.store.drift import write_drift
from pipeline.store.fork import Fork, Written
from pipeline.store.format.first_stage import PooledStages
from pipeline.store.format.layout import SweepState, group_path, sweep_path
from pipeline.store.index import index_sweep
from pipeline.store.integrity.explain import explained
from pipeline.store.lease import leased
from pipeline.store.location import BRANCH, Location
from pipeline.store.locks import refs_locked, sweep_held, working
from pipeline.store.read import SweepInfo, open_array, open_arrays, open_dataset, read_sweep, written_rows
from pipeline.store.shared.first_stages import has_first_stages, write_first_stages
from pipeline.store.shared.population import Populations, has_population, write_population
from pipeline.store.writing.commit import commit_merged, transact
from pipeline.store.writing.compact import compact_sweep
from pipeline.store.writing.patch import Patch, write_patches

if TYPE_CHECKING:
    import xarray as xr


class Sweep:
    """One sweep of a store, open for work.

    Made by `Store.create_sweep` or `Store.sweep`; any number of processes may have the same one open, but
    only one should coordinate: see `hold`.
    """

    def __init__(self, location: Location, repository: icechunk.Repository, name: str) -> None:
        self._location = location
        self._repository = repository
        self.name = name
        self._template: Fork | None = None

    @property
    def info(self) -> SweepInfo:
        """Names, state, hashes and sizes, as of now."""
        return read_sweep(self._reading(), self.name)

    @contextmanager
    def hold(self, lost: Callable[[], object] | None = None) -> Iterator[None]:
        """Be the only coordinator of this sweep until the block ends or the process dies.

        Parameters
        ----------
        lost
            On an object store: called from another thread when somebody else has taken over, because this
            process could not renew its lease.

        Raises
        ------
        BusyError
            Another process is at it; the sentence says which.
        """
        if self._location.root is None:
            with leased(self._repository, self.name, f"The sweep {self.name}", lost):
                yield
            return
        with sweep_held(self._location.root, self.name), working(self._location.root):
            yield

    def _reading(self) -> icechunk.Session:
        with explained(f"The store at {self._location.url} cannot be read"):
            return self._location.checked(self._repository.readonly_session(BRANCH))

    def pending(self, model: str) -> tuple[slice, ...]:
        """Chunks of markets that have no committed result yet.

        Read from the coordinates of the chunks that exist, without reading an array: 30 ms for 5000 chunks.

        Parameters
        ----------
        model
            Name of a variant or of a baseline.

        Returns
        -------
        tuple of slice
            ``start:stop`` along the market axis, one chunk each, ascending.
        """
        session = self._reading()
        info = read_sweep(session, self.name)
        path, row = _progress_array(info, model)
        array = open_array(session, path)
        if row is not None:
            row //= array.chunks[2]
        done = written_rows(session, path, row)
        length, chunk = array.shape[0], array.chunks[0]
        starts = (start for start in range(0, length, chunk) if start // chunk not in done)
        return tuple(slice(start, min(start + chunk, length)) for start in starts)

    def fork(self) -> Fork:
        """Make a fresh fork for one task; it pickles to some hundred bytes."""
        if self._template is None:
            with explained(f"The store at {self._location.url} cannot be read"):
                session = self._location.checked(self._repository.writable_session(BRANCH))
            info = read_sweep(session, self.name)
            nodes = {path: session.get_node_id(f"/{path}") for path in _progress_arrays(info)}
            self._template = Fork(session.fork(), self.name, info.data_hash, nodes, info.rows)
        return self._template.copy()

    def renew_forks(self) -> None:
        """Let the forks made from now on see what has been committed by now."""
        self._template = None

    def has_trajectories(self) -> bool:
        """Whether there is an array for calibrated shares."""
        session, models = self._reading(), self.info.models
        return any(open_arrays(session, group_path(self.name, "trajectories", model)) for model in models[:1])

    def fits(self, model: str) -> "xr.Dataset":
        """Open the committed fits of a model as a lazy dataset."""
        return open_dataset(self._reading(), group_path(self.name, "fits", model))

    def status(self, model: str) -> np.ndarray:
        """Read what has become of the fits of a model: codes of shape (market, window)."""
        array = open_array(self._reading(), f"{group_path(self.name, 'fits', model)}/status", complete=False)
        return np.asarray(array[...])

    def statuses(self) -> dict[Status, int]:
        """Count what has become of the fits of all models."""
        counts = sum((Counter(self.status(model).ravel().tolist()) for model in self.info.models), Counter())
        return {Status(code): count for code, count in sorted(counts.items())}

    def has_population(self, model: str) -> bool:
        """Whether the priors of a pooled model have been written."""
        return has_population(self._reading(), self.name, model)

    def write_population(self, model: str, populations: Populations) -> str:
        """Write the priors of a pooled model, by window and parameter; returns the snapshot."""

        def change(session: icechunk.Session) -> None:
            if not has_population(session, self.name, model):
                write_population(session, self.name, model, populations)

        snapshot = transact(self._location, self._repository, change, f"{self.name}: population of {model}")
        self.renew_forks()  # workers read it through them
        return snapshot

    def has_first_stages(self, model: str) -> bool:
        """Whether the pooled first stages of a model have been written."""
        return has_first_stages(self._reading(), self.name, model)

    def write_first_stages(self, stages: Mapping[str, PooledStages]) -> str:
        """Write the pooled first stages of models, by window and effort; returns the snapshot."""

        def change(session: icechunk.Session) -> None:
            for model, of_model in stages.items():
                if not has_first_stages(session, self.name, model):
                    write_first_stages(session, self.name, model, of_model)

        snapshot = transact(self._location, self._repository, change, f"{self.name}: pooled first stages")
        self.renew_forks()  # workers read them through these
        return snapshot

    def write_drift(
        self,
        markets: Mapping[str, np.ndarray],
        models: Mapping[str, Mapping[str, np.ndarray]],
        attributes: Mapping[str, object],
    ) -> str:
        """Write how far this vintage is from the one before, once; returns the snapshot.

        Takes what `pipeline.store.drift.write_drift` takes.
        """
        return transact(
            self._location,
            self._repository,
            lambda session: write_drift(session, self.name, markets, models, attributes),
            f"{self.name}: drift since {attributes['since']}",
        )

    def merge_and_commit(self, forks: Iterable[Fork]) -> str | None:
        """Make the work of some forks permanent and visible, all of it or nothing.

        A commit costs some milliseconds and 40 kB for ever, whatever it holds: gather for some seconds. When
        this raises, nothing is lost: the same forks can be given again.

        Parameters
        ----------
        forks
            As they came back from the workers; a chunk that comes twice (a task run again) is taken once.

        Returns
        -------
        str or None
            The new snapshot; None when there was nothing to commit.

        Raises
        ------
        StoreConflictError
            The arrays were rewritten since the forks were made (another coordinator ended the sweep).
        StoreError
            Two forks hold different pieces of one region, or the store cannot be written (disk full).
        """
        kept = _without_repeats(forks)
        if not kept:
            return None
        count = sum(len(fork.written) for fork in kept)
        what = f"Results of the sweep {self.name} could not be committed to {self._location.url}"
        with explained(what), refs_locked(self._location.root):
            session = self._location.checked(self._repository.writable_session(BRANCH))
            for fork in kept:
                self._check_current(session, fork)
                session.merge(fork.session)
            return commit_merged(self._location, self._repository, session, f"{self.name}: {count} tasks")

    def write_over(self, patches: Iterable[Patch]) -> str:
        """Replace the results of single fits; only for the coordinator. Returns the snapshot."""
        given = tuple(patches)
        count = sum(int(patch.cells.sum()) for patch in given)
        return transact(
            self._location,
            self._repository,
            lambda session: write_patches(session, read_sweep(session, self.name), given),
            f"{self.name}: {count} fits done again",
        )

    def set_state(self, state: SweepState | str, **attributes: Any) -> str:
        """Record where the sweep stands, and further plain facts about it; returns the snapshot."""
        changes = {"state": SweepState(state).value, **attributes}

        def change(session: icechunk.Session) -> None:
            group = zarr.open_group(session.store, path=sweep_path(self.name), mode="r+", zarr_format=3)
            before = group.attrs.get("state")
            group.attrs.update(changes)
            if SweepState.DONE in (before, changes["state"]):
                index_sweep(session, self.name)

        return transact(self._location, self._repository, change, f"{self.name}: {changes['state']}")

    def compact(self) -> bool:
        """Rewrite the small tables of a finished sweep in larger chunks; returns whether anything was done.

        Raises
        ------
        StoreError
            Some chunks have no result yet.
        """
        info = self.info
        if info.compacted:
            return False
        for name in info.rows:
            if left := self.pending(name):
                raise StoreError(
                    f"The sweep {self.name} cannot be compacted: {name} has {len(left)} chunks "
                    "without results."
                )

        def change(session: icechunk.Session) -> None:
            source = self._repository.readonly_session(snapshot_id=session.snapshot_id)
            compact_sweep(session, source, self.name)

        transact(self._location, self._repository, change, f"{self.name}: compacted")
        self._template = None
        return True

    def _check_current(self, session: icechunk.Session, fork: Fork) -> None:
        # Chunks of an array that was recreated would vanish in the merge without a word.
        if fork.sweep != self.name:
            raise StoreError(f"Got results of the sweep {fork.sweep}; expected those of {self.name}.")
        for path, node in fork.nodes.items():
            if session.get_node_id(f"/{path}") != node:
                raise StoreConflictError(
                    f"The array {path} was rewritten while these results were computed: another coordinator "
                    "has finished this sweep. Its results stand; these are the same and are not needed."
                )


def _without_repeats(forks: Iterable[Fork]) -> list[Fork]:
    kept: list[Fork] = []
    seen: set[Written] = set()
    for fork in forks:
        fresh = [region for region in fork.written if region not in seen]
        clash = [(region, other) for region in fresh for other in seen if region.overlaps(other)]
        if clash or (fresh and len(fresh) < len(fork.written)):
            raise StoreError(
                f"Got results of {fork.sweep} that overlap in part: {clash or fork.written}; every task must "
                "cover its own chunks."
            )
        if fresh:
            kept.append(fork)
            seen.update(fresh)
    return kept


def _progress_array(info: SweepInfo, model: str) -> tuple[str, int | None]:
    """Path of the array whose chunks say what is done, and the row in it when models share it."""
    if model in info.models:
        return f"{group_path(info.name, 'fits', model)}/status", None
    if model in info.baselines:
        return f"{group_path(info.name, 'validation', model)}/error", info.rows[model]
    raise StoreError(f"The sweep {info.name} has no model {model}; it has {', '.join(info.models)}.")


def _progress_arrays(info: SweepInfo) -> list[str]:
    return sorted({_progress_array(info, name)[0] for name in info.rows})
