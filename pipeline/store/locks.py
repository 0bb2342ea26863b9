"""Locks between processes that write to one store on a local filesystem.

Icechunk's local storage cannot compare and swap: without a lock one acknowledged commit in eight was lost
when two processes committed at once. So every call that moves a reference (commit, tag) runs under one
``flock``. The kernel drops such a lock when its process dies, however it dies. Object stores compare and swap
by themselves.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import BusyError, StoreError

_REFS = "beed.lock"
_RECALIBRATION = "beed-recalibration.lock"
_WRITERS = "beed-writers.lock"


@contextmanager
def refs_locked(root: Path | None) -> Iterator[None]:
    """Hold the lock on the references of a store, waiting for it as long as needed.

    Parameters
    ----------
    root
        Directory of a local store; None for an object store, which needs no lock.
    """
    if root is None:
        yield
        return
    descriptor = _open(root / _REFS)
    try:
        _flock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def sweep_held(root: Path | None, sweep: str) -> Iterator[None]:
    """Be the only coordinator of a sweep.

    Raises
    ------
    BusyError
        Another process holds it; the sentence says which.
    """
    with _held(root, f"beed-{sweep}.lock", f"The sweep {sweep}"):
        yield


@contextmanager
def recalibration_held(root: Path | None) -> Iterator[None]:
    """Be the only one who recalibrates into a store; makes its directory.

    Raises
    ------
    BusyError
        Another process does; the sentence says which, and since when.
    """
    if root is not None:
        with suppress(OSError):  # said in a sentence when the lock cannot be made in it
            root.mkdir(parents=True, exist_ok=True)
    with _held(root, _RECALIBRATION, f"The store at {root}"):
        yield


@contextmanager
def working(root: Path | None) -> Iterator[None]:
    """Write chunks that are not committed yet; any number of processes may.

    Raises
    ------
    BusyError
        The store is being pruned: see `nobody_works`.
    """
    with _writers(root, exclusive=False, sentence="is being pruned; try again in a moment."):
        yield


@contextmanager
def nobody_works(root: Path | None) -> Iterator[None]:
    """Be sure that no process has chunks that are not committed yet.

    Raises
    ------
    BusyError
        One may have.
    """
    with _writers(root, exclusive=True, sentence="is being worked on; try again when that has ended."):
        yield


@contextmanager
def _writers(root: Path | None, *, exclusive: bool, sentence: str) -> Iterator[None]:
    if root is None:
        yield
        return
    descriptor = _open(root / _WRITERS)
    try:
        if not _flock(descriptor, wait=False, exclusive=exclusive):
            raise BusyError(f"The store at {root} {sentence}")
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _held(root: Path | None, name: str, what: str) -> Iterator[None]:
    if root is None:
        yield
        return
    path = root / name
    descriptor = _open(path)
    try:
        if not _flock(descriptor, wait=False):
            holder = path.read_text(encoding="utf-8").strip() or "another process"
            raise BusyError(
                f"{what} is being worked on by {holder}; wait for it to end, "
                "or stop it and run again: what it has finished is kept."
            )
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        text = f"process {os.getpid()} on {socket.gethostname()} since {now}"
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StoreError(
            f"Cannot write to the store at {path.parent}: {error.strerror}. "
            "Check that the directory exists, is yours to write, and has space left."
        ) from error


def _flock(descriptor: int, *, wait: bool, exclusive: bool = True) -> bool:
    try:
        import fcntl
    except ImportError as error:  # Windows
        raise StoreError(
            "Stores on a local filesystem need Linux or macOS; on Windows use WSL or a store on S3."
        ) from error
    try:
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        fcntl.flock(descriptor, kind | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
