"""Leases: who works on what in an object store, where no lock of an operating system reaches.

A lease is a branch of the repository, renewed by empty commits. Icechunk moves branches by conditional
writes, so of two who try at once one is refused, whatever the object store. A lease that has not been renewed
for `TERM` seconds, by the clocks of both computers, may be taken: clocks should agree to a minute.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import icechunk

from pipeline.errors import BusyError
from pipeline.store.location import BRANCH

#: Seconds that a lease lasts, and between renewals; each renewal leaves some 40 kB until `beed prune`.
TERM, RENEWAL = 180.0, 45.0
#: Seconds by which clocks may differ. A lease that ends later than this after its term was dated by a clock
#: that has since been put back; it could block the work for years, so it counts as ended.
SKEW = 60.0
PREFIX = "beed-lease-"
_UNTIL, _HOLDER = "until", "holder"


@contextmanager
def leased(
    repository: icechunk.Repository, name: str, what: str, lost: Callable[[], object] | None = None
) -> Iterator[None]:
    """Hold a lease until the block ends.

    Parameters
    ----------
    repository
        Where it is kept.
    name
        Of the lease: letters, digits, dots and dashes.
    what
        What it is a lease of, for messages.
    lost
        Called from another thread when somebody else has taken it, because it could not be renewed in time.

    Raises
    ------
    BusyError
        Somebody else holds it; or has taken it meanwhile, said at the end of the block.
    """
    lease = Lease(repository, name, what)
    lease.take()
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(RENEWAL):
            if not lease.renew():
                if lost is not None:
                    lost()
                return

    thread = threading.Thread(target=renew, name=f"lease of {name}", daemon=True)
    thread.start()
    try:
        yield
        if lease.is_lost:
            raise BusyError(
                f"{what} was taken over by another coordinator, because this one could not renew its lease "
                f"for {TERM:g} s; what it has finished is kept."
            )
    finally:
        ended.set()
        thread.join()
        lease.release()


class Lease:
    """One lease, not yet taken; see `leased`.

    Parameters
    ----------
    repository, name, what
        As for `leased`.
    clock
        Gives the time in seconds since 1970.
    """

    def __init__(
        self,
        repository: icechunk.Repository,
        name: str,
        what: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._repository, self._what, self._clock = repository, what, clock
        self._branch = PREFIX + name
        self._snapshot: str | None = None
        self._until = 0.0
        self.is_lost = False

    def take(self) -> None:
        """Take the lease.

        Raises
        ------
        BusyError
            Somebody else holds it.
        """
        for _ in range(10):
            with suppress(icechunk.AlreadyExistsError):
                self._repository.create_branch(self._branch, self._repository.lookup_branch(BRANCH))
            try:
                session = self._repository.writable_session(self._branch)
                held = self._repository.lookup_snapshot(session.snapshot_id).metadata
                left = float(held.get(_UNTIL, 0.0)) - self._clock()
                if 0.0 < left <= TERM + SKEW:
                    break
                self._commit(session)
                return
            except (icechunk.ConflictError, icechunk.NotFoundError, icechunk.RefNotFoundError):
                held = {}
                continue  # taken or given back at this moment
        raise BusyError(
            f"{self._what} is being worked on by {held.get(_HOLDER, 'another coordinator')}; wait for it to "
            "end, or stop it and run again: what it has finished is kept. If it was killed, its lease ends "
            f"within {TERM:g} s."
        )

    def renew(self) -> bool:
        """Hold on to the lease; False when it is lost."""
        try:
            session = self._repository.writable_session(self._branch)
            if session.snapshot_id == self._snapshot:
                self._commit(session)
                return True
            self.is_lost = True
        except (icechunk.ConflictError, icechunk.NotFoundError, icechunk.RefNotFoundError):
            self.is_lost = True
        except icechunk.IcechunkError:
            # The store cannot be reached at the moment; nobody else can take what has not ended.
            self.is_lost = self._clock() > self._until
        return not self.is_lost

    def release(self) -> None:
        """Give the lease back; one that is lost is left alone."""
        with suppress(icechunk.IcechunkError):
            if self._repository.lookup_branch(self._branch) == self._snapshot:
                self._repository.delete_branch(self._branch)

    def _commit(self, session: icechunk.Session) -> None:
        until = self._clock() + TERM
        facts = {_UNTIL: until, _HOLDER: f"process {os.getpid()} on {socket.gethostname()}"}
        self._snapshot = session.commit("lease", metadata=facts, allow_empty=True)
        self._until = until


def live_leases(repository: icechunk.Repository) -> tuple[str, ...]:
    """Names of the leases that have not ended, sorted."""
    live = []
    for branch in sorted(repository.list_branches()):
        if not branch.startswith(PREFIX):
            continue
        with suppress(icechunk.NotFoundError, icechunk.RefNotFoundError):
            held = repository.lookup_snapshot(repository.lookup_branch(branch)).metadata
            if float(held.get(_UNTIL, 0.0)) > time.time():
                live.append(branch.removeprefix(PREFIX))
    return tuple(live)
