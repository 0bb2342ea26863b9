"""From starting points to the optima they lead to, with the weight of priors settled on the way."""

from collections.abc import Sequence

import numpy as np

from kernels.least_squares.batch import BatchFit
from kernels.numeric.arrays import Matrix, Vector
from pipeline.fitting.many_models import fit_models, shape_of
from pipeline.fitting.uncertainty.residual_space import residual_space
from pipeline.models.market_model import MarketModel
from pipeline.models.priors import Prior, entry_spread, residual_deviation, with_weak_beliefs

# Evaluations that screening spends on one start; lmfit goes on from the best ones.
_EVALUATIONS = 200
# The deviation of residuals and the weight of priors follow from each other: this near is near enough
# before the search, and for the fit itself.
_NEARLY_SETTLED, _SETTLED = 1e-3, 1e-8
_ROUNDS = 20


def screen_together(problems: Sequence[tuple[MarketModel, Matrix, Prior]]) -> list[BatchFit]:
    """Do for many models what `screen` does for one, those of one shape in one batch: the same numbers.

    Parameters
    ----------
    problems : sequence of (model, starts, prior)
    """
    found: dict[int, BatchFit] = {}
    alike: dict[bytes, list[int]] = {}
    for place, (model, starts, prior) in enumerate(problems):
        if not prior.empty or model.tested:
            found[place] = screen(model, starts, prior)
        else:
            _weigh(model, prior)
            alike.setdefault(shape_of(model), []).append(place)
    for places in alike.values():
        models, starts = zip(*(problems[place][:2] for place in places), strict=True)
        found.update(zip(places, fit_models(models, starts, _EVALUATIONS), strict=True))
    return [found[place] for place in range(len(problems))]


def screen(model: MarketModel, starts: Matrix, prior: Prior) -> BatchFit:
    """Fit from many starts; leaves the model with its beliefs weighted by about what residuals will be.

    Experiments have no part in it: their rows are too dear for a search from everywhere (see `settle`).

    Parameters
    ----------
    model : MarketModel
    starts : (S, P) array
        Under priors the first one begins at their means and settles the weights.
    prior : Prior
        Beliefs about the P parameters; weak ones about the start and the gain are added.
    """
    if not prior.empty:
        return _screen_under_prior(model, starts, prior, _beliefs(model, prior))
    _weigh(model, prior)
    return model.screen(starts, _EVALUATIONS)


def _weigh(model: MarketModel, prior: Prior) -> None:
    """Weigh the weak beliefs of a model without priors by the size that residuals may have."""
    beliefs = _beliefs(model, prior)
    model.set_prior(beliefs.mean, beliefs.weight(0.0 if beliefs.empty else _step_deviation(model)))


def settle(model: MarketModel, theta: Vector, prior: Prior) -> Vector:
    """Weight beliefs and experiments by the residuals of the optimum that they lead to; gives that optimum.

    The deviation of residuals and the optimum follow from each other. Where they meet depends on the data
    and the model alone, whatever starts the search came from.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
        Near the optimum.
    prior : Prior
        As in `screen`.
    """
    if not _beliefs(model, prior).empty:
        theta = _settle(model, theta, prior)
    if model.experiments is not None:
        # From what the shares say: a wrong experiment that came first would be believed, as it makes the
        # deviation, and thus its own weight, large.
        theta = _settle(model, theta, prior, with_experiments=True)
    return theta


def _settle(model: MarketModel, theta: Vector, prior: Prior, *, with_experiments: bool = False) -> Vector:
    before = 0.0
    for _ in range(_ROUNDS):
        deviation = residual_deviation(model, theta)
        if not deviation > 0.0 or abs(deviation - before) <= _SETTLED * before:
            break
        beliefs = _beliefs(model, prior, theta)
        model.set_prior(beliefs.mean, beliefs.weight(deviation))
        if with_experiments:
            model.weigh_experiments(deviation)
        fit = model.screen(theta[np.newaxis], _EVALUATIONS)
        if not np.isfinite(fit.cost[0]):
            break
        theta, before = fit.value[0], deviation
    return theta


def _beliefs(model: MarketModel, prior: Prior, theta: Vector | None = None) -> Prior:
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
        fit = model.screen(starts[:1], _EVALUATIONS)
        if not np.isfinite(fit.cost[0]):
            break
        starts[0] = fit.value[0]
        before, deviation = deviation, residual_deviation(model, starts[0])
        if not deviation > 0.0 or abs(deviation - before) <= _NEARLY_SETTLED * before:
            break
    return fit if len(starts) == 1 else model.screen(starts, _EVALUATIONS)
