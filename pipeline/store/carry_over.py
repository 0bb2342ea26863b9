"""Results of an earlier sweep along the axes of a later one: what has not changed is copied, not computed."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.store.fork import Fork, SnapshotKey
from pipeline.store.format.layout import VARIABLES, Arrays, Variable, group_path, sweep_path
from pipeline.store.read import open_arrays, read_labels, read_sweep
from pipeline.store.writing.chunks import fork_arrays


def read_carried(fork: Fork, earlier: str, model: str, markets: slice) -> Arrays | None:
    """Read what an earlier sweep holds of a model in some markets.

    Parameters
    ----------
    fork
        Of the later sweep; both are in its snapshot.
    earlier
        Name of a finished sweep.
    model
        Name of a variant or a baseline.
    markets
        Positions along the market axis of the later sweep.

    Returns
    -------
    dict of str to array, or None
        As `write_chunk` wants them; cells that the earlier sweep does not have (other markets,
        new firms, later periods) hold the fill value. None when it does not have the model.
    """
    source = _Source(fork, earlier, model)
    if model not in source.rows:
        return None
    later = _Source(fork, fork.sweep, model)
    carried: Arrays = {}
    for name, target in fork_arrays(fork, model).items():
        variable = VARIABLES[name]
        dims = [dim for dim in variable.dims if dim != "model"]
        labels = {dim: later.labels(dim) for dim in dims}
        labels["market"] = labels["market"][markets]
        values = np.full([len(labels[dim]) for dim in dims], variable.fill, dtype=target.dtype)
        stored = source.array(variable)
        if stored is not None:
            shared = [_shared(labels[dim], source.labels(dim)) for dim in dims]
            into, out = zip(*shared, strict=True)
            if into[0].size:
                # Only the rows that are wanted are read, of the other axes everything.
                rows = np.asarray(stored.oindex[source.region(variable, out[0])])
                values[np.ix_(*into)] = rows[np.ix_(np.arange(out[0].size), *out[1:])]
        carried[name] = values
    return carried


def _shared(mine: np.ndarray, theirs: np.ndarray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions along two axes of the labels that both have, in the order of the first."""
    positions = {label: position for position, label in enumerate(theirs.tolist())}
    pairs = [
        (position, positions[label]) for position, label in enumerate(mine.tolist()) if label in positions
    ]
    both = np.array(pairs, dtype=np.intp).reshape(len(pairs), 2)
    return both[:, 0], both[:, 1]


class _Source:
    """Labels and arrays of a model in one sweep in the snapshot of a fork; labels are read once a process."""

    def __init__(self, fork: Fork, sweep: str, model: str) -> None:
        self.fork, self.sweep, self.model = fork, sweep, model
        self.key = SnapshotKey(fork)
        self._groups: dict[str, Mapping[str, zarr.Array]] = {}

    @property
    def rows(self) -> dict[str, int]:
        """Models and baselines, with their rows in the validation table."""
        return _rows(self.key, self.sweep)

    def labels(self, dim: str) -> np.ndarray:
        """Labels of an axis."""
        of_model = dim.startswith("param")
        group = group_path(self.sweep, "fits", self.model) if of_model else sweep_path(self.sweep)
        return _labels(self.key, f"{group}/{dim}")

    def array(self, variable: Variable) -> zarr.Array | None:
        """Open an array, if the sweep has it."""
        path = group_path(self.sweep, variable.group, self.model)
        if path not in self._groups:
            self._groups[path] = open_arrays(self.fork.session, path)
        return self._groups[path].get(variable.name)

    def region(self, variable: Variable, markets: NDArray[np.intp]) -> tuple[Any, ...]:
        """Give the index of some markets, of this model, in an array."""
        index: dict[str, Any] = {"market": markets, "model": self.rows[self.model]}
        return tuple(index.get(dim, slice(None)) for dim in variable.dims)


@lru_cache(maxsize=8)
def _rows(key: SnapshotKey, sweep: str) -> dict[str, int]:
    return read_sweep(key.fork.session, sweep).rows


@lru_cache(maxsize=256)
def _labels(key: SnapshotKey, path: str) -> np.ndarray:
    return read_labels(key.fork.session, path)
