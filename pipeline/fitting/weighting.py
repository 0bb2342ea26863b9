"""Weights of the residuals: fit, estimate the covariance of the errors, weight by it, fit again.

Two rounds (feasible generalised least squares). What is left then changes the weights by less than chance
does: Carroll & Ruppert (1988), Transformation and Weighting in Regression, 2.4.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kernels.least_squares.market import moving_firms
from kernels.least_squares.whitening import scaled_covariance
from kernels.numeric.arrays import Vector
from pipeline.config.sections.fit import NoiseKind
from pipeline.fitting.polish import Polished
from pipeline.fitting.screen import n_effective, residual_deviation
from pipeline.models.market_model import MarketModel
from pipeline.models.noise import Noise, estimate_noise
from pipeline.models.predictive import log_errors
from pipeline.panel.market import MarketArrays

_ROUNDS = 2
_EVALUATIONS = 200


def fit_weighted(
    model: MarketModel,
    market: MarketArrays,
    kind: NoiseKind,
    polished: Polished,
    again: Callable[[Vector], Polished],
) -> Polished:
    """Fit a model again with the weights that its errors call for.

    Leaves the model with these weights, and with the noise they stand for, as large as its residuals say.

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

    Returns
    -------
    Polished
        The last fit, with the evaluations of all.
    """
    model.noise = noise = measured_noise(model, market, kind, polished.theta)
    if kind == "homogeneous":
        return polished
    moving, first = moving_firms(model.data.active), model.data.first
    for _ in range(_ROUNDS):
        before = residual_deviation(model, polished.theta)
        weights = replace(noise, covariance=scaled_covariance(noise.covariance, moving, first))
        model.weigh(weights.covariance)
        deviation = residual_deviation(model, polished.theta)
        if before > 0.0 and deviation > 0.0:
            # Rows of priors are measured in the deviation of the rows that compare data.
            model.set_prior(model.prior_mean, model.prior_weight * (deviation / before))
        # lmfit hardly moves from where a parameter is at a bound, which compiled fits do.
        moved = model.screen(polished.theta[np.newaxis], _EVALUATIONS)
        fitted = again(moved.value[0] if np.isfinite(moved.cost[0]) else polished.theta)
        polished = replace(fitted, evaluations=polished.evaluations + fitted.evaluations)
        noise = measured_noise(model, market, kind, polished.theta)
    left = residual_deviation(model, polished.theta)
    model.noise = replace(weights, covariance=left**2 * weights.covariance)
    return polished


def measured_noise(model: MarketModel, market: MarketArrays, kind: NoiseKind, theta: Vector) -> Noise:
    """Estimate the noise from the errors in the fitted periods, at some parameters (P,)."""
    share = model.shares(theta)
    if share is None:
        share = np.full(model.data.active.shape, np.nan)
    fitted = slice(model.data.first, len(model.data.active))
    errors = log_errors(market.share[fitted], share[fitted], moving_firms(market.active)[fitted])
    return estimate_noise(kind, errors, n_effective(model, theta))
