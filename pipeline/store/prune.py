"""Taking sweeps out of a store and collecting what nothing refers to any more; only while nobody writes."""

import datetime as dt
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import icechunk
import zarr

from pipeline.errors import BusyError
from pipeline.store.format.layout import SWEEPS
from pipeline.store.index import unindex_sweeps
from pipeline.store.integrity.checksums import record
from pipeline.store.integrity.explain import explained
from pipeline.store.lease import leased, live_leases
from pipeline.store.location import Location
from pipeline.store.locks import nobody_works, recalibration_held, refs_locked
from pipeline.store.writing.commit import transact

#: On an object store nobody can be locked out: what was written later than this may belong to a run that has
#: just begun, and stays.
GRACE = dt.timedelta(days=1)
_PANELS = "panels"
#: Copies that icechunk keeps of its table of references, one a commit.
_COPIES = "overwritten"
#: The newest are left to put a damaged table back.
_COPIES_KEPT = 10


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was done.

    Attributes
    ----------
    panels
        Data that no sweep uses any more, by content hash.
    bytes
        Freed.
    """

    panels: tuple[str, ...]
    bytes: int


def prune_store(
    location: Location,
    repository: icechunk.Repository,
    sweeps: Collection[str],
    tags: Collection[str],
) -> Pruned:
    """Remove sweeps and tags, then everything that no tag and no sweep refers to: history included.

    Earlier states of the store can be opened no longer, except those with a tag, and readers that are open
    have to be opened again.

    Parameters
    ----------
    sweeps, tags
        Names.

    Raises
    ------
    BusyError
        Somebody works on the store; nothing was changed.
    StoreError
        The store cannot be written.
    """
    with _alone(location, repository):
        panels: list[str] = []

        def change(session: icechunk.Session) -> None:
            panels[:] = _remove(session, set(sweeps))

        with explained(f"The store at {location.url} cannot be pruned"):
            with refs_locked(location.root):
                for tag in tags:
                    repository.delete_tag(tag)
                record(location.root)
            transact(location, repository, change, f"pruned: {len(sweeps)} sweeps")
            return Pruned(tuple(panels), _collect(location, repository))


@contextmanager
def _alone(location: Location, repository: icechunk.Repository) -> Iterator[None]:
    """Keep everybody else from writing, as far as that can be done."""
    if location.root is not None:
        with recalibration_held(location.root), nobody_works(location.root):
            yield
        return
    if live := live_leases(repository):
        names = ", ".join(live)
        raise BusyError(f"The store at {location.url} is being worked on ({names}); prune it afterwards.")
    with leased(repository, "prune", f"The store at {location.url}"):
        yield


def _remove(session: icechunk.Session, sweeps: set[str]) -> list[str]:
    """Delete the groups of sweeps, and of the data that the others do not use; returns the latter."""
    root = zarr.open_group(session.store, mode="r+", zarr_format=3)
    if SWEEPS not in root:
        return []
    group = zarr.open_group(session.store, path=SWEEPS, mode="r+", zarr_format=3)
    used = set()
    for name, child in list(group.groups()):
        if name in sweeps:
            del group[name]
        else:
            used.add(child.attrs["data_hash"])
    unindex_sweeps(session, sweeps)
    if _PANELS not in root:
        return []
    panels = zarr.open_group(session.store, path=_PANELS, mode="r+", zarr_format=3)
    unused = sorted(set(panels.group_keys()) - used)
    for name in unused:
        del panels[name]
    return unused


def _collect(location: Location, repository: icechunk.Repository) -> int:
    """Forget the history and delete what is unreachable; returns bytes."""
    now = dt.datetime.now(dt.UTC)
    cutoff = now if location.root is not None else now - GRACE
    with refs_locked(location.root):
        repository.expire_snapshots(cutoff)
        freed: int = repository.garbage_collect(cutoff).bytes_deleted
        record(location.root)
        if location.root is not None:
            copies = sorted((location.root / _COPIES).glob("repo.*"), key=lambda copy: copy.stat().st_mtime)
            for copy in copies[:-_COPIES_KEPT]:
                freed += copy.stat().st_size
                copy.unlink()
    return freed
