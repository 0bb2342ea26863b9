"""Replicates and posterior draws of fits as ArviZ knows them: a DataTree of groups."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline.errors import QueryError
from pipeline.fitting.uncertainty.residual_space import residual_space
from pipeline.names import Label
from pipeline.results.select import select_markets, select_models
from pipeline.results.stored_fit import StoredFit, read_fit
from pipeline.seeds import fit_seed

if TYPE_CHECKING:
    import xarray as xr

    from pipeline.results.results import Results

#: Where draws come from: what the study stored, or a sampler that runs now.
Draws = Literal["replicates", "mcmc"]
_REPLICATES = (
    "The sweep {sweep} stored no replicates of {model}. Run the study with `uncertainty: {{bootstrap: 200}}` "
    'to have them; draws="mcmc" with one market samples the posterior of its fit now.'
)


@dataclass(frozen=True, eq=False)
class _Sample:
    """Draws of parameters.

    Attributes
    ----------
    values : dict of str to (C, D, ...) array
        Chains, draws, and markets where there are several.
    log_likelihood : (C, D, R) array or None
        Of each residual, of one market.
    """

    values: dict[str, np.ndarray]
    log_likelihood: np.ndarray | None = None


def to_arviz(
    results: "Results", model: str, market: Label | None = None, draws: Draws = "replicates"
) -> "xr.DataTree":
    """Give draws of the parameters of a model; see `pipeline.results.result_store.ResultStore.to_arviz`."""
    try:
        from arviz_base import from_dict
    except ImportError:
        raise QueryError(
            "Draws are given to ArviZ by arviz-base, which is not installed: pip install 'beed[arviz]'."
        ) from None
    if draws not in ("replicates", "mcmc"):
        raise QueryError(f"Got draws {draws!r}; expected 'replicates' (stored) or 'mcmc' (sampled now).")
    tables = results.tables
    (model,) = select_models(tables.info, model)[:1]
    label = None if market is None else tables.labels("market")[select_markets(tables, [market])][0]
    sample = _stored(results, model, label) if draws == "replicates" else _sampled(results, model, label)
    several = [] if label is not None else ["market"]
    trajectories = results.trajectories(model)
    coords: dict[str, Any] = {name: trajectories[name].values for name in ("market", "firm", "time")}
    observed = trajectories["observed_share"]
    observed = observed if label is None else observed.sel(market=label)
    groups = {"posterior": sample.values, "observed_data": {"share": observed.values}}
    dims = dict.fromkeys(sample.values, several) | {"share": [*several, "firm", "time"]}
    if sample.log_likelihood is not None:
        groups["log_likelihood"] = {"residual": sample.log_likelihood}
        dims["residual"] = ["row"]
    facts = {"model": model, "study": tables.info.study, "sweep": tables.info.name, "draws": draws}
    return from_dict(
        groups,
        coords={name: coords[name] for name in coords if name != "market" or several},
        dims=dims,
        attrs={"/": facts | ({} if label is None else {"market": str(label)})},
    )


def _stored(results: "Results", model: str, market: Label | None) -> _Sample:
    """Take the bootstrap replicates, one chain; those that failed in any of the markets are left out."""
    arrays, tables = results.tables.arrays(model), results.tables
    if "replicate_value" not in arrays:
        raise QueryError(_REPLICATES.format(sweep=tables.info.name, model=model))
    places = tables.labels("market").tolist()
    rows = slice(None) if market is None else [places.index(market)]
    cube = np.asarray(arrays["replicate_value"][...])[rows, 0]
    known = cube[:, np.isfinite(cube).any(axis=(0, 2))]
    if not known.shape[1]:
        raise QueryError(_REPLICATES.format(sweep=tables.info.name, model=model))
    params = [str(name) for name in tables.params_of(model)]
    values = {
        name: (known[:, :, place].T if market is None else known[0, :, place])[None]
        for place, name in enumerate(params)
        if _moves(known[:, :, place])
    }
    if market is None:
        return _Sample(values)
    fit = read_fit(results, market, model)
    if not set(fit.problem.names) <= set(params):  # a store from before some of them
        return _Sample(values)
    theta = known[0][:, [params.index(name) for name in fit.problem.names]]
    return _Sample(values, _log_likelihood(fit, theta[None]))


def _sampled(results: "Results", model: str, market: Label | None) -> _Sample:
    """Sample the posterior of one fit, every walker a chain."""
    from pipeline.fitting.uncertainty.refits.mcmc import sample_posterior

    if market is None:
        raise QueryError('draws="mcmc" samples the fit of one market now; say which one: market=LABEL.')
    fit, asked = read_fit(results, market, model), results.study.uncertainty.mcmc
    stderr = np.sqrt(np.diag(fit.covariance))
    seed = fit_seed(results.study.seed, f"{model} posterior", market)
    posterior = sample_posterior(
        fit.problem,
        fit.theta,
        stderr,
        steps=asked.steps,
        burn=asked.burn,
        walkers=asked.walkers,
        seed=int(seed.generate_state(1)[0]),
    )
    # Steps vary slowest, walkers fastest.
    theta = posterior.values.reshape(-1, posterior.walkers, fit.theta.size).swapaxes(0, 1)
    values = {
        name: theta[:, :, place] for place, name in enumerate(fit.problem.names) if _moves(theta[:, :, place])
    }
    return _Sample(values, _log_likelihood(fit, theta))


def _moves(draws: np.ndarray) -> bool:
    """Tell whether a parameter is one at all: fixed ones never move, undetermined ones are unknown."""
    return bool(np.ptp(draws[np.isfinite(draws)]) > 0.0) if np.isfinite(draws).any() else False


def _log_likelihood(fit: StoredFit, theta: np.ndarray) -> np.ndarray:
    """Log density (C, D, R) of each residual: normal, independent, of the variance that suits the draw."""
    rows = residual_space(fit.problem.data).n_rows
    found = np.full((*theta.shape[:2], rows), -np.inf)
    for place in np.ndindex(theta.shape[:2]):
        residual = fit.problem.residual(theta[place])
        if residual is not None:
            variance = float(np.mean(residual[:rows] ** 2))
            found[place] = -0.5 * (np.log(2.0 * np.pi * variance) + residual[:rows] ** 2 / variance)
    return found
