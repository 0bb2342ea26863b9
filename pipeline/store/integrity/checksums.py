"""Checksums of what Icechunk leaves without one: the file of references, and the snapshots.

Chunks carry their own (see `pipeline.store.integrity.checked`), and what points to a chunk finds that very
chunk or nothing. But names, shapes and attributes are in snapshots, branches and tags in the file ``repo``;
both are compressed without a checksum, and a flipped bit can change them unseen. On a local store every
change of a reference is therefore followed by a line in ``beed-checksums``, under the same lock. S3 has
checksums of its own.

A line is ``name crc32 check``, the last one of a name holds. What is not written there is not checked: older
stores, and commits whose process died before the line. Other programs may move references too: Icechunk keeps
the file that was replaced, and where the known one is among those, the new one is work and no damage.
"""

import os
import re
import zlib
from pathlib import Path

from pipeline.errors import StoreError

_FILE = "beed-checksums"
_REFERENCES = "repo"


def record(root: Path | None, snapshot: str | None = None) -> None:
    """Remember the references, and a new snapshot, as they are now; called under the lock on the references.

    Parameters
    ----------
    root
        Directory of a local store; None for an object store.
    snapshot
        Name of a snapshot that has just been made.
    """
    if root is None:
        return
    names = [_REFERENCES] if snapshot is None else [_snapshot(snapshot), _REFERENCES]
    lines = [_line(name, crc) for name in names if (crc := _crc(root / name)) is not None]
    # A blank line before: the last one may have been cut short by a kill.
    text = "".join(f"\n{line}\n" for line in lines).encode()
    descriptor = os.open(root / _FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)


def check_references(root: Path | None, url: str) -> None:
    """Hold the file of references against its checksum.

    Raises
    ------
    StoreError
        It is not what was written.
    """
    if root is None:
        return
    for _ in range(3):  # others may commit between the two looks
        known, crc = _known(root, _REFERENCES), _crc(root / _REFERENCES)
        if known is None or crc is None or crc == known or _replaced(root, known):
            return
    raise StoreError(
        f"The file {_REFERENCES} of the store at {url} is damaged: its branches and tags cannot be trusted. "
        "Put it back from a backup; the newest file in its folder 'overwritten' is the state before the last "
        "commit."
    )


def check_snapshot(root: Path | None, url: str, snapshot: str) -> None:
    """Hold a snapshot against its checksum.

    Raises
    ------
    StoreError
        It is not what was written.
    """
    if root is None:
        return
    name = _snapshot(snapshot)
    known, crc = _known(root, name), _crc(root / name)
    if known is not None and crc is not None and crc != known:
        raise StoreError(
            f"The snapshot {snapshot} of the store at {url} is damaged (the file {name}): names and "
            "descriptions of arrays in it cannot be trusted. Put the file back from a backup, open an "
            "earlier state with open_store(..., snapshot=...), or run the study into a new store."
        )


def _snapshot(name: str) -> str:
    return f"snapshots/{name}"


def _line(name: str, crc: int) -> str:
    text = f"{name} {crc:08x}"
    return f"{text} {zlib.crc32(text.encode()):08x}"


def _known(root: Path, name: str) -> int | None:
    """Find the last checksum of a name; None when there is none, or it is damaged itself."""
    try:
        text = (root / _FILE).read_bytes()
    except FileNotFoundError:
        return None
    start = text.rfind(f"\n{name} ".encode())
    if start < 0:
        return None
    line = text[start + 1 :].partition(b"\n")[0].decode(errors="replace")
    crc = re.fullmatch(rf"{name} ([0-9a-f]{{8}}) [0-9a-f]{{8}}", line)
    return int(crc[1], 16) if crc and line == _line(name, int(crc[1], 16)) else None


def _replaced(root: Path, known: int) -> bool:
    """Tell whether the known references are among those that a later commit replaced."""
    folder = root / "overwritten"
    return folder.is_dir() and any(_crc(path) == known for path in sorted(folder.glob("repo.*")))


def _crc(path: Path) -> int | None:
    try:
        return zlib.crc32(path.read_bytes())
    except FileNotFoundError:
        return None  # the library says what is missing
