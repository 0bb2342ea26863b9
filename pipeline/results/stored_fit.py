"""A calibrated model read back from a store: composed again from the study, with the stored estimates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kernels.least_squares.market import moving_firms
from kernels.least_squares.whitening import scaled_covariance
from pipeline.config.sections.uncertainty import most_trusted
from pipeline.errors import QueryError
from pipeline.models.market_model import MarketModel
from pipeline.models.noise import noise_of_shares
from pipeline.models.parameter_spread import trusted_covariance
from pipeline.models.posterior.mixture import ParameterMixture
from pipeline.models.posterior.over_gains import mixture_over_gains
from pipeline.models.priors import entry_spread, prior_of, with_weak_beliefs
from pipeline.names import Label
from pipeline.panel.market import MarketArrays, market_arrays
from pipeline.results.fitted_shares.compose import compose, places_of
from pipeline.results.results import Results
from pipeline.validation.windows import ALL

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class StoredFit:
    """The fit of a model to all periods of one market, as stored, and what it was made from.

    Attributes
    ----------
    panel : Dataset
        Of the sweep, lazy.
    arrays : MarketArrays
    efforts : tuple of str
        Names along the effort axis.
    problem : MarketModel
        Of P parameters.
    theta : (P,) array
    covariance : (P, P) array
        See `stored_estimates`.
    """

    panel: "xr.Dataset"
    arrays: MarketArrays
    efforts: tuple[str, ...]
    problem: MarketModel
    theta: np.ndarray
    covariance: np.ndarray

    def effort_labels(self, name: str, default: str) -> tuple[str, ...]:
        """Give what the panel says of each effort: ``kind`` or ``unit``."""
        if name not in self.panel:
            return (default,) * len(self.efforts)
        return tuple(map(str, self.panel[name].values))


def read_fit(results: Results, market: Label, model: str) -> StoredFit:
    """Read the fit of a model to all periods of a market, ready to be evaluated.

    Raises
    ------
    QueryError
        The sweep has no such model, or this market has no usable fit of it.
    """
    panel = results.lazy_panel
    arrays = market_arrays(panel, market)
    efforts = tuple(map(str, panel["effort"].values))
    problem = rebuild_model(results, model, arrays, efforts)
    theta, covariance = stored_estimates(results, arrays.market, model, problem)
    return StoredFit(panel, arrays, efforts, problem, theta, covariance)


def rebuild_model(
    results: Results, model: str, arrays: MarketArrays, efforts: tuple[str, ...]
) -> MarketModel:
    """Compose a model of the sweep for all periods of one of its markets, as it was calibrated.

    Raises
    ------
    QueryError
        The sweep has no such model, or does not hold its study.
    """
    return compose(results.tables, model, arrays, efforts)


def stored_estimates(
    results: Results, market: Label, model: str, problem: MarketModel
) -> tuple[np.ndarray, np.ndarray]:
    """Read the estimates of the fit to all periods.

    Returns
    -------
    theta : (P,) array
        In the order of the kernels.
    covariance : (P, P) array
        0 where fixed, nan for what is free but undetermined, or at a bound.

    Raises
    ------
    QueryError
        This market has no usable fit of the model.
    """
    tables = results.tables
    arrays, row = tables.arrays(model), tables.row_of(market)
    order, stored = places_of(problem, tables.params_of(model))
    theta, stderr = (np.asarray(arrays[name][row, 0])[order] for name in ("value", "stderr"))
    theta = np.where(stored, theta, problem.start)
    if np.isnan(theta).any():
        raise QueryError(f"Market {market} has no usable fit of {model}; `beed show` says why.")
    correlation = np.asarray(arrays["correlation"][row, 0])[np.ix_(order, order)]
    covariance = correlation * np.outer(stderr, stderr)
    fixed = ~problem.vary | ~stored
    covariance[fixed] = 0.0
    covariance[:, fixed] = 0.0
    return theta, covariance


def stored_covariance(results: Results, fit: StoredFit, model: str) -> np.ndarray:
    """Widen the covariance of a fit, which takes errors as independent, to its most trusted intervals."""
    tables, problem = results.tables, fit.problem
    arrays, labels = tables.arrays(model), tables.labels
    if "interval" not in arrays:
        return fit.covariance
    methods, levels = labels("interval_method").tolist(), np.asarray(labels("level"), dtype=float)
    method = methods.index(most_trusted(methods) or methods[0])
    row, widest = tables.row_of(fit.arrays.market), int(np.argmax(levels))
    ends = np.asarray(arrays["interval"][row, 0])[method, :, widest]
    names = [str(name) for name in tables.params_of(model)]
    order = [names.index(name) if name in names else 0 for name in problem.names]
    return trusted_covariance(fit.covariance, ends[order], float(levels[widest]))


def stored_mixture(results: Results, fit: StoredFit, model: str) -> ParameterMixture:
    """Give what is known of the parameters of a fit: `mixture_over_gains`, as the fit itself would."""
    covariance, (problem, theta) = stored_covariance(results, fit, model), (fit.problem, fit.theta)
    statistics = results.tables.statistics(model)
    row = results.tables.row_of(fit.arrays.market)
    variance, used, factor = (
        float(statistics[name][row]) if name in statistics else np.nan
        for name in ("redchi", "n_effective", "shrinkage")
    )
    if not variance > 0.0 or not np.isfinite(used):
        return ParameterMixture.single(theta, covariance, (problem.lower, problem.upper))
    kind, first = problem.variant.noise_under(results.study.fit), problem.data.first
    modelled = problem.shares(theta)
    if kind != "homogeneous" and modelled is not None:
        noise = noise_of_shares(kind, fit.arrays, modelled, problem.spread(theta), slice(first, None), used)
        problem.weigh(scaled_covariance(noise.covariance, moving_firms(problem.data.active), first))
    beliefs: Mapping[str, tuple[float, float]] = results.study.fit.priors
    if problem.variant.pooled_from is not None:
        known = results.population(model).sel(window=ALL)
        table = zip(known["param"].values, known["mean"].values, known["spread"].values, strict=True)
        beliefs = {str(name): (float(mean), float(spread)) for name, mean, spread in table if spread > 0.0}
    prior = prior_of(problem.names, beliefs)
    prior = prior.scaled(factor) if np.isfinite(factor) else prior
    spread = entry_spread(problem.data, problem.error_shape, problem.autocorrelation(theta))
    believed = with_weak_beliefs(prior, problem.names, problem.start, problem.vary, spread)
    problem.set_prior(believed.mean, believed.weight(np.sqrt(variance)))
    problem.weigh_experiments(float(np.sqrt(variance)))
    return mixture_over_gains(problem, theta, covariance)


def stored_replicates(results: Results, market: Label, model: str, names: Sequence[str]) -> np.ndarray:
    """Read the bootstrap replicates of a fit, shape (B, P), parameters in this order; B = 0 without any."""
    arrays = results.tables.arrays(model)
    if "replicate_value" not in arrays:
        return np.empty((0, len(names)))
    row = results.tables.row_of(market)
    known = [str(name) for name in results.tables.params_of(model)]
    values = np.asarray(arrays["replicate_value"][row, 0])[:, [known.index(name) for name in names]]
    return values[np.isfinite(values).all(axis=1)]
