"""Draws of the parameters of a calibrated market."""

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.forecasting.market import ForecastMarket
from pipeline.models.posterior.mixture import ParameterMixture


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
        Drawn from, with replacement, when there are any. Otherwise draws are from the mixture of the market,
        or normal with the covariance of the estimates, cut at the bounds; parameters that the data do not
        determine, or that stopped at a bound, keep their values.
    """
    if replicates is not None and len(replicates):
        return np.ascontiguousarray(replicates[rng.integers(len(replicates), size=count)])
    if market.mixture is not None:
        return market.mixture().draw(count, rng)
    bounds = market.lower, market.upper
    return ParameterMixture.single(market.theta, market.covariance, bounds).draw(count, rng)
