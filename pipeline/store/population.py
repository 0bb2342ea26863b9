"""Populations of parameters over markets, as the store keeps them: written between two stages of a sweep."""

from collections.abc import Mapping

import icechunk
import numpy as np
import zarr

from pipeline.errors import StoreNotFoundError
from pipeline.store.arrays import decode, write_coordinate
from pipeline.store.format.layout import sweep_path
from pipeline.store.write import Fork

#: By window and by parameter: mean and standard deviation over the markets.
Populations = Mapping[str, Mapping[str, tuple[float, float]]]

_ARRAYS = {"mean": "mean over the markets", "spread": "standard deviation over the markets"}


def population_path(sweep: str, model: str) -> str:
    """Group of the population that a pooled model takes its priors from."""
    return f"{sweep_path(sweep)}/population/{model}"


def write_population(session: icechunk.Session, sweep: str, model: str, populations: Populations) -> None:
    """Write what all markets together say of the parameters of a model; nan where they say nothing.

    Parameters
    ----------
    session
        Writable.
    sweep, model
        The pooled model that is going to use it.
    populations
        For every window of the sweep.
    """
    names = list(dict.fromkeys(name for found in populations.values() for name in found))
    table = np.array(
        [[found.get(name, (np.nan, np.nan)) for name in names] for found in populations.values()]
    ).reshape(len(populations), len(names), 2)
    group = zarr.create_group(
        session.store, path=population_path(sweep, model), zarr_format=3, attributes={"model": model}
    )
    write_coordinate(group, "window", ("window",), np.array(list(populations)))
    write_coordinate(group, "param", ("param",), np.array(names))
    for column, (name, meaning) in enumerate(_ARRAYS.items()):
        array = group.create_array(
            name,
            shape=table.shape[:2],
            chunks=tuple(max(size, 1) for size in table.shape[:2]),
            dtype="float64",
            fill_value=np.nan,
            dimension_names=("window", "param"),
            attributes={"units": "see unit(param) of the model", "long_name": meaning},
        )
        array[...] = table[..., column]


def has_population(session: icechunk.Session, sweep: str, model: str) -> bool:
    """Whether the population of a pooled model has been written."""
    try:
        zarr.open_group(session.store, path=population_path(sweep, model), mode="r", zarr_format=3)
    except FileNotFoundError:
        return False
    return True


def read_population(fork: Fork, model: str) -> Populations:
    """Read the population of a pooled model from inside a worker.

    Raises
    ------
    StoreNotFoundError
        It has not been estimated: the first stage of the sweep is not done.
    """
    try:
        group = zarr.open_group(
            fork.session.store, path=population_path(fork.sweep, model), mode="r", zarr_format=3
        )
    except FileNotFoundError as error:
        raise StoreNotFoundError(
            f"The sweep {fork.sweep} has no population for {model}; it is estimated when the model "
            "it is pooled from has been fitted in all markets."
        ) from error
    arrays = dict(group.arrays())
    windows, names = (decode(arrays[axis]) for axis in ("window", "param"))
    mean, spread = (np.asarray(arrays[name][...]) for name in _ARRAYS)
    return {
        str(window): {
            str(name): (float(mean[row, column]), float(spread[row, column]))
            for column, name in enumerate(names)
            if np.isfinite(mean[row, column])
        }
        for row, window in enumerate(windows)
    }
