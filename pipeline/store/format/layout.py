"""The on-disk format of a result store, written down once: groups, variables, units, codes, versions.

::

    /                                     attributes: format, format_version
    /panels/<data hash>                   the data calibrated on: sales (market, firm, time),
                                          efforts (market, firm, effort, time), content_hash (market), ...;
                                          prices (market, firm, priced, time) where firms set them
    /sweeps                               attribute index: study, state, created, logical date of all
    /sweeps/<study>-<hash8>               coordinates market, window, start, replicate, interval_method,
                                          level, side, direction, firm, time, stat, model,
                                          future, step, metric;
                                          attributes: study text, state, created, hashes, versions
    /sweeps/<study>-<hash8>/fits/<model>          the variables of group ``fits`` below;
                                                  coordinates param, param_, unit
    /sweeps/<study>-<hash8>/trajectories/<model>  share, unless the study has it computed when asked for
    /sweeps/<study>-<hash8>/validation            error
    /sweeps/<study>-<hash8>/forecasts/<scenario>-<hash8>   see `pipeline.store.format.forecast`
    /sweeps/<study>-<date>-<hash8>                a vintage, published under the tag <study>@<date>
    /sweeps/<study>-<date>-<hash8>/drift/<model>  against the vintage before: see the module `drift`
    /sweeps/<study>-<hash8>/population/<model>    of pooled models: mean, spread (window, param)
    /sweeps/<study>-<hash8>/first_stages/<model>  where they are pooled over markets: slope, covariance
                                                  (window, endogenous, regressor, ...), first_stage_f

Coordinates shared by the groups of a sweep live once, on the sweep; ``xarray.open_datatree`` inherits them.
Every variable is a dense cube whose first axis is the market; while a sweep runs its chunks hold a fixed
number of markets and everything else whole (``model`` of ``validation`` excepted: one model a chunk), so that
two tasks never touch the same chunk. When a sweep has ended the small tables are rewritten in larger chunks;
the values stay. Groups are written once and never recreated under the same name.

Every array is compressed by zstd with its checksum, and all of its chunks are written, also those that equal
the fill value, so that a missing one is damage (`pipeline.store.integrity`). Arrays without the checksum are
of earlier versions: they are read as they are. Beside the repository a local store has ``beed-checksums``.

Format 1: the first.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.store.format.catalogue import (
    COORDINATE_ATTRIBUTES,
    RESULT_GROUPS,
    SIDES,
    STATISTIC_NAMES,
    STATISTICS,
    VARIABLES,
    Group,
    Statistic,
    SweepState,
    Variable,
    pack_statistics,
)

__all__ = [
    "CONTENT_HASH",
    "COORDINATE_ATTRIBUTES",
    "FORMAT",
    "FORMAT_VERSION",
    "LOGICAL_DATE",
    "READABLE_VERSIONS",
    "RESULT_GROUPS",
    "SIDES",
    "SINCE",
    "STATISTICS",
    "STATISTIC_NAMES",
    "SWEEPS",
    "SWEEP_INDEX",
    "VARIABLES",
    "Arrays",
    "Group",
    "ModelLayout",
    "ParameterLabel",
    "Statistic",
    "SweepLayout",
    "SweepState",
    "Variable",
    "chunk_shape",
    "empty_results",
    "group_path",
    "layout_bytes",
    "pack_statistics",
    "panel_path",
    "sweep_name",
    "sweep_path",
]

#: Values by the names of the catalogue.
Arrays = dict[str, NDArray[Any]]

FORMAT = "beed result store"
FORMAT_VERSION = 1
READABLE_VERSIONS = frozenset({1})
CONTENT_HASH = "content_hash"
"""Coordinate of a panel along its markets: SHA-256 of the data of each."""
LOGICAL_DATE, SINCE = "logical_date", "since"
"""Attributes of sweeps that are vintages: the date they were made for, and the date of the one before."""

SWEEPS, SWEEP_INDEX = "sweeps", "index"
"""Group of all sweeps, and its attribute that tells them apart: see `pipeline.store.index`."""


@dataclass(frozen=True, slots=True)
class ParameterLabel:
    """Name and unit of one parameter of a model, as labels of the axis ``param``."""

    name: str
    unit: str = "1"


@dataclass(frozen=True, slots=True)
class ModelLayout:
    """What the store must know of one model variant before anything is fitted.

    Parameters
    ----------
    name
        The variant's name, e.g. ``investment-mnl``; becomes the name of its group.
    parameters
        Along the axis ``param``: all that any market may have, in a fixed order.
    attributes
        Further facts for readers (form, response, formula, ...); plain JSON values.
    """

    name: str
    parameters: tuple[ParameterLabel, ...]
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SweepLayout:
    """The axes of a sweep.

    Parameters
    ----------
    markets, firms, times : array, shapes (L,), (N,), (T,)
        Labels: integers, strings; ``times`` may be datetime64.
    models
        The variants to be fitted.
    windows
        Names of the sets of periods calibrated on, e.g. ``("all", "holdout")``.
    n_starts, n_replicates
        Lengths of these axes; 0 replicates means the array does not exist.
    intervals, levels
        Methods of intervals and their coverage probabilities; without either the array does not exist.
    n_directions
        Weak directions kept of a fit.
    endogenous
        Efforts that have instruments.
    n_experiments
        Experiments in a market at most.
    baselines, metrics
        Names of further rows of ``validation``, and of the errors measured; without metrics there is no
        such group.
    futures
        What forecasts know of the periods ahead.
    n_steps
        Periods forecast at most; with 0 there is no array of errors by period.
    n_pit_bins
        Parts of equal probability that forecast distributions are divided into, to count what came in each.
    trajectories
        Whose calibrated shares are stored: with ``none`` there is no such array; with ``best`` it holds some
        of them, which are written when all models are done.
    chunk
        Markets in one chunk, the grain of the work: a task is one or more whole chunks.
    """

    markets: np.ndarray
    firms: np.ndarray
    times: np.ndarray
    models: tuple[ModelLayout, ...]
    windows: tuple[str, ...] = ("all",)
    n_starts: int = 1
    n_replicates: int = 0
    intervals: tuple[str, ...] = ()
    levels: tuple[float, ...] = ()
    n_directions: int = 4
    endogenous: tuple[str, ...] = ()
    n_experiments: int = 0
    baselines: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    futures: tuple[str, ...] = ("given",)
    n_steps: int = 0
    n_pit_bins: int = 0
    trajectories: Literal["none", "best", "all"] = "all"
    chunk: int = 8

    def labels(self) -> dict[str, np.ndarray]:
        """Labels of every axis but those of parameters; none along an axis that the sweep does not have."""
        return {
            "market": self.markets,
            "window": np.array(self.windows),
            "firm": self.firms,
            "time": self.times,
            "start": np.arange(self.n_starts),
            "direction": np.arange(self.n_directions),
            "endogenous": np.array(self.endogenous),
            "experiment": np.arange(self.n_experiments),
            "stat": np.array(STATISTIC_NAMES),
            "replicate": np.arange(self.n_replicates),
            "interval_method": np.array(self.intervals),
            "level": np.array(self.levels, dtype=np.float64),
            "side": np.array(SIDES),
            "model": np.array([*(model.name for model in self.models), *self.baselines]),
            "metric": np.array(self.metrics),
            "future": np.array(self.futures),
            "step": np.arange(1, self.n_steps + 1),
            "pit": np.arange(self.n_pit_bins) / max(self.n_pit_bins, 1),
        }

    def sizes(self, model: ModelLayout | None = None) -> dict[str, int]:
        """Length of every axis, those of parameters for one model."""
        n_parameters = 0 if model is None else len(model.parameters)
        sizes = {name: len(labels) for name, labels in self.labels().items()}
        return sizes | {"param": n_parameters, "param_": n_parameters}

    def variables(self, group: Group) -> tuple[Variable, ...]:
        """Give the arrays of a group that this sweep has: those with labels along all of their axes."""
        if group == "trajectories" and self.trajectories == "none":
            return ()
        labelled = {name for name, labels in self.labels().items() if len(labels)} | {"param", "param_"}
        return tuple(
            variable
            for variable in VARIABLES.values()
            if variable.group == group and labelled.issuperset(variable.dims)
        )


def _result_shapes(layout: SweepLayout, name: str) -> Iterator[tuple[Variable, list[int]]]:
    """Give the arrays of a model or baseline with their shapes, without the axis ``model``."""
    model = next((one for one in layout.models if one.name == name), None)
    sizes = layout.sizes(model)
    groups: tuple[Group, ...] = RESULT_GROUPS if model else ("validation",)
    for group in groups:
        for variable in layout.variables(group):
            yield variable, [sizes[dim] for dim in variable.dims if dim != "model"]


def empty_results(layout: SweepLayout, name: str, markets: int) -> Arrays:
    """Make arrays for the results of a model or baseline in so many markets, filled as if never written.

    Returns
    -------
    dict of str to array
        All that the sweep has for it, without the axis ``model``; a baseline has only ``validation``. No
        trajectories, unless those of all models are stored.
    """
    return {
        variable.name: np.full([markets, *shape[1:]], variable.fill, dtype=variable.dtype)
        for variable, shape in _result_shapes(layout, name)
        if variable.group != "trajectories" or layout.trajectories == "all"
    }


def layout_bytes(layout: SweepLayout) -> int:
    """Bytes of all arrays of a sweep before compression."""
    return sum(
        math.prod(shape) * np.dtype(variable.dtype).itemsize
        for name in (*(model.name for model in layout.models), *layout.baselines)
        for variable, shape in _result_shapes(layout, name)
    )


def chunk_shape(variable: Variable, sizes: Mapping[str, int], markets: int) -> tuple[int, ...]:
    """Shape of a chunk: that many markets, one model, everything else whole."""
    grain = {"market": min(markets, max(sizes["market"], 1)), "model": 1}
    return tuple(max(grain.get(dim, sizes[dim]), 1) for dim in variable.dims)


def sweep_name(study: str, study_hash: str, data_hash: str) -> str:
    """Name of the group of a sweep: a changed study or changed data is another sweep.

    Letters, digits, dot, dash and underscore of the study's name are kept; anything else becomes a dash.
    """
    digest = hashlib.sha256(f"{study_hash}\n{data_hash}".encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', study).strip('-.') or 'study'}-{digest}"


def panel_path(data_hash: str) -> str:
    """Group of the data with this content hash."""
    return f"panels/{data_hash}"


def sweep_path(sweep: str) -> str:
    """Group of a sweep."""
    return f"sweeps/{sweep}"


def group_path(sweep: str, group: Group, model: str) -> str:
    """Group of one kind of results of a model; ``validation`` is shared by all models."""
    return f"sweeps/{sweep}/{group}" if group == "validation" else f"sweeps/{sweep}/{group}/{model}"
