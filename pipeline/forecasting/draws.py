"""Draws of the parameters of a calibrated market."""

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.forecasting.market import ForecastMarket
from pipeline.models.parameter_spread import principal_steps


def draw_parameters(
    market: ForecastMarket, count: int, rng: np.random.Generator, replicates: Floats | None = None
) -> Floats:
    """Draw parameter vectors, shape (count, P).

    Parameters
    ----------
    market : ForecastMarket
    count : int
    rng : Generator
    replicates : (B, P) array, optional
        Drawn from, with replacement, when there are any. Otherwise draws are normal with the covariance of
        the estimates, cut at the bounds; parameters that the data do not determine, or that stopped at a
        bound, keep their values.
    """
    if replicates is not None and len(replicates):
        return np.ascontiguousarray(replicates[rng.integers(len(replicates), size=count)])
    steps = principal_steps(market.covariance)
    draws = market.theta + rng.standard_normal((count, market.theta.size)) @ steps.T
    moved = np.nan_to_num(np.diag(market.covariance)) > 0.0
    return np.where(moved, np.clip(draws, market.lower, market.upper), market.theta)
