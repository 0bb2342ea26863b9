"""Sampling the posterior of one fit with lmfit's interface to emcee (optional extra ``mcmc``)."""

import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import lmfit
import numpy as np

from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.config.sections.uncertainty import McmcSection
from pipeline.errors import PlanError
from pipeline.fitting.uncertainty.refits.bootstrap import percentile_intervals
from pipeline.models.market_model import MarketModel

# What the sampler sees where the model cannot be evaluated.
_REFUSED = 1e8
# Walkers start this part of a standard error around the optimum.
_SPREAD = 0.1
# Variance of errors beside the parameters, as lmfit calls its logarithm.
_LOG_SIGMA = "__lnsigma"


@dataclass(frozen=True, slots=True)
class Posterior:
    """Draws from the posterior of a fit.

    Attributes
    ----------
    values
        (D, P) draws of all parameters, step by step of all walkers; those that are fixed are constant.
    walkers
        How many there are: D is a multiple of it.
    autocorrelation_time
        (C,) steps between independent draws of each free parameter; nan where the chain is too short to tell.
    acceptance
        Fraction of proposals accepted, mean over walkers.
    """

    values: Matrix
    walkers: int
    autocorrelation_time: Vector
    acceptance: float


def has_emcee() -> bool:
    """Tell whether emcee is installed."""
    return importlib.util.find_spec("emcee") is not None


def sample_posterior(
    model: MarketModel,
    theta: Vector,
    stderr: Vector,
    *,
    steps: int = 1000,
    burn: int = 300,
    walkers: int | None = None,
    thin: int = 1,
    seed: int = 0,
) -> Posterior:
    """Sample the posterior of a fit: white normal errors of unknown variance, flat priors in the bounds.

    Parameters
    ----------
    model : MarketModel
        Of P parameters.
    theta : (P,) array
        Its optimum.
    stderr : (P,) array
        Standard errors; parameters where it is nan or 0 stay where they are.
    steps, burn, thin : int
        Steps of each walker, those thrown away, and one draw kept out of so many.
    walkers : int, optional
        By default four for each parameter, at least 16.
    seed : int

    Returns
    -------
    Posterior

    Raises
    ------
    PlanError
        emcee is not installed.
    ValueError
        No parameter can be sampled.
    """
    if not has_emcee():
        raise PlanError(
            "The interval method mcmc needs emcee, which is not installed: pip install 'beed[mcmc]'."
        )
    free = np.flatnonzero(model.vary & np.isfinite(stderr) & (stderr > 0.0))
    residual = model.residual(theta)
    if not free.size or residual is None:
        raise ValueError("Got a fit without any determined parameter; expected one to sample.")
    log_sigma = 0.5 * np.log(max(float(residual @ residual) / max(residual.size - free.size, 1), 1e-300))
    parameters = lmfit.Parameters()
    for index in free:
        parameters.add(
            f"p{index}", value=theta[index], min=float(model.lower[index]), max=float(model.upper[index])
        )
    parameters.add(_LOG_SIGMA, value=log_sigma, min=log_sigma - 5.0, max=log_sigma + 5.0)

    def evaluate(values: lmfit.Parameters) -> Vector:
        point = theta.copy()
        point[free] = [values[f"p{index}"].value for index in free]
        moved = model.residual(point)
        return np.full(residual.size, _REFUSED) if moved is None else moved

    rng = np.random.default_rng(seed)
    walkers = walkers or max(4 * (free.size + 1), 16)
    centre = np.append(theta[free], log_sigma)
    spread = _SPREAD * np.append(stderr[free], 1.0 / np.sqrt(2.0 * residual.size))
    begin = centre + spread * rng.standard_normal((walkers, centre.size))
    begin[:, :-1] = np.clip(begin[:, :-1], model.lower[free], model.upper[free])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # emcee warns and prints about short chains; the answer says it in `autocorrelation_time`.
        warnings.simplefilter("ignore")
        result = lmfit.Minimizer(evaluate, parameters, nan_policy="raise").emcee(
            params=parameters,
            steps=steps,
            burn=burn,
            thin=thin,
            nwalkers=walkers,
            pos=begin,
            is_weighted=False,
            progress=False,
            seed=rng.integers(2**31),
        )
    chain = result.flatchain.to_numpy()[:, : free.size]
    values = np.tile(theta, (len(chain), 1))
    values[:, free] = chain
    times = np.full(free.size, np.nan)
    if hasattr(result, "acor"):
        times = np.asarray(result.acor, dtype=np.float64)[: free.size]
    return Posterior(values, walkers, times, float(np.mean(result.acceptance_fraction)))


def posterior_intervals(
    model: MarketModel,
    theta: Vector,
    stderr: Vector,
    asked: McmcSection,
    levels: Sequence[float],
    seed: int,
) -> Cube:
    """Find the ends (P, L, 2) of the middle parts of the posterior; nan where there is no standard error."""
    ends = np.full((theta.size, len(levels), 2), np.nan)
    known = stderr > 0.0
    if not known.any():
        return ends
    posterior = sample_posterior(
        model, theta, stderr, steps=asked.steps, burn=asked.burn, walkers=asked.walkers, seed=seed
    )
    ends[known] = percentile_intervals(posterior.values, levels)[known]
    return ends
