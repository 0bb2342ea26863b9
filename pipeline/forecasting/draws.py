"""Draws of the parameters of a calibrated market."""

from typing import TYPE_CHECKING

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.forecasting.market import ForecastMarket
from pipeline.models.parameter_spread import principal_steps

if TYPE_CHECKING:
    from pipeline.results.results import Results


def stored_replicates(results: "Results", market: ForecastMarket) -> Floats:
    """Read the bootstrap replicates of a fit in the order of the kernels, shape (B, P); B = 0 without any."""
    fit = results.fits(market.model)
    none = np.empty((0, market.theta.size))
    if "replicate_value" not in fit:
        return none
    cells = fit["replicate_value"].sel(market=market.market).isel(window=0)
    names = [str(name) for name in fit["param"].values]
    values: Floats = cells.transpose("replicate", "param").values[:, [names.index(n) for n in market.names]]
    return values[np.isfinite(values).all(axis=1)]


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
