"""Between the two stages of a pooled model: from the fits of all markets to the population they come from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.spread import evenly_spread
from pipeline.config.parameters import JUMP_PRICE, of_errors, of_states
from pipeline.models.population import Evidence, estimate_population, evidence_of
from pipeline.models.priors import Belief, prior_of
from pipeline.store.format.layout import STATISTIC_NAMES

if TYPE_CHECKING:
    import xarray as xr

# Their covariances are in memory together, and more markets than this would hardly change the population.
_LARGEST_SAMPLE = 512
# A parameter estimated in fewer markets has no population to speak of.
_FEWEST_MARKETS = 3


def population_of_fits(
    fits: "xr.Dataset", windows: Sequence[str], priors: Mapping[str, Belief]
) -> dict[str, dict[str, Belief]]:
    """Estimate the population of every window from the stored fits of a model.

    Parameters
    ----------
    fits : xarray.Dataset
        ``value``, ``stderr`` (market, window, param), ``correlation`` (market, window, param, param_) and
        ``statistic`` (market, window, stat).
    windows
        Names along its axis window.
    priors
        Of the study: what went into these fits.

    Returns
    -------
    dict
        By window, then by parameter: mean and standard deviation over the markets. M and initial shares
        belong to one market and are left out, as is what was estimated in fewer than three markets.
    """
    names = [str(name) for name in fits["param"].values]
    count = fits.sizes["market"]
    part = fits.isel(market=evenly_spread(count, _LARGEST_SAMPLE))
    return {
        window: _window_population(part.isel(window=position).load(), names, priors)
        for position, window in enumerate(windows)
    }


def _window_population(
    fits: "xr.Dataset", names: list[str], priors: Mapping[str, Belief]
) -> dict[str, Belief]:
    value, stderr = fits["value"].values, fits["stderr"].values
    shared = np.array([name != JUMP_PRICE and not of_errors(name) and not of_states(name) for name in names])
    known = np.isfinite(value) & np.isfinite(stderr)
    kept = np.flatnonzero(shared & (known.sum(axis=0) >= _FEWEST_MARKETS))
    if kept.size == 0:
        return {}
    chosen = [names[index] for index in kept]
    prior = prior_of(chosen, priors)
    factor = fits["statistic"].values[:, STATISTIC_NAMES.index("shrinkage")]
    held = prior.spread * np.where(np.isfinite(factor), factor, 1.0)[:, np.newaxis]
    evidence = _evidence(
        value[:, kept], stderr[:, kept], fits["correlation"].values, kept, (prior.mean, held)
    )
    believed = np.isfinite(prior.spread)
    seen = np.where(known[:, kept], value[:, kept], np.nan)
    middle = np.where(believed, prior.mean, np.nanmean(seen, axis=0))
    width = np.nanstd(seen, axis=0) + 1e-3 * np.maximum(np.abs(middle), 1e-3)
    population = estimate_population(
        evidence, middle, np.where(believed, prior.spread, width), prior_spread=prior.spread
    )
    pairs = zip(population.mean.tolist(), population.spread.tolist(), strict=True)
    return dict(zip(chosen, pairs, strict=True))


def _evidence(
    value: NDArray[np.float64],
    stderr: NDArray[np.float64],
    correlation: NDArray[np.float64],
    kept: NDArray[np.int64],
    prior: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> Evidence:
    covariance = correlation[:, kept[:, np.newaxis], kept] * stderr[:, :, np.newaxis] * stderr[:, np.newaxis]
    return evidence_of(value, covariance, *prior)
