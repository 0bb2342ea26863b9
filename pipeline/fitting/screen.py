"""From starting points to the optima they lead to, with the weight of priors settled on the way."""

import numpy as np

from kernels.least_squares.batch import BatchFit
from kernels.numeric.arrays import Matrix, Vector
from pipeline.models.market_model import MarketModel
from pipeline.models.priors import Prior, effective_parameters, start_belief

# Evaluations that screening spends on one start; lmfit goes on from the best ones.
_EVALUATIONS = 200
# The deviation of residuals and the weight of priors follow from each other: this near is near enough.
_SETTLED = 1e-3
_ROUNDS = 20


def screen(model: MarketModel, starts: Matrix, prior: Prior) -> BatchFit:
    """Fit from many starts; leaves the model with its priors weighted as its residuals suggest.

    Parameters
    ----------
    model : MarketModel
    starts : (S, P) array
        Under priors the first one begins at their means and settles the weights.
    prior : Prior
        Beliefs about the P parameters.
    """
    fit = model.screen(starts, _EVALUATIONS) if prior.empty else _screen_under_prior(model, starts, prior)
    _believe_in_the_start(model, fit, prior)
    return fit


def _believe_in_the_start(model: MarketModel, fit: BatchFit, prior: Prior) -> None:
    """Add the belief about the first shares, in units of the residuals that are left without it.

    Settled together with the residuals, as other priors are, it could hold on to residuals that it makes.
    """
    belief = start_belief(model.names, model.start, prior)
    best = int(np.argmin(fit.cost))
    if belief.empty or not np.isfinite(fit.cost[best]):
        return
    deviation = residual_deviation(model, fit.value[best])
    if np.isfinite(deviation):
        mean = np.where(np.isfinite(belief.spread), belief.mean, model.prior_mean)
        model.set_prior(mean, model.prior_weight + belief.weight(deviation))


def _screen_under_prior(model: MarketModel, starts: Matrix, prior: Prior) -> BatchFit:
    believed = np.isfinite(prior.spread) & model.vary
    starts = starts.copy()
    starts[0] = np.where(believed, np.clip(prior.mean, model.lower, model.upper), starts[0])
    # Before any fit the residuals are as wide as the data themselves.
    deviation = float(np.std(model.target))
    for _ in range(_ROUNDS):
        model.set_prior(prior.mean, prior.weight(deviation))
        fit = model.screen(starts[:1], _EVALUATIONS)
        if not np.isfinite(fit.cost[0]):
            break
        starts[0] = fit.value[0]
        before, deviation = deviation, residual_deviation(model, starts[0])
        if not deviation > 0.0 or abs(deviation - before) <= _SETTLED * before:
            break
    return fit if len(starts) == 1 else model.screen(starts, _EVALUATIONS)


def residual_deviation(model: MarketModel, theta: Vector) -> float:
    """Estimate the standard deviation of the residuals that compare data, with honest degrees of freedom."""
    residual = model.residual(theta)
    if residual is None:
        return np.nan
    data = residual[: model.n_residuals]
    left = model.n_residuals - n_effective(model, theta)
    return float(np.sqrt(data @ data / left)) if left > 0 else 0.0


def n_effective(model: MarketModel, theta: Vector) -> float:
    """Count the effective parameters of a model: `pipeline.models.priors.effective_parameters`."""
    jacobian = model.jacobian(theta)[:, : model.n_residuals]
    return effective_parameters(jacobian, model.prior_weight[model.vary])
