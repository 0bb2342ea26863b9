"""A calibrated model read back from a store: composed again from the study, with the stored estimates."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.config.catalogue import own_curves
from pipeline.config.study import Study
from pipeline.errors import QueryError
from pipeline.models.market_model import MarketModel, build_model
from pipeline.panel.market import MarketArrays, market_arrays

if TYPE_CHECKING:
    import xarray as xr

    from pipeline.results.results import ResultStore


def stored_study(results: "ResultStore") -> Study:
    """Give the study that a sweep was made by, overrides included.

    Raises
    ------
    QueryError
        The sweep does not hold it.
    """
    info = results.sweep
    text = info.attributes.get("study_json")
    if not text:
        raise QueryError(f"The sweep {info.name} does not hold its study, so its f cannot be evaluated.")
    return Study.model_validate_json(text)


def rebuild_model(
    results: "ResultStore", model: str, arrays: MarketArrays, efforts: tuple[str, ...]
) -> MarketModel:
    """Compose a model of the sweep for all periods of one of its markets, as it was calibrated.

    Raises
    ------
    QueryError
        The sweep has no such model, or does not hold its study.
    """
    study = stored_study(results)
    variants = {variant.name: variant for variant in study.variants()}
    if model not in variants:
        raise QueryError(f"The study of the sweep {results.sweep.name} has no model {model}.")
    return build_model(variants[model], arrays, efforts, study.fit, own_curves(study.curves))


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


def read_fit(results: "ResultStore", market: Any, model: str) -> StoredFit:
    """Read the fit of a model to all periods of a market, ready to be evaluated.

    Raises
    ------
    QueryError
        The sweep has no such model, or this market has no usable fit of it.
    """
    panel = results.panel()
    arrays = market_arrays(panel, market)
    efforts = tuple(map(str, panel["effort"].values))
    problem = rebuild_model(results, model, arrays, efforts)
    return StoredFit(
        panel, arrays, efforts, problem, *stored_estimates(results, arrays.market, model, problem)
    )


def stored_estimates(
    results: "ResultStore", market: Any, model: str, problem: MarketModel
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
    fit = results.fits(model).sel(market=market).isel(window=0)
    names = [str(name) for name in fit["param"].values]
    places = [names.index(name) for name in problem.names]
    theta = fit["value"].values[places]
    if np.isnan(theta).any():
        raise QueryError(f"Market {market} has no usable fit of {model}; `beed show` says why.")
    stderr = fit["stderr"].values[places]
    correlation = fit["correlation"].values[np.ix_(places, places)]
    covariance = correlation * np.outer(stderr, stderr)
    fixed = ~problem.vary
    covariance[fixed] = 0.0
    covariance[:, fixed] = 0.0
    return theta, covariance
