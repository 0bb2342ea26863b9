"""A piece of an unfinished commit that travels to a worker and back."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field

import icechunk


@dataclass(frozen=True, slots=True)
class Written:
    """A region that was written: one model or baseline, markets start to stop."""

    model: str
    start: int
    stop: int

    def overlaps(self, other: "Written") -> bool:
        """Whether both touch a market of the same model."""
        return self.model == other.model and self.start < other.stop and other.start < self.stop


@dataclass(frozen=True, slots=True)
class Fork:
    """A piece of an unfinished commit: pickles to some hundred bytes, is written to, and goes back.

    Made by `Sweep.fork`, merged by `Sweep.merge_and_commit`; holds no credentials.

    Parameters
    ----------
    session
        Icechunk's forked session, pinned to one snapshot.
    sweep, data_hash
        Names of the sweep and of the panel it calibrates on.
    nodes
        Identity of the sweep's arrays when the fork was made, by path of the array that shows progress.
    rows
        Position of every model and baseline along the model axis of the validation table.
    written
        What has been written through this fork.
    """

    session: icechunk.ForkSession
    sweep: str
    data_hash: str
    nodes: Mapping[str, str]
    rows: Mapping[str, int]
    written: list[Written] = field(default_factory=list)

    def copy(self) -> "Fork":
        """Another fork of the same snapshot, with the same changes so far."""
        return pickle.loads(pickle.dumps(self))


class SnapshotKey:
    """A fork as the key of a cache of what its snapshot holds: equal for equal snapshots."""

    def __init__(self, fork: Fork) -> None:
        # A copy, so that what the task writes later is not kept alive by the cache.
        self.fork = fork.copy()
        self.snapshot = fork.session.snapshot_id

    def __hash__(self) -> int:
        return hash(self.snapshot)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SnapshotKey) and self.snapshot == other.snapshot
