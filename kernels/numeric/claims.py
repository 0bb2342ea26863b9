"""Claims of a process on parts of a folder that others use, too: they end with it, however it ends."""

import errno
import os
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing can be claimed
    fcntl = None  # type: ignore[assignment]


def claim(folder: Path, part: str) -> bool | None:
    """Claim a part, named by a hexadecimal number, for this process.

    Returns
    -------
    bool or None
        False when another process has it; None where nothing can be claimed, and each works for itself.
    """
    claims = _claims(folder)
    if claims is None:
        return None
    try:
        fcntl.lockf(claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(part, 16))
    except OSError as error:
        # Other numbers come from filesystems that cannot lock.
        return False if error.errno in (errno.EAGAIN, errno.EACCES) else None
    return True


def release(folder: Path, part: str) -> None:
    """Give back what `claim` said True to."""
    claims = _claims(folder)
    if claims is not None:
        fcntl.lockf(claims, fcntl.LOCK_UN, 1, int(part, 16))


@cache
def _claims(folder: Path) -> int | None:
    """Open the file whose bytes are claimed, for good: closing it would end all claims of this process."""
    try:
        return os.open(folder / "claims", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) if fcntl else None
    except OSError:
        return None
