"""Mixtures over gains against the restricted likelihood of a linear model, written without the package."""

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.search.many_models import fit_model
from pipeline.models.composing.build import build_model
from pipeline.models.posterior.mixture import ParameterMixture
from pipeline.models.posterior.over_gains import mixture_over_gains
from pipeline.panel.market import MarketArrays

PERIODS, GAIN, DEVIATION = 40, 0.3, 0.05
PROPORTIONAL = Variant(
    name="drift",
    form="proportional",
    response=ResponseChoice("r", "r", "identity", FrozenMapping({"u": "linear"})),
    firm_effects="zero-sum",
    carry_over=FrozenMapping({"u": "none"}),
)


@pytest.fixture(scope="module")
def market():
    """Two firms: the logarithm of their odds drifts, follows the effort, and keeps a part of its errors."""
    rng = np.random.default_rng(3)
    effort, error = rng.normal(size=(PERIODS, 2)), DEVIATION * rng.normal(size=PERIODS)
    state, odds = 0.2, np.empty(PERIODS)
    for period in range(PERIODS):
        state += 0.01 + 0.03 * (effort[period, 0] - effort[period, 1])
        odds[period] = state + error[period]
        state += GAIN * error[period]
    share = 1.0 / (1.0 + np.exp(np.stack([-odds, odds], axis=1)))
    return MarketArrays(
        market=0,
        firms=np.array(["A", "B"]),
        times=np.arange(PERIODS),
        share=share,
        total_sales=np.ones(PERIODS),
        duration=np.ones(PERIODS),
        efforts=effort[np.newaxis],
        active=np.ones((PERIODS, 2), dtype=bool),
    )


def restricted(market, gain):
    """Log restricted likelihood of a gain, up to a constant, and the estimate of the effort's coefficient.

    Innovations are linear in the start, the drift and the coefficient: v = a - B b, column by column.
    """
    odds = np.log(market.share[:, 0] / market.share[:, 1])
    step = market.efforts[0, :, 0] - market.efforts[0, :, 1]

    def innovations(target, start, moves):
        state, found = start, []
        for period in range(PERIODS):
            state += moves[period]
            found.append(target[period] - state)
            state += gain * found[-1]
        return np.array(found)

    nothing, ones = np.zeros(PERIODS), np.ones(PERIODS)
    rows = np.stack([-innovations(nothing, *of) for of in ((1.0, nothing), (0.0, ones), (0.0, step))], axis=1)
    offset = innovations(odds, 0.0, nothing)
    estimate, square = np.linalg.lstsq(rows, offset)[:2]
    # The gain counts as a parameter that was fitted, too.
    likelihood = -0.5 * (PERIODS - 4) * np.log(square[0]) - 0.5 * np.linalg.slogdet(rows.T @ rows)[1]
    return likelihood, estimate[2]


@pytest.fixture(scope="module")
def mixture(market):
    model = build_model(PROPORTIONAL, market, ("u",), FitSection(autocorrelation=0.0), {})
    fit = fit_model(model, model.start[np.newaxis], 200)
    covariance = np.zeros((len(model.names), len(model.names)))
    rows = model.jacobian(fit.value[0])
    variance = 2.0 * fit.cost[0] / (model.n_residuals - model.n_free)
    covariance[np.ix_(model.vary, model.vary)] = variance * np.linalg.inv(rows @ rows.T)
    return model, mixture_over_gains(model, fit.value[0], covariance)


def test_weights_are_those_of_the_restricted_likelihood(market, mixture):
    model, found = mixture
    gain = found.centre[:, model.names.index("gain")]
    inner = (gain > 0.0) & (gain < 1.0)
    expected = np.array([restricted(market, one)[0] for one in gain[inner]])
    weight = np.log(found.weight[inner])
    assert inner.sum() >= 6
    # But for the boxes that a search looks in, beyond which nothing is taken to be.
    np.testing.assert_allclose(weight - weight[0], expected - expected[0], atol=1e-2)


def test_others_are_fitted_again_at_every_gain(market, mixture):
    model, found = mixture
    for gain, coefficient in found.centre[:, [model.names.index("gain"), model.names.index("u")]]:
        assert coefficient == pytest.approx(restricted(market, gain)[1], rel=1e-4)


def test_a_gain_that_is_held_is_one_density(market):
    model = build_model(PROPORTIONAL, market, ("u",), FitSection(gain=(0.5,)), {})
    covariance = np.diag(np.where(model.vary, 0.1, 0.0))
    found = mixture_over_gains(model, model.start, covariance)
    assert found.weight.size == 1
    np.testing.assert_array_equal(found.covariance[0], covariance)


def test_draws_have_the_moments_of_the_mixture_and_stay_in_bounds():
    centre, covariance = np.array([[-1.0, 0.0], [2.0, 0.0]]), np.array([np.diag([0.25, 0.0])] * 2)
    mixture = ParameterMixture(
        np.array([0.25, 0.75]), centre, covariance, np.array([-9.0, 1.0]), np.array([2.0, 2.0])
    )
    draws = mixture.draw(20_000, np.random.default_rng(0))
    upper = 2.0 - 0.5 * np.sqrt(2.0 / np.pi) / 2.0  # mean of min(x, 2) of a normal one around 2
    assert draws[:, 0].mean() == pytest.approx(0.25 * -1.0 + 0.75 * upper, abs=0.03)
    assert draws[:, 0].max() <= 2.0
    assert (draws[:, 1] == 0.0).all()  # what stays as it is does so outside bounds, too


def test_few_densities_stand_for_equal_parts_of_all():
    centre = np.linspace(-3.0, 3.0, 61)[:, np.newaxis]
    weight = norm.pdf(centre[:, 0])
    mixture = ParameterMixture(
        weight / weight.sum(), centre, np.zeros((61, 1, 1)), np.array([-9.0]), np.array([9.0])
    )
    few = mixture.few(5)
    np.testing.assert_allclose(few.weight, 0.2)
    np.testing.assert_allclose(few.centre[:, 0], norm.ppf([0.1, 0.3, 0.5, 0.7, 0.9]), atol=0.06)
