"""What a longer period does to gains and errors, beyond the fit: replicates, densities, bands."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.models import ModelsSection
from pipeline.config.variants import expand_variants
from pipeline.fitting.uncertainty.refits.bootstrap import draw_markets
from pipeline.forecasting.bands import DrawnCourses
from pipeline.forecasting.trajectory import ShareTrajectory
from pipeline.models.composing.build import build_model
from pipeline.models.errors.period_lengths import PeriodLengths
from pipeline.models.noise import Noise
from pipeline.models.one_step import period_lengths
from pipeline.panel.market import MarketArrays, first_periods
from pipeline.validation.forecasters import model_forecaster
from tests.support.plain_market import plain_market

FIRMS, TIMES = 3, 14
GAPS = np.where(np.isin(np.arange(TIMES), [4, 10]), 4.0, 1.0)
GAIN = 0.4


def market_of(duration=GAPS):
    rng = np.random.default_rng(0)
    return MarketArrays(
        "m",
        np.array(list("abc")),
        np.arange(TIMES),
        rng.dirichlet(np.full(FIRMS, 50.0), TIMES),
        rng.uniform(9.0, 11.0, TIMES),
        duration,
        rng.uniform(0.2, 1.0, (1, TIMES, FIRMS)),
        np.ones((TIMES, FIRMS), dtype=bool),
        reference_sales=10.0,
    )


def model_of(market, form, autocorrelation=0.0):
    variant = expand_variants(ModelsSection(form=form, response="linear", firm_effects="zero-sum"), ("u",))[0]
    model = build_model(variant, market, ("u",), FitSection(), {})
    theta = model.start.copy()
    for name, value in {"u": 0.1, "gain": GAIN, "autocorrelation": autocorrelation}.items():
        theta[model.names.index(name)] = value
    return model, theta


def common_variance(periods, gain=GAIN):
    """Of the error at the end of so many periods of which the last alone is seen, by what each adds."""
    return 1.0 + (periods - 1.0) * gain**2


@pytest.mark.parametrize("form", ["investment", "scaled", "proportional"])
def test_the_model_and_its_fit_say_the_same_of_lengths(form):
    market = market_of()
    model, theta = model_of(market, form)
    assert model.residual(theta) is not None
    gains, spread = period_lengths(model, theta, market).scales(GAIN)
    np.testing.assert_allclose(spread, model.spread(theta), rtol=1e-12)
    np.testing.assert_allclose(gains, model._scratch().gain, rtol=1e-12)
    assert spread[[4, 10]].min() > 1.0
    assert model.common_row(theta) == pytest.approx(np.exp(np.log(spread).mean()))


@pytest.mark.parametrize("autocorrelation", [0.0, 0.5])
@pytest.mark.parametrize("form", ["investment", "proportional"])
def test_drawn_errors_are_the_residuals_of_their_replicate(form, autocorrelation):
    market = market_of()
    model, theta = model_of(market, form, autocorrelation)
    errors = 0.05 * np.random.default_rng(1).normal(size=(1, TIMES, FIRMS))
    errors -= errors.mean(axis=2, keepdims=True)
    drawn = draw_markets(model, theta, errors)
    again, _ = model_of(replace(market, share=drawn.share[0]), form)
    rows = again.residual(theta)[: again.n_residuals].reshape(TIMES, -1)
    scaled = errors[0] / model.spread(theta)[:, None] * model.common_row(theta)
    if autocorrelation:
        kept = autocorrelation**GAPS
        kept[0] = 0.0
        weight = np.sqrt((1.0 - autocorrelation**2) / (1.0 - kept**2))
        before = np.vstack([np.zeros(FIRMS), scaled[:-1]])
        scaled = weight[:, None] * (scaled - kept[:, None] * before) / np.exp(np.log(weight).mean())
    np.testing.assert_allclose((rows**2).sum(axis=1), (scaled**2).sum(axis=1), rtol=1e-8)


@pytest.mark.parametrize("state", ["fitted", "observed"])
def test_density_of_the_first_forecast_is_as_wide_as_its_period_is_long(state):
    """The form of gamma = 1, where nothing of what lasts is forgotten."""
    covariance = []
    for length in (1.0, 4.0):
        market, origin = market_of(np.where(np.arange(TIMES) == 8, length, 1.0)), 8
        model, theta = model_of(first_periods(market, origin), "proportional")
        model.noise_found = lambda: Noise("homogeneous", 0.02**2 * np.eye(FIRMS))
        theta[model.names.index("gain")] = GAIN if state == "fitted" else 1.0
        predicted = model_forecaster(model, theta, "estimated", state)(market, origin)
        covariance.append(predicted.covariance)
    gain = GAIN if state == "fitted" else 1.0
    ratio = np.trace(covariance[1][0]) / np.trace(covariance[0][0])
    assert ratio == pytest.approx(common_variance(4.0, gain), rel=1e-6)
    # What lasts has been added three times more, and stays.
    expected = (1.0 + 4.0 * gain**2) / (1.0 + gain**2)
    assert np.trace(covariance[1][1]) / np.trace(covariance[0][1]) == pytest.approx(expected, rel=0.15)


def test_bands_of_a_longer_first_period():
    market = plain_market([0.4, 0.6], np.full((1, 2), 0.1), gamma=1.0, horizon=3)
    known, variance = len(market.past_duration), 0.02**2
    length = np.ones(known + 3)
    length[known] = 4.0
    market = replace(
        market,
        gain=GAIN,
        error_covariance=variance * np.eye(2),
        lengths=PeriodLengths(length, np.zeros(known + 3), 0),
        duration=length[known:],
    )
    share, none = np.tile(market.share, (3, 1)), np.empty(0)
    course = ShareTrajectory(share, none, np.full((3, 2), 0.1), 1, np.full(3, 50.0), none)
    drawn = DrawnCourses(market, course, 4000).with_errors(np.random.default_rng(3))
    spread = np.var(np.log(drawn[..., 0] / drawn[..., 1]), axis=0)
    expected = 2 * variance * common_variance(np.array([4.0, 5.0, 6.0]))
    np.testing.assert_allclose(spread, expected, rtol=0.1)


def test_lengths_go_on_at_the_pace_of_the_last_period():
    lengths = PeriodLengths(np.array([1.0, 2.0]), np.array([0.1, 0.4]), 0).going_on(np.array([1.0, 3.0]))
    assert lengths.length.tolist() == [1.0, 2.0, 1.0, 3.0]
    assert lengths.pull.tolist() == pytest.approx([0.1, 0.4, 0.2, 0.6])
    several = lengths.scales(np.array([[0.2], [0.7]]))[0]
    assert several.shape == (4, 2, 1)
    np.testing.assert_allclose(several[:, 1, 0], lengths.scales(0.7)[0])
