"""Pooled first stages, as the store keeps them: written before the fits of a model, read by its workers."""

import icechunk
import numpy as np
import zarr

from pipeline.errors import StoreNotFoundError
from pipeline.store.encoding import decode
from pipeline.store.format.first_stage import (
    AXES,
    COVARIANCE,
    N_MARKETS,
    SLOPE,
    STRENGTH,
    PooledSlopes,
    PooledStages,
    first_stages_path,
)
from pipeline.store.read import open_group
from pipeline.store.writing.arrays import write_coordinate, write_whole


def write_first_stages(session: icechunk.Session, sweep: str, model: str, stages: PooledStages) -> None:
    """Write the pooled first stages of a model; nan where there is none, or no such regressor.

    Parameters
    ----------
    session
        Writable.
    sweep, model
    stages
        For every window of the sweep, with all endogenous efforts of the model in the order of the study.
    """
    cells = [(window, effort, one) for window, of in stages.items() for effort, one in of.items()]
    efforts = list(dict.fromkeys(effort for _, effort, _ in cells))
    labels = list(dict.fromkeys(label for _, _, one in cells if one is not None for label in one.labels))
    shape = (len(stages), len(efforts))
    slope = np.full((*shape, len(labels)), np.nan)
    covariance = np.full((*shape, len(labels), len(labels)), np.nan)
    strength, count = np.full(shape, np.nan), np.full(shape, np.nan)
    windows = list(stages)
    for window, effort, one in cells:
        if one is not None:
            cell = (windows.index(window), efforts.index(effort))
            rows = np.array([labels.index(label) for label in one.labels])
            slope[cell][rows] = one.slopes
            covariance[cell][np.ix_(rows, rows)] = one.covariance
            strength[cell], count[cell] = one.f_statistic, one.n_markets
    group = zarr.create_group(
        session.store, path=first_stages_path(sweep, model), zarr_format=3, attributes={"model": model}
    )
    for axis, names in zip((*AXES, "regressor_"), (windows, efforts, labels, labels), strict=True):
        write_coordinate(group, axis, (axis,), np.array(names))
    for variable, values in (
        (SLOPE, slope),
        (COVARIANCE, covariance),
        (STRENGTH, strength),
        (N_MARKETS, count),
    ):
        write_whole(group, variable, values)


def has_first_stages(session: icechunk.Session, sweep: str, model: str) -> bool:
    """Tell whether the pooled first stages of a model have been written."""
    return open_group(session, first_stages_path(sweep, model)) is not None


def read_first_stages(session: icechunk.Session, sweep: str, model: str) -> PooledStages:
    """Read the pooled first stages of a model.

    Raises
    ------
    StoreNotFoundError
        They have not been estimated: no fit of the model has begun.
    """
    group = open_group(session, first_stages_path(sweep, model))
    if group is None:
        raise StoreNotFoundError(
            f"The sweep {sweep} has no pooled first stages for {model}; they are estimated from all markets "
            "before the first of its fits."
        )
    arrays = dict(group.arrays())
    windows, efforts, labels = ([str(label) for label in decode(arrays[axis])] for axis in AXES)
    slope, covariance, strength, count = (
        np.asarray(arrays[one.name][...]) for one in (SLOPE, COVARIANCE, STRENGTH, N_MARKETS)
    )

    def slopes(cell: tuple[int, int]) -> PooledSlopes | None:
        known = np.flatnonzero(np.isfinite(slope[cell]))
        if known.size == 0:
            return None
        return PooledSlopes(
            tuple(labels[row] for row in known),
            slope[cell][known],
            covariance[cell][np.ix_(known, known)],
            float(strength[cell]),
            int(count[cell]),
        )

    return {
        window: {effort: slopes((row, column)) for column, effort in enumerate(efforts)}
        for row, window in enumerate(windows)
    }
