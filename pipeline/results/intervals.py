"""Intervals of 95 % from standard errors, and where they are too short."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.config.parameters import GAIN

if TYPE_CHECKING:
    from pipeline.results.tables.sweep_tables import SweepTables

LEVEL = 0.95
Z95 = 1.959963984540054
"""Standard errors of a normal distribution on either side that hold 95 % of it."""


def normal_interval(
    value: NDArray[np.float64], stderr: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give both ends of the 95 % interval of a normal estimate; nan where there is no standard error."""
    half = Z95 * stderr
    return value - half, value + half


# Fewer half-lives than this in the data, with at least this part of errors lasting: intervals of nominal 95 %
# covered 74 to 91 % (tests/benchmarks/noise_coverage.py, investment and scaled, half-lives of 8 and 20 of 104
# periods), and 93 to 95 % with 52 half-lives or without errors that last.
_HALF_LIVES, _LASTING = 15.0, 0.25


def short_intervals(tables: "SweepTables", model: str) -> tuple[str, ...]:
    """Say in how many markets shares adjust so slowly that intervals of coefficients are too short."""
    names = [str(name) for name in tables.params_of(model)]
    rate = tables.statistics(model).get("adjustment_rate")
    if rate is None or GAIN not in names:
        return ()
    gain = np.asarray(tables.arrays(model)["value"])[:, 0, names.index(GAIN)]
    half_lives = len(tables.labels("time")) * rate / np.log(2.0)
    known = np.isfinite(rate) & np.isfinite(gain)
    slow = known & (rate > 0.0) & (half_lives < _HALF_LIVES) & (gain >= _LASTING)
    if 2 * slow.sum() < max(known.sum(), 1):
        return ()
    left = np.median(half_lives[slow])
    return (
        f"In {slow.sum()} of {known.sum()} markets errors last and the data hold only {left:.2g} half-lives "
        "of adjustments: there adjustment looks faster than it is, coefficients come out too small, and "
        "intervals that promise 95 % hold some 75 to 90 %.",
    )
