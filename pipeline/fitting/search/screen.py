"""From starting points to the optima they lead to, with priors weighted by about what residuals will be."""

from collections.abc import Sequence

import numpy as np

from kernels.least_squares.batch import BatchFit
from kernels.numeric.arrays import Matrix, Vector
from pipeline.fitting.search.many_models import fit_model, fit_models
from pipeline.fitting.uncertainty.residual_space import residual_space
from pipeline.models.market_model import MarketModel
from pipeline.models.priors import Prior, entry_spread, residual_deviation, with_weak_beliefs

EVALUATIONS = 200
"""That screening spends on one start; the reported fit goes on from the best ones."""
# The deviation of residuals and the weight of priors follow from each other: this near is near enough before
# the search.
_NEARLY_SETTLED = 1e-3
_ROUNDS = 20


def screen_together(problems: Sequence[tuple[MarketModel, Matrix, Prior]]) -> list[BatchFit]:
    """Do for many models what `screen` does for one, those of one shape in one batch: the same numbers.

    Parameters
    ----------
    problems : sequence of (model, starts, prior)
    """
    found: dict[int, BatchFit] = {}
    plain = []
    for place, (model, starts, prior) in enumerate(problems):
        if not prior.empty or model.tested:
            found[place] = screen(model, starts, prior)
        else:
            _weigh(model, prior)
            plain.append(place)
    models = [problems[place][0] for place in plain]
    points = [problems[place][1] for place in plain]
    found.update(zip(plain, fit_models(models, points, EVALUATIONS), strict=True))
    return [found[place] for place in range(len(problems))]


def screen(model: MarketModel, starts: Matrix, prior: Prior) -> BatchFit:
    """Fit from many starts; leaves the model with its beliefs weighted by about what residuals will be.

    Experiments have no part in it: their rows are too dear for a search from everywhere (see
    `pipeline.fitting.search.settle`).

    Parameters
    ----------
    model : MarketModel
    starts : (S, P) array
        Under priors the first one begins at their means and settles the weights.
    prior : Prior
        Beliefs about the P parameters; weak ones about the start and the gain are added.
    """
    if not prior.empty:
        return _screen_under_prior(model, starts, prior, beliefs_of(model, prior))
    _weigh(model, prior)
    return fit_model(model, starts, EVALUATIONS)


def _weigh(model: MarketModel, prior: Prior) -> None:
    """Weigh the weak beliefs of a model without priors by the size that residuals may have."""
    beliefs = beliefs_of(model, prior)
    model.set_prior(beliefs.mean, beliefs.weight(0.0 if beliefs.empty else _step_deviation(model)))


def beliefs_of(model: MarketModel, prior: Prior, theta: Vector | None = None) -> Prior:
    """Add weak beliefs; those about errors take their autocorrelation from a parameter vector, else as 0."""
    spread = entry_spread_of(model, theta)
    return with_weak_beliefs(prior, model.names, model.start, model.vary, spread)


def entry_spread_of(model: MarketModel, theta: Vector | None = None) -> Vector:
    """Give `pipeline.models.priors.entry_spread` for a model."""
    if theta is None:
        return entry_spread(model.data, model.error_shape, 0.0)
    rho, common = model.autocorrelation(theta), model.common_row(theta)
    return entry_spread(model.data, model.error_shape, rho, common)


def _step_deviation(model: MarketModel) -> float:
    """Measure how observed shares move from one period to the next: residuals are of that size."""
    space = residual_space(model.data)
    steps = np.diff(space.to_firms(model.target), axis=0)[space.active[1:] & space.active[:-1]]
    return float(np.sqrt(steps @ steps / max(steps.size, 1)))


def _screen_under_prior(model: MarketModel, starts: Matrix, prior: Prior, beliefs: Prior) -> BatchFit:
    believed = np.isfinite(prior.spread) & model.vary
    starts = starts.copy()
    starts[0] = np.where(believed, np.clip(prior.mean, model.lower, model.upper), starts[0])
    # Before any fit the residuals are as wide as the data themselves.
    deviation = float(np.std(model.target))
    for _ in range(_ROUNDS):
        model.set_prior(beliefs.mean, beliefs.weight(deviation))
        fit = fit_model(model, starts[:1], EVALUATIONS)
        if not np.isfinite(fit.cost[0]):
            break
        starts[0] = fit.value[0]
        before, deviation = deviation, residual_deviation(model, starts[0])
        if not deviation > 0.0 or abs(deviation - before) <= _NEARLY_SETTLED * before:
            break
    return fit if len(starts) == 1 else fit_model(model, starts, EVALUATIONS)
