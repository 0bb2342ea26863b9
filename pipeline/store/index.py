"""The index of the sweeps of a store: what tells them apart, in one place, so that none has to be opened.

A store with thousands of vintages has more than a hundred thousand groups and arrays. The index is an
attribute of the group ``sweeps``; a sweep enters it when it is created, and again when it is done.
"""

from dataclasses import dataclass
from typing import Any

import icechunk
import zarr

from pipeline.store.format.layout import LOGICAL_DATE, SWEEP_INDEX, SWEEPS, SweepState, sweep_path
from pipeline.store.read import open_attributes, open_group

#: Of a sweep in the index: study, state, created, logical date.
Facts = list[Any]


@dataclass(frozen=True, slots=True)
class SweepHead:
    """What tells a sweep from others.

    Attributes
    ----------
    name, study
        Its group, and the name of its study.
    state, created
        Where it stands, and when it was made (ISO 8601, UTC).
    date
        The date that it was made for, if it is a vintage.
    """

    name: str
    study: str
    state: SweepState
    created: str
    date: str | None = None


def read_heads(session: icechunk.Session) -> tuple[SweepHead, ...]:
    """All sweeps of a snapshot, oldest first."""
    index = read_index(session)
    if not index and (group := open_group(session, SWEEPS)) is not None:  # a store from before the index
        index = _read_all(group)
    heads = [_head(name, facts) for name, facts in index.items()]
    # What is done stays so; what is under way changes more often than the index.
    heads = [
        head
        if head.state == SweepState.DONE
        else _head(head.name, _facts(open_attributes(session, sweep_path(head.name))))
        for head in heads
    ]
    return tuple(sorted(heads, key=lambda head: (head.created, head.name)))


def read_index(session: icechunk.Session) -> dict[str, Facts]:
    """Read the index as it is stored; empty where there is none."""
    index: dict[str, Facts] = open_attributes(session, SWEEPS).get(SWEEP_INDEX, {})
    return index


def index_sweep(session: icechunk.Session, name: str) -> None:
    """Put a sweep that was created, or is done, into the index; makes the index where there is none.

    Parameters
    ----------
    session
        Writable, with the sweep in it.
    name
        Of the sweep.
    """
    group = zarr.open_group(session.store, path=SWEEPS, mode="r+", zarr_format=3)
    index = read_index(session)
    fresh = name not in index
    index[name] = _facts(open_attributes(session, sweep_path(name)))
    # Versions from before the index make sweeps without it.
    if fresh and set(group.group_keys()) != set(index):
        index = _read_all(group)
    group.attrs.update({SWEEP_INDEX: index})


def unindex_sweeps(session: icechunk.Session, names: set[str]) -> None:
    """Take sweeps out of the index, if there is one."""
    group = zarr.open_group(session.store, path=SWEEPS, mode="r+", zarr_format=3)
    if index := read_index(session):
        kept = {name: facts for name, facts in index.items() if name not in names}
        group.attrs.update({SWEEP_INDEX: kept})


def _read_all(group: zarr.Group) -> dict[str, Facts]:
    return {name: _facts(child.attrs.asdict()) for name, child in group.groups()}


def _facts(attributes: dict[str, Any]) -> Facts:
    return [
        attributes["study"],
        attributes["state"],
        attributes["created"],
        attributes.get(LOGICAL_DATE),
    ]


def _head(name: str, facts: Facts) -> SweepHead:
    study, state, created, date = facts
    return SweepHead(name, study, SweepState(state), created, date)
