"""The axes of one sweep: what must be known to make its empty arrays before anything is fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.schema import STATISTICS, VARIABLES, Group, Variable


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
    baselines, metrics
        Names of further rows of ``validation``, and of the errors measured; without metrics there is no
        such group.
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
    baselines: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
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
            "model": len(self.models) + len(self.baselines),
            "metric": len(self.metrics),
        }

    def variables(self, group: Group) -> tuple[Variable, ...]:
        """Give the arrays of a group that this sweep has."""
        return tuple(
            variable
            for variable in VARIABLES
            if variable.group == group
            and ("replicate" not in variable.dims or self.n_replicates > 0)
            and ("metric" not in variable.dims or self.metrics)
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
