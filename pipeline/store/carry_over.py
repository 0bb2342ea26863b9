"""Results of an earlier sweep along the axes of a later one: what has not changed is copied, not computed."""

from functools import lru_cache
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.store.arrays import decode
from pipeline.store.format.layout import VARIABLE, group_path, sweep_path
from pipeline.store.read import open_arrays, read_sweep
from pipeline.store.write import Fork, model_arrays


def read_carried(fork: Fork, earlier: str, model: str, markets: slice) -> dict[str, np.ndarray] | None:
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
    source = _Source(fork, earlier)
    if model not in source.rows:
        return None
    later = _Source(fork, fork.sweep)
    found: dict[str, np.ndarray] = {}
    for name, target in model_arrays(fork, model).items():
        variable = VARIABLE[name]
        shape = (markets.stop - markets.start, *target.shape[1:])
        dims = [dim for dim in variable.dims if dim != "model"]
        sizes = dict(zip(variable.dims, shape, strict=True))
        found[name] = np.full([sizes[dim] for dim in dims], variable.fill, dtype=target.dtype)
        old = source.array(name, model)
        if old is None:
            continue
        into, out = zip(
            *(_common(later.labels(dim, model), source.labels(dim, model)) for dim in dims[1:]), strict=True
        )
        mine, theirs = _common(later.labels("market", model)[markets], source.labels("market", model))
        if mine.size == 0:
            continue
        place: tuple[Any, ...] = (theirs, *(slice(None),) * (len(old.shape) - 1))
        if "model" in variable.dims:
            place = (theirs, slice(None), source.rows[model], *(slice(None),) * (len(old.shape) - 3))
        values = np.asarray(old.oindex[place])
        found[name][np.ix_(mine, *into)] = values[np.ix_(np.arange(mine.size), *out)]
    return found


def _common(mine: np.ndarray, theirs: np.ndarray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Positions of the labels that two axes share, in the order of the first."""
    places = {label: place for place, label in enumerate(theirs.tolist())}
    pairs = [(place, places[label]) for place, label in enumerate(mine.tolist()) if label in places]
    both = np.array(pairs, dtype=np.intp).reshape(len(pairs), 2)
    return both[:, 0], both[:, 1]


class _Source:
    """Labels and arrays of one sweep in the snapshot of a fork; labels are read once a process."""

    def __init__(self, fork: Fork, sweep: str) -> None:
        self.fork, self.sweep = fork, sweep
        self.key = _Key(fork, sweep)
        self._groups: dict[str, dict[str, zarr.Array]] = {}

    @property
    def rows(self) -> dict[str, int]:
        """Models and baselines, with their rows in the validation table."""
        return _rows(self.key)

    def labels(self, dim: str, model: str) -> np.ndarray:
        """Labels of an axis."""
        return _labels(self.key, dim, model if dim.startswith("param") else "")

    def array(self, name: str, model: str) -> zarr.Array | None:
        """Open an array, if the sweep has it."""
        path = group_path(self.sweep, VARIABLE[name].group, model)
        if path not in self._groups:
            self._groups[path] = open_arrays(self.fork.session, path)
        return self._groups[path].get(name)


class _Key:
    """Equal for equal snapshots and sweeps; carries the fork for the one time it is needed."""

    def __init__(self, fork: Fork, sweep: str) -> None:
        self.identity = (fork.session.snapshot_id, sweep)
        # A copy, so that what the task writes later is not kept alive.
        self.fork, self.sweep = fork.copy(), sweep

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.identity == other.identity


@lru_cache(maxsize=8)
def _rows(key: _Key) -> dict[str, int]:
    info = read_sweep(key.fork.session, key.sweep)
    return {name: row for row, name in enumerate((*info.models, *info.baselines))}


@lru_cache(maxsize=256)
def _labels(key: _Key, dim: str, model: str) -> np.ndarray:
    group = group_path(key.sweep, "fits", model) if model else sweep_path(key.sweep)
    return decode(zarr.open_array(key.fork.session.store, path=f"{group}/{dim}", mode="r"))
