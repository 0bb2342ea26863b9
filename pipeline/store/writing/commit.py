"""Commits to the tip of a store, whatever others commit meanwhile."""

from collections.abc import Callable

import icechunk

from pipeline.errors import StoreConflictError
from pipeline.store.integrity.checksums import record
from pipeline.store.integrity.explain import explained
from pipeline.store.location import BRANCH, Location
from pipeline.store.locks import refs_locked


def transact(
    location: Location,
    repository: icechunk.Repository,
    change: Callable[[icechunk.Session], object],
    message: str,
) -> str:
    """Apply a change to the tip of the store and commit it, again from the new tip when others were faster.

    Parameters
    ----------
    change
        Called with a writable session; must be safe to call again with another one.
    """
    for _ in range(100):
        with explained(f"The store at {location.url} cannot be written"), refs_locked(location.root):
            session = location.checked(repository.writable_session(BRANCH))
            change(session)
            if not session.has_uncommitted_changes:
                return session.snapshot_id
            try:
                snapshot = session.commit(message)
            except icechunk.ConflictError:
                continue
            record(location.root, snapshot)
            return snapshot
    raise StoreConflictError(
        f"Others commit to {location.url} faster than this process can; try again later."
    )


def commit_merged(location: Location, session: icechunk.Session, message: str) -> str:
    """Commit a session that forks were merged into, under the lock; returns the snapshot.

    Raises
    ------
    StoreConflictError
        Others changed more than the same chunks.
    """
    try:
        snapshot = session.commit(message, rebase_with=icechunk.ConflictDetector())
    except icechunk.RebaseFailedError as error:
        harmless = icechunk.ConflictType.ChunkDoubleUpdate
        if any(conflict.conflict_type != harmless for conflict in error.conflicts):
            raise StoreConflictError(
                "Others rewrote arrays of this sweep while it was being committed; run again to resume."
            ) from error
        # Two coordinators ran the same task, on an object store. Its result depends on its id alone, so
        # either will do.
        solver = icechunk.BasicConflictSolver(on_chunk_conflict=icechunk.VersionSelection.UseOurs)
        snapshot = session.commit(message, rebase_with=solver)
    record(location.root, snapshot)
    return snapshot
