"""The worker's side of a store: whole chunks written through a fork."""

from collections.abc import Iterable, Mapping

import icechunk
import numpy as np
import zarr

from pipeline.errors import StoreError
from pipeline.status import Status
from pipeline.store.fork import Fork, Written
from pipeline.store.format.layout import RESULT_GROUPS, VARIABLES, group_path
from pipeline.store.integrity.checked import WRITE_ALL
from pipeline.store.integrity.explain import explained


def write_chunk(fork: Fork, model: str, markets: slice, arrays: Mapping[str, np.ndarray]) -> Fork:
    """Write all results of one model for whole chunks of markets; the status last.

    Parameters
    ----------
    fork
        Where to write.
    model
        Name of a variant, or of a baseline (which has only what lies in the group ``validation``).
    markets
        Positions ``start:stop`` along the market axis, whole chunks.
    arrays
        By the names in `pipeline.store.format.catalogue.VARIABLES`, with the axes named there but for
        ``model``: ``error`` is (stop - start, window, future, metric). All that the sweep has for this model
        must be given, but for trajectories: those that are not given are left to be computed.

    Returns
    -------
    Fork
        The same one, to be sent back to the coordinator.

    Raises
    ------
    StoreError
        The region is not whole chunks, or the arrays do not fit the sweep: nothing is written then. Or the
        disk is full.
    """
    targets = fork_arrays(fork, model)
    arrays = with_trajectories(targets, arrays, markets.stop - markets.start)
    _check_names(model, set(targets), set(arrays))
    for name, target in targets.items():
        _check_region(name, target, markets)
        _check_array(name, target, markets, np.asarray(arrays[name]))
    for name in status_last(targets):
        # A chunk that equals the fill value must still be there: it says that the work was done.
        target = targets[name].with_config(WRITE_ALL)
        values = np.ascontiguousarray(arrays[name], dtype=target.dtype)
        in_rows = "model" in VARIABLES[name].dims
        region = (markets, slice(None), fork.rows[model]) if in_rows else (markets,)
        with explained(f"Results of {model} ({target.path}) could not be written"):
            target[region] = values
    fork.written.append(Written(model, markets.start, markets.stop))
    return fork


def fork_arrays(fork: Fork, model: str) -> dict[str, zarr.Array]:
    """Find the arrays of the sweep of a fork that hold results of this model."""
    if model not in fork.rows:
        known = ", ".join(fork.rows)
        raise StoreError(f"The sweep {fork.sweep} has no model and no baseline {model}; it has {known}.")
    return model_arrays(fork.session.store, fork.sweep, model)


def model_arrays(store: icechunk.IcechunkStore, sweep: str, model: str) -> dict[str, zarr.Array]:
    """Find the arrays of a sweep that hold results of a model or baseline, for writing.

    Raises
    ------
    StoreError
        They cannot be read.
    """
    targets: dict[str, zarr.Array] = {}
    for kind in RESULT_GROUPS:
        path = group_path(sweep, kind, model)
        with explained(f"The group /{path} of the store cannot be read"):
            try:
                group = zarr.open_group(store, path=path, mode="r+", zarr_format=3)
            except FileNotFoundError:
                continue
            targets |= {name: array for name, array in group.arrays() if name in VARIABLES}
    return targets


def write_trajectories(fork: Fork, model: str, markets: slice, share: np.ndarray) -> None:
    """Write calibrated shares of a model over, in whole chunks of markets.

    Raises
    ------
    StoreError
        The region is not whole chunks, or the sweep has no such array; or the disk is full.
    """
    targets = fork_arrays(fork, model)
    if "share" not in targets:
        raise StoreError(f"The sweep {fork.sweep} stores no trajectories.")
    target = targets["share"].with_config(WRITE_ALL)
    _check_region("share", target, markets)
    with explained(f"Trajectories of {model} ({target.path}) could not be written"):
        target[markets] = share
    fork.written.append(Written(target.path, markets.start, markets.stop))


def with_trajectories(
    targets: Mapping[str, zarr.Array], arrays: Mapping[str, np.ndarray], markets: int
) -> Mapping[str, np.ndarray]:
    """Fill trajectories that a sweep has and results of so many markets lack: readers compute them."""
    left = {name for name in targets if VARIABLES[name].group == "trajectories"} - set(arrays)
    return {
        **arrays,
        **{name: np.full((markets, *targets[name].shape[1:]), VARIABLES[name].fill) for name in left},
    }


def status_last(names: Iterable[str]) -> list[str]:
    """Sort names of arrays so that the status is written last: where there is one, there is all."""
    return sorted(names, key=lambda name: (name == "status", name))


def _check_names(model: str, expected: set[str], given: set[str]) -> None:
    # A sweep that an earlier version began lacks what was added since.
    given = {name for name in given if name in expected or not VARIABLES[name].optional}
    if expected != given:
        raise StoreError(
            f"Results of {model} do not fit the sweep: missing {sorted(expected - given) or 'nothing'}, "
            f"not in the sweep {sorted(given - expected) or 'nothing'}."
        )


def _check_region(name: str, target: zarr.Array, markets: slice) -> None:
    # Two tasks that share a chunk would silently overwrite each other's markets.
    length, chunk = target.shape[0], target.chunks[0]
    start, stop = markets.start, markets.stop
    if markets.step not in (None, 1) or not 0 <= start < stop <= length:
        raise StoreError(f"Got markets {start}:{stop} for {name}; the sweep has markets 0:{length}.")
    if start % chunk or (stop % chunk and stop != length):
        raise StoreError(
            f"Got markets {start}:{stop} for {name}, which are not whole chunks of {chunk} markets; "
            "a task must cover whole chunks, or tasks would overwrite each other."
        )


def _check_array(name: str, target: zarr.Array, markets: slice, values: np.ndarray) -> None:
    sizes = dict(zip(VARIABLES[name].dims, (markets.stop - markets.start, *target.shape[1:]), strict=True))
    dims = tuple(dim for dim in sizes if dim != "model")
    expected = tuple(sizes[dim] for dim in dims)
    if values.shape != expected:
        raise StoreError(f"Got {name} of shape {values.shape}; the sweep expects {expected} along {dims}.")
    if name == "status":
        unknown = sorted({int(code) for code in np.unique(values)} - {int(status) for status in Status})
        if unknown or np.any(values == Status.PENDING):
            raise StoreError(
                f"Got status codes {unknown or [0]}; a finished fit has a code of "
                "pipeline.status.Status other than 0."
            )
