"""Waiting until the disk has what was written: Icechunk writes files without fsync.

Chunks are written by other processes, whose files have names of their own; so the whole file system of the
store is flushed (syncfs, on Linux; elsewhere all of them).
"""

import ctypes
import os
from pathlib import Path


def flush_to_disk(folder: Path | None) -> None:
    """Return when everything written to the file system of a folder so far is on its disk.

    Parameters
    ----------
    folder
        Any folder of the file system; None for an object store, where there is nothing to do.

    Raises
    ------
    OSError
        The disk has reported an error.
    """
    if folder is None:
        return
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
