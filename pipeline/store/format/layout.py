"""The on-disk format of a result store, written down once: groups, variables, units, codes, versions.

::

    /                                     attributes: format, format_version
    /panels/<data hash>                   the data calibrated on: sales (market, firm, time),
                                          efforts (market, firm, effort, time), content_hash (market), ...
    /sweeps/<study>-<hash8>               coordinates market, window, start, replicate, interval_method,
                                          level, side, direction, firm, time, stat, model,
                                          future, step, metric;
                                          attributes: study text, state, created, hashes, versions
    /sweeps/<study>-<hash8>/fits/<model>          the variables of group ``fits`` below;
                                                  coordinates param, param_, unit
    /sweeps/<study>-<hash8>/trajectories/<model>  share
    /sweeps/<study>-<hash8>/validation            error
    /sweeps/<study>-<hash8>/forecasts/<scenario>-<hash8>   see `pipeline.store.format.forecast`
    /sweeps/<study>-<date>-<hash8>                a vintage, published under the tag <study>@<date>
    /sweeps/<study>-<date>-<hash8>/drift/<model>  against the vintage before: see the module `drift`
    /sweeps/<study>-<hash8>/population/<model>    of pooled models: mean, spread (window, param)

Coordinates shared by the groups of a sweep live once, on the sweep; ``xarray.open_datatree`` inherits them.
Every variable is a dense cube whose first axis is the market; while a sweep runs its chunks hold a fixed
number of markets and everything else whole (``model`` of ``validation`` excepted: one model a chunk), so that
two tasks never touch the same chunk. When a sweep has ended the small tables are rewritten in larger chunks;
the values stay. Groups are written once and never recreated under the same name.

Format 1: the first.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.store.format.catalogue import (
    COORDINATE_ATTRIBUTES,
    SIDES,
    STATISTIC_NAMES,
    STATISTICS,
    VARIABLE,
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
    "SIDES",
    "SINCE",
    "STATISTICS",
    "STATISTIC_NAMES",
    "VARIABLE",
    "VARIABLES",
    "Group",
    "ModelLayout",
    "ParameterLabel",
    "Statistic",
    "SweepLayout",
    "SweepState",
    "Variable",
    "chunk_shape",
    "group_path",
    "layout_bytes",
    "pack_statistics",
    "panel_path",
    "sweep_name",
    "sweep_path",
]

FORMAT = "beed result store"
FORMAT_VERSION = 1
READABLE_VERSIONS = frozenset({1})
CONTENT_HASH = "content_hash"
"""Coordinate of a panel along its markets: SHA-256 of the data of each."""
LOGICAL_DATE, SINCE = "logical_date", "since"
"""Attributes of sweeps that are vintages: the date they were made for, and the date of the one before."""


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
    attributes: Mapping[str, Any] = field(default_factory=dict)


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
    baselines, metrics
        Names of further rows of ``validation``, and of the errors measured; without metrics there is no
        such group.
    futures
        What forecasts know of the periods ahead.
    n_steps
        Periods forecast at most; with 0 there is no array of errors by period.
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
    baselines: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    futures: tuple[str, ...] = ("given",)
    n_steps: int = 0
    chunk: int = 8

    def sizes(self, model: ModelLayout) -> dict[str, int]:
        """Length of every axis, for one model."""
        return {
            "market": len(self.markets),
            "window": len(self.windows),
            "firm": len(self.firms),
            "time": len(self.times),
            "param": len(model.parameters),
            "param_": len(model.parameters),
            "stat": len(STATISTICS),
            "start": self.n_starts,
            "replicate": self.n_replicates,
            "interval_method": len(self.intervals),
            "level": len(self.levels),
            "side": len(SIDES),
            "direction": self.n_directions,
            "model": len(self.models) + len(self.baselines),
            "metric": len(self.metrics),
            "future": len(self.futures),
            "step": self.n_steps,
        }

    def variables(self, group: Group) -> tuple[Variable, ...]:
        """Give the arrays of a group that this sweep has."""
        return tuple(
            variable
            for variable in VARIABLES
            if variable.group == group
            and ("replicate" not in variable.dims or self.n_replicates > 0)
            and ("interval_method" not in variable.dims or (self.intervals and self.levels))
            and ("metric" not in variable.dims or self.metrics)
            and ("step" not in variable.dims or self.n_steps > 0)
        )


def chunk_shape(variable: Variable, sizes: Mapping[str, int], markets: int) -> tuple[int, ...]:
    """Shape of a chunk: that many markets, one model, everything else whole."""
    grain = {"market": min(markets, max(sizes["market"], 1)), "model": 1}
    return tuple(max(grain.get(dim, sizes[dim]), 1) for dim in variable.dims)


def layout_bytes(layout: SweepLayout) -> int:
    """Bytes of all arrays of a sweep before compression."""
    total = 0
    for position, model in enumerate(layout.models):
        sizes = layout.sizes(model)
        groups: Sequence[Group] = (
            ("fits", "trajectories") if position else ("fits", "trajectories", "validation")
        )
        for group in groups:
            for variable in layout.variables(group):
                cells = int(np.prod([sizes[dim] for dim in variable.dims], dtype=np.int64))
                total += cells * np.dtype(variable.dtype).itemsize
    return total


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
