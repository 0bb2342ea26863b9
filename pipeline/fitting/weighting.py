"""Weights of the residuals: fit, estimate the covariance of the errors, weight by it, fit again.

Two rounds (feasible generalised least squares). What is left then changes the weights by less than chance
does: Carroll & Ruppert (1988), Transformation and Weighting in Regression, 2.4.
"""

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kernels.least_squares.market import moving_firms
from kernels.least_squares.whitening import scaled_covariance
from kernels.numeric.arrays import Vector
from pipeline.config.sections.fit import NoiseKind
from pipeline.fitting.polish import Polished
from pipeline.fitting.search.many_models import fit_model
from pipeline.fitting.search.screen import entry_spread_of
from pipeline.models.market_model import MarketModel
from pipeline.models.noise import Noise, noise_of_shares
from pipeline.models.priors import n_effective, residual_deviation
from pipeline.panel.market import MarketArrays

_ROUNDS = 2
_EVALUATIONS = 200


def fit_weighted(
    model: MarketModel,
    market: MarketArrays,
    kind: NoiseKind,
    polished: Polished,
    again: Callable[[Vector], Polished],
    tied: int = 0,
) -> Polished:
    """Fit a model again with the weights that its errors call for.

    Leaves the model with these weights, and with the noise that is left.

    Parameters
    ----------
    model : MarketModel
        Fitted without weights, its priors in units of those residuals.
    market : MarketArrays
        What it was fitted to.
    kind : str
        Of the noise; under ``homogeneous`` there is nothing to weigh.
    polished : Polished
        The fit without weights.
    again : callable
        Minimises from a parameter vector (P,).
    tied : int
        Free parameters that follow from others.

    Returns
    -------
    Polished
        The last fit, with the evaluations of all.
    """
    moving, first = moving_firms(model.data.active), model.data.first
    for _ in range(0 if kind == "homogeneous" else _ROUNDS):
        noise = _noise_at(model, market, kind, polished.theta, tied)()
        before = residual_deviation(model, polished.theta)
        model.weigh(scaled_covariance(noise.covariance, moving, first))
        deviation = residual_deviation(model, polished.theta)
        if before > 0.0 and deviation > 0.0:
            # Rows of priors and experiments are measured in the deviation of the rows that compare data.
            weight = model.prior_weight * (deviation / before)
            # Errors of first shares are believed to be as all others are.
            weight[model.entries] = 1.0 / entry_spread_of(model, polished.theta)
            model.set_prior(model.prior_mean, weight)
            model.weigh_experiments(deviation)
        # lmfit hardly moves from where a parameter is at a bound, which compiled fits do.
        moved = fit_model(model, polished.theta[np.newaxis], _EVALUATIONS)
        fitted = again(moved.value[0] if np.isfinite(moved.cost[0]) else polished.theta)
        polished = replace(fitted, evaluations=polished.evaluations + fitted.evaluations)
    model.noise_found = functools.cache(_noise_at(model, market, kind, polished.theta, tied))
    return polished


def _noise_at(
    model: MarketModel, market: MarketArrays, kind: NoiseKind, theta: Vector, tied: int
) -> Callable[[], Noise]:
    """Give what finds the noise at the parameters of a model, which may go on to others."""
    share = model.shares(theta)
    if share is None:
        share = np.full(market.share.shape, np.nan)
    fitted = slice(model.data.first, len(model.data.active))
    used = n_effective(model, theta) - tied
    return functools.partial(noise_of_shares, kind, market, share, model.spread(theta), fitted, used)
