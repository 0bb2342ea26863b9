"""A local level: the present size of a market, of which each period tells a little."""

from typing import NamedTuple

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.validation.smoothing import smooth

# A weight is estimated from errors of forecasts; fewer periods leave hardly any.
_FEWEST = 4


class LocalLevel(NamedTuple):
    """A level that errors move.

    ``level(t) = level(t - 1) + weight e(t)``, where e(t) is the error of the value against level(t - 1).
    """

    level: float
    """The last one."""
    weight: float
    """In [0, 1]; 0: the mean of all periods, 1: the last value."""
    noise: float
    """Standard deviation of e."""


def local_level(values: Floats) -> LocalLevel:
    """Estimate the level of a series (T,), its weight by least squares of forecasts one period ahead.

    Notes
    -----
    The model ETS(A, N, N); see `pipeline.validation.smoothing`, which centres errors over the firms of a
    market: those of a series beside its mirror image are centred as they are. A longer period counts as one.
    """
    if values.size < _FEWEST:
        return LocalLevel(float(values.mean()), 0.0, float(values.std(ddof=min(1, values.size - 1))))
    smoothed = smooth(np.column_stack([values, -values]))
    errors = smoothed.errors[:, 0]
    freedom = values.size - 2  # the first level and the weight
    return LocalLevel(float(smoothed.level[0]), smoothed.weight, float(np.sqrt(errors @ errors / freedom)))


def level_spread(weight: float, noise: float, horizon: int) -> Floats:
    """Square root (H, H) of the covariance of the level before each period to come, given the last one."""
    return np.asarray(weight * noise * np.tri(horizon, k=-1))
