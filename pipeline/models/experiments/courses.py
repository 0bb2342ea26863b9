"""The two courses of a market that an experiment compares: its effort changed, and as it was to be."""

from dataclasses import replace

import numpy as np

from pipeline.panel.experiments.experiment import Experiment
from pipeline.panel.market import MarketArrays, first_periods


def compared_courses(market: MarketArrays, experiment: Experiment) -> tuple[MarketArrays, MarketArrays]:
    """Give a market up to the end of an experiment, under the baseline and under the change.

    Everything else is as in the data in both: other efforts, rivals, sales of the market.
    """
    count = experiment.last + 1
    cells = (experiment.effort, slice(experiment.first, count), experiment.firm)
    seen = market.efforts[cells]
    if np.isnan(experiment.change):
        values = np.full_like(seen, experiment.baseline), np.full_like(seen, experiment.changed)
    else:
        values = seen - experiment.change, seen
    return tuple(_with_effort(market, cells, value, count) for value in values)  # type: ignore[return-value]


def _with_effort(
    market: MarketArrays, cells: tuple[int, slice, int], value: np.ndarray, count: int
) -> MarketArrays:
    seen = first_periods(market, count)
    efforts = seen.efforts.copy()
    efforts[cells] = value
    return replace(seen, efforts=efforts, instruments=None, experiments=())
