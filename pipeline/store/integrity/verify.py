"""Reading all of a store, to name what is damaged in it."""

from dataclasses import dataclass
from itertools import product
from pathlib import PurePosixPath
from typing import Any

import icechunk
import numpy as np
import zarr

from pipeline.errors import StoreError
from pipeline.store.encoding import decode
from pipeline.store.format.layout import RESULT_GROUPS, group_path
from pipeline.store.integrity.checked import CheckedArray
from pipeline.store.read import open_group, written_rows
from pipeline.store.store import Store


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that cannot be read, or is not what was written.

    Parameters
    ----------
    path
        Of the array or group; empty for the store itself.
    chunk
        Place of the chunk, e.g. ``2/0/0``; empty when it is not one chunk.
    concerns
        Which model and which markets; empty when it is all of it.
    reason
        A sentence.
    """

    path: str
    chunk: str
    concerns: str
    reason: str

    def __str__(self) -> str:
        place = f"/{self.path}" + (f", chunk {self.chunk}" if self.chunk else "")
        return f"{place}{f' ({self.concerns})' if self.concerns else ''}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What reading a store has shown.

    Parameters
    ----------
    arrays, chunks
        How many were read.
    unprotected
        Arrays without checksums, written by an earlier version: what can be read of them is taken as right.
    damage
        What is wrong.
    """

    arrays: int
    chunks: int
    unprotected: int
    damage: tuple[Damage, ...]


def verify_store(store: Store) -> Verification:
    """Read every chunk that the newest state and the tags of a store have.

    Memory is bounded by one chunk. Chunks that several states share are read once.
    """
    walk = _Walk()
    for tag in (None, *store.tags()):
        try:
            session = store.session(tag=tag)
        except StoreError as error:
            walk.damage.append(Damage("", "", "" if tag is None else f"tag {tag}", str(error)))
            continue
        if session.snapshot_id not in walk.snapshots:
            walk.snapshots.add(session.snapshot_id)
            walk.group(session, "")
    return Verification(walk.arrays, walk.chunks, walk.unprotected, tuple(dict.fromkeys(walk.damage)))


class _Walk:
    """Everything below a group, each array once."""

    def __init__(self) -> None:
        self.arrays = self.chunks = self.unprotected = 0
        self.damage: list[Damage] = []
        self.snapshots: set[str] = set()
        self._seen: set[tuple[str, str]] = set()

    def group(self, session: icechunk.Session, path: str) -> None:
        """Read a group and all below it."""
        try:
            group = open_group(session, path)
            members = [] if group is None else sorted(group.members())
        except StoreError as error:
            self.damage.append(Damage(path, "", "", str(error)))
            return
        for name, node in members:
            below = f"{path}/{name}".lstrip("/")
            if not isinstance(node, CheckedArray):
                self.group(session, below)
                continue
            key = (below, session.get_node_id(f"/{below}"))
            if key not in self._seen:
                self._seen.add(key)
                self._array(session, below, node)

    def _array(self, session: icechunk.Session, path: str, array: CheckedArray) -> None:
        self.arrays += 1
        self.unprotected += not array.checksums
        if array.checksums and array.config.read_missing_chunks:
            self._compare_with_status(session, path, array)
        for place in product(*(range(count) for count in array.cdata_shape)):
            region = tuple(
                slice(at * size, min((at + 1) * size, length))
                for at, size, length in zip(place, array.chunks, array.shape, strict=True)
            )
            self.chunks += 1
            try:
                array[region]
            except StoreError as error:
                chunk = "/".join(map(str, place))
                self.damage.append(Damage(path, chunk, _concerns(session, path, array, region), str(error)))

    def _compare_with_status(self, session: icechunk.Session, path: str, array: CheckedArray) -> None:
        """Look for chunks of an unfinished sweep that are gone: where there is a status, there is all."""
        parts = PurePosixPath(path).parts
        if len(parts) < 5:
            return
        status = f"{group_path(parts[1], 'fits', parts[3])}/status"
        try:
            gone = written_rows(session, status) - written_rows(session, path)
        except StoreError as error:
            self.damage.append(Damage(path, "", "", str(error)))
            return
        for row in sorted(gone):
            start = row * array.chunks[0]
            whole = [slice(0, length) for length in array.shape[1:]]
            region = (slice(start, min(start + array.chunks[0], array.shape[0])), *whole)
            self.damage.append(
                Damage(path, str(row), _concerns(session, path, array, region), "The chunk is missing.")
            )


def _concerns(session: icechunk.Session, path: str, array: zarr.Array, region: tuple[slice, ...]) -> str:
    """Say which model and which markets a piece of an array is about."""
    parts = PurePosixPath(path).parts
    words = []
    if len(parts) > 4 and parts[2] in RESULT_GROUPS:
        words.append(f"model {parts[3]}")
    dims: tuple[Any, ...] = getattr(array.metadata, "dimension_names", None) or ()
    for axis, name in (("model", "models"), ("market", "markets")):
        if axis in dims and len(parts) > 1:
            labels = _labels(session, f"{parts[0]}/{parts[1]}", axis)
            if labels is not None:
                some = labels[region[dims.index(axis)]]
                words.append(f"{name} {some[0]}" + (f" to {some[-1]}" if len(some) > 1 else ""))
    return ", ".join(words)


def _labels(session: icechunk.Session, group: str, axis: str) -> np.ndarray | None:
    """Labels of an axis; None when these are damaged too, which is said elsewhere."""
    try:
        opened = open_group(session, group)
        return None if opened is None else decode(opened[axis])
    except (StoreError, KeyError):
        return None
