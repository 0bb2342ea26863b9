"""The restricted likelihood of the gain: its smallest value is found and kept; or nothing is done."""

import numpy as np
import pytest

from pipeline.config.parameters import GAIN
from pipeline.config.sections.fit import FitSection
from pipeline.fitting.calibrate import calibrate_market
from pipeline.fitting.restricted import restrict_gain
from pipeline.fitting.screen import residual_deviation, screen, settle
from pipeline.models.market_model import build_model
from pipeline.models.priors import prior_of


def optimum(markets, form, periods, *, effects="free", noise=0.05, rho=0.0):
    """Model and optimum of the likelihood, with free constants: many parameters that errors could feed."""
    market = markets.noisy(form, 3, firms=4, periods=periods, noise=noise, rho=rho)
    model = build_model(markets.variant(form, effects=effects), market, markets.efforts, FitSection(), {})
    prior = prior_of(model.names, {})
    return model, settle(model, screen(model, model.start[np.newaxis], prior).value[0], prior)


def criterion(model, theta, degrees):
    """The criterion at an optimum with its gain held, written out anew."""
    place = model.names.index(GAIN)
    residual, jacobian = model.residual(theta), model.jacobian(theta)
    weight = model.prior_weight[model.vary]
    others = np.flatnonzero(np.flatnonzero(model.vary) != place)
    believed = model.prior_weight * (theta - model.prior_mean)
    believed[place] = 0.0
    square = np.sum(residual[: model.n_residuals] ** 2) + np.sum(believed**2)
    data = jacobian[others, : model.n_residuals]
    normal = data @ data.T + np.diag(weight[others] ** 2)
    return degrees * np.log(square) + np.linalg.slogdet(normal)[1]


@pytest.mark.parametrize("form", ["investment", "proportional"])
def test_the_gain_is_where_the_criterion_is_smallest(markets, form):
    effects = "free" if form == "investment" else "zero-sum"
    model, theta = optimum(markets, form, 30, effects=effects, rho=0.6)
    deviation, degrees = residual_deviation(model, theta)
    found = restrict_gain(model, theta.copy(), deviation, degrees)
    place = model.names.index(GAIN)
    lowest = criterion(model, found, degrees)
    for gain in (0.0, 0.25, 0.5, 0.75, 1.0):
        start = found.copy()
        lower, upper = model.lower.copy(), model.upper.copy()
        start[place] = lower[place] = upper[place] = gain
        held = model.fit_many(
            start[np.newaxis], max_evaluations=200, lower=lower[np.newaxis], upper=upper[np.newaxis]
        )
        assert criterion(model, held.value[0], degrees) > lowest - 0.02


def test_the_optimum_stays_when_it_is_fitted_again(markets):
    model, theta = optimum(markets, "investment", 30, rho=0.6)
    found = restrict_gain(model, theta.copy(), *residual_deviation(model, theta))
    again = model.screen(found[np.newaxis], 200).value[0]
    np.testing.assert_allclose(again, found, rtol=1e-4, atol=1e-5)


def test_in_long_series_it_is_the_likelihood_that_decides(markets):
    model, theta = optimum(markets, "investment", 300, rho=0.6)
    found = restrict_gain(model, theta.copy(), *residual_deviation(model, theta))
    place = model.names.index(GAIN)
    assert abs(found[place] - theta[place]) < 0.05


def test_nothing_is_done_where_there_is_nothing_to_learn_from(markets):
    model, theta = optimum(markets, "investment", 30, noise=0.0)
    deviation, degrees = residual_deviation(model, theta)
    np.testing.assert_array_equal(restrict_gain(model, theta.copy(), deviation, degrees), theta)
    np.testing.assert_array_equal(restrict_gain(model, theta.copy(), 0.1, 0.0), theta)


def test_a_gain_of_the_study_is_left_alone(markets):
    market = markets.noisy("investment", 3, periods=30, noise=0.05)
    seed = np.random.SeedSequence(0)
    record = calibrate_market(
        markets.variant("investment"), market, markets.efforts, FitSection(gain=0.25), seed
    )
    assert record.value[record.names.index(GAIN)] == 0.25
