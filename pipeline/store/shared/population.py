"""Populations of parameters over markets, as the store keeps them: written between two stages of a sweep."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import icechunk
import numpy as np
import zarr

from pipeline.errors import StoreNotFoundError
from pipeline.store.encoding import decode
from pipeline.store.fork import Fork
from pipeline.store.format.layout import Variable, sweep_path
from pipeline.store.read import SweepInfo, open_dataset, open_group
from pipeline.store.writing.arrays import write_coordinate, write_whole

if TYPE_CHECKING:
    import xarray as xr

#: By window and by parameter: mean and standard deviation over the markets.
Populations = Mapping[str, Mapping[str, tuple[float, float]]]

_AXES = ("window", "param")
_UNIT = "see unit(param) of the model"
_VARIABLES = (
    Variable("mean", "population", _AXES, _UNIT, "mean over the markets"),
    Variable("spread", "population", _AXES, _UNIT, "standard deviation over the markets"),
)


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
    names = list(dict.fromkeys(name for population in populations.values() for name in population))
    table = np.array(
        [[population.get(name, (np.nan, np.nan)) for name in names] for population in populations.values()]
    ).reshape(len(populations), len(names), len(_VARIABLES))
    group = zarr.create_group(
        session.store, path=population_path(sweep, model), zarr_format=3, attributes={"model": model}
    )
    write_coordinate(group, "window", ("window",), np.array(list(populations)))
    write_coordinate(group, "param", ("param",), np.array(names))
    for column, variable in enumerate(_VARIABLES):
        write_whole(group, variable, table[..., column])


def open_population(session: icechunk.Session, info: SweepInfo, model: str) -> "xr.Dataset":
    """Open the population of a pooled model.

    Raises
    ------
    StoreNotFoundError
        The model is not pooled, or the model it is pooled from is not done.
    """
    if model in info.models and has_population(session, info.name, model):
        return open_dataset(session, population_path(info.name, model))
    pooled = [name for name in info.models if has_population(session, info.name, name)]
    known = f"its pooled models are {', '.join(pooled)}" if pooled else "none of its models is pooled"
    raise StoreNotFoundError(
        f"The sweep {info.name} has no population of {model}; {known}. What a study says under models with "
        "`pooling` decides which are, and there is one when the models they are pooled from are done."
    )


def has_population(session: icechunk.Session, sweep: str, model: str) -> bool:
    """Tell whether the population of a pooled model has been written."""
    return open_group(session, population_path(sweep, model)) is not None


def read_population(fork: Fork, model: str) -> Populations:
    """Read the population of a pooled model from inside a worker.

    Raises
    ------
    StoreNotFoundError
        It has not been estimated: the first stage of the sweep is not done.
    """
    group = open_group(fork.session, population_path(fork.sweep, model))
    if group is None:
        raise StoreNotFoundError(
            f"The sweep {fork.sweep} has no population for {model}; it is estimated when the model "
            "it is pooled from has been fitted in all markets."
        )
    arrays = dict(group.arrays())
    windows, names = (decode(arrays[axis]) for axis in _AXES)
    mean, spread = (np.asarray(arrays[variable.name][...]) for variable in _VARIABLES)
    return {
        str(window): {
            str(name): (float(mean[row, column]), float(spread[row, column]))
            for column, name in enumerate(names)
            if np.isfinite(mean[row, column])
        }
        for row, window in enumerate(windows)
    }
