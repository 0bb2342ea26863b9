"""Commits to the tip of a store, whatever others commit meanwhile."""

from collections.abc import Callable

import icechunk

from pipeline.errors import StoreConflictError, StoreError
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
        with refs_locked(location.root):
            session = repository.writable_session(BRANCH)
            change(session)
            if not session.has_uncommitted_changes:
                return session.snapshot_id
            try:
                return session.commit(message)
            except icechunk.ConflictError:
                continue
            except icechunk.IcechunkError as error:
                raise StoreError(f"The store at {location.url} cannot be written: {error}") from error
    raise StoreConflictError(
        f"Others commit to {location.url} faster than this process can; try again later."
    )


def commit_merged(session: icechunk.Session, message: str) -> str:
    """Commit a session that forks were merged into; returns the snapshot.

    Raises
    ------
    StoreConflictError
        Others changed more than the same chunks.
    """
    try:
        return session.commit(message, rebase_with=icechunk.ConflictDetector())
    except icechunk.RebaseFailedError as error:
        harmless = icechunk.ConflictType.ChunkDoubleUpdate
        if any(conflict.conflict_type != harmless for conflict in error.conflicts):
            raise StoreConflictError(
                "Others rewrote arrays of this sweep while it was being committed; run again to resume."
            ) from error
        # Two coordinators ran the same task, on an object store. Its result depends on its id alone, so
        # either will do.
        solver = icechunk.BasicConflictSolver(on_chunk_conflict=icechunk.VersionSelection.UseOurs)
        return session.commit(message, rebase_with=solver)
