"""The two courses of a market that an experiment compares: its effort changed, and as it was to be."""

from dataclasses import replace

import numpy as np

from pipeline.panel.experiments.experiment import Experiment
from pipeline.panel.market import MarketArrays


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
    efforts = market.efforts[:, :count].copy()
    efforts[cells] = value
    return replace(
        market,
        times=market.times[:count],
        share=market.share[:count],
        total_sales=market.total_sales[:count],
        duration=market.duration[:count],
        efforts=efforts,
        active=market.active[:count],
        instruments=None,
        experiments=(),
    )
