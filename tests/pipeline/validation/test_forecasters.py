"""Forecasts of calibrated models: what they may know, where they start, and how far they spread."""

from dataclasses import replace

import numpy as np
import pytest

from kernels.motion.shares import simulate_shares
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.models import ModelsSection
from pipeline.config.variants import expand_variants
from pipeline.fitting.calibrate import calibrate_market
from pipeline.models.effort_paths import with_efforts
from pipeline.panel.market import MarketArrays
from pipeline.validation.baselines import predict
from pipeline.validation.calibration import coverage
from pipeline.validation.forecasters import (
    baseline_forecaster,
    carried_courses,
    carry_forward,
    forecast_errors,
    model_forecaster,
    score_forecasts,
)
from pipeline.validation.metrics import METRICS
from pipeline.validation.windows import FUTURES

COEFFICIENTS = np.array([1.0, 0.6])
JUMP = 20.0


def market_of(noise=0.0, times=40, seed=0, jump=JUMP):
    rng = np.random.default_rng(seed)
    efforts = rng.uniform(0.1, 1.0, size=(2, times, 3))
    response = np.tensordot(COEFFICIENTS, efforts, axes=1)
    total = rng.uniform(9.0, 11.0, times)
    share = simulate_shares(
        np.array([0.5, 0.3, 0.2]),
        response,
        total,
        np.ones(times),
        jump_price=jump,
        reference_sales=10.0,
        returns_to_scale=0.0,
    )
    share = share * np.exp(noise * rng.normal(size=share.shape))
    share /= share.sum(axis=1, keepdims=True)
    return MarketArrays(
        "m",
        np.arange(3),
        np.arange(times),
        share,
        total,
        np.ones(times),
        efforts,
        np.ones(share.shape, bool),
    )


def calibrated(market, n_train, carry_over="none"):
    models = ModelsSection.model_validate(
        {"form": "investment", "response": "linear", "firm_effects": "none", "carry_over": carry_over}
    )
    variant = expand_variants(models, ("a", "b"))[0]
    fit = FitSection(starts=4, gain=0.0, initial="observed")
    record = calibrate_market(variant, market, ("a", "b"), fit, np.random.SeedSequence(0), n_train=n_train)
    assert record.model is not None
    return record


@pytest.mark.parametrize("state", ["fitted", "observed"])
def test_a_true_model_forecasts_without_error_when_efforts_are_given(state):
    market = market_of()
    record = calibrated(market, 30)
    forecaster = model_forecaster(record.model, record.theta, "observed", state)
    errors = forecast_errors(forecaster, market, 30, 10)
    assert errors.shape == (len(FUTURES), 10, len(METRICS))
    assert errors[0, :, 0].max() < 1e-7
    assert errors[1, :, 0].min() > 1e-4, "carried efforts are not those that came"


def test_carried_forward_uses_nothing_of_the_future():
    market, other = market_of(), market_of()
    rng = np.random.default_rng(9)
    other.efforts[:, 30:] = rng.uniform(0.1, 1.0, other.efforts[:, 30:].shape)
    other.total_sales[30:] *= 3.0
    one, two = carry_forward(market, 30), carry_forward(other, 30)
    np.testing.assert_array_equal(one.efforts, two.efforts)
    np.testing.assert_array_equal(one.total_sales, two.total_sales)
    np.testing.assert_array_equal(one.efforts[:, 35], market.efforts[:, 29])
    assert not np.array_equal(market.efforts[:, 35], market.efforts[:, 29]), "the data themselves stay"


def test_who_enters_later_keeps_the_efforts_it_enters_with():
    market = market_of()
    active = market.active.copy()
    active[:32, 2] = False
    late = carry_forward(replace(market, active=active), 30)
    assert np.isnan(late.efforts[:, 31, 2]).all()
    np.testing.assert_array_equal(late.efforts[:, 36, 2], market.efforts[:, 32, 2])


def test_starting_from_observed_shares_helps_where_shares_were_disturbed():
    market = market_of()
    record = calibrated(market, 30)
    shocked = market_of()
    shocked.share[29] = [0.1, 0.1, 0.8]  # and the market goes on from there
    response = np.tensordot(COEFFICIENTS, shocked.efforts, axes=1)
    shocked.share[30:] = simulate_shares(
        shocked.share[29],
        response[30:],
        shocked.total_sales[30:],
        np.ones(10),
        jump_price=JUMP,
        reference_sales=10.0,
        returns_to_scale=0.0,
    )
    found = {
        state: forecast_errors(
            model_forecaster(record.model, record.theta, "observed", state), shocked, 30, 3
        )[0, 0, 0]
        for state in ("fitted", "observed")
    }
    assert found["observed"] < 1e-6
    assert found["fitted"] > 0.05


def test_errors_grow_with_the_horizon_from_observed_shares():
    market = market_of(noise=0.05, jump=400.0)  # shares move slowly: what is lost in one period stays lost
    record = calibrated(market, 30)
    forecast = model_forecaster(record.model, record.theta, "observed", "observed")(market, 30)
    spread = np.trace(forecast.covariance, axis1=1, axis2=2)
    assert spread[0] < spread[1] < spread[4]
    record.model.covariance = None  # of errors alone: parameters leave more open further ahead
    fitted = model_forecaster(record.model, record.theta, "observed", "fitted")(market, 30)
    np.testing.assert_array_equal(fitted.covariance[0], fitted.covariance[-1])


@pytest.mark.parametrize("state", ["fitted", "observed"])
def test_densities_hold_what_is_not_known_of_the_parameters(state, monkeypatch):
    market = market_of(noise=0.02, times=50)
    record = calibrated(market, 30)
    spread = model_forecaster(record.model, record.theta, "observed", state)(market, 30)
    theta, covariance = record.theta, record.model.covariance
    record.model.covariance = None
    alone = model_forecaster(record.model, theta, "observed", state)(market, 30)
    np.testing.assert_array_equal(spread.share, alone.share)
    monkeypatch.setattr("pipeline.validation.forecasters._PATHS", 2)  # of their shares alone
    free = np.isfinite(np.diag(covariance))
    draws = np.tile(theta, (60, 1))
    normal = np.random.default_rng(1).standard_normal((len(draws), int(free.sum())))
    normal -= normal.mean(axis=0)
    normal = np.linalg.solve(np.linalg.cholesky(normal.T @ normal / len(draws)), normal.T)
    draws[:, free] += (np.linalg.cholesky(covariance[np.ix_(free, free)]) @ normal).T
    shares = np.array(
        [model_forecaster(record.model, drawn, "observed", state)(market, 30).share for drawn in draws]
    )
    centred = np.log(shares) - np.log(shares).mean(axis=2, keepdims=True)
    drawn = np.var(centred, axis=0).sum(axis=1)
    added = np.trace(spread.covariance - alone.covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(added, drawn, rtol=0.15)


def test_noise_is_what_the_predictive_covariance_says():
    market = market_of(noise=0.05, times=200, seed=3)
    record = calibrated(market, 180)
    forecast = model_forecaster(record.model, record.theta, "observed", "fitted")(market, 180)
    centre = np.eye(3) - 1 / 3
    assert np.trace(centre @ forecast.covariance[0]) == pytest.approx(2 * 0.05**2, rel=0.15)


def test_a_forecast_outside_the_domain_is_missing_not_wrong():
    market = market_of()
    record = calibrated(market, 30)
    forecaster = model_forecaster(record.model, -record.theta, "observed", "observed")
    assert forecaster(market, 30) is None
    assert np.isnan(forecast_errors(forecaster, market, 30, 5)).all()


def test_no_change_is_its_own_yardstick():
    market = market_of(noise=0.1)
    errors = forecast_errors(baseline_forecaster("last"), market, 25, 8)
    np.testing.assert_allclose(errors[..., list(METRICS).index("gmrae")], 1.0)
    np.testing.assert_array_equal(errors[0, :, :2], errors[1, :, :2])


def test_known_totals_replace_forecast_ones_only_when_given():
    market = market_of(noise=0.1)
    place = list(METRICS).index("sales_mape")
    errors = forecast_errors(baseline_forecaster("wiener"), market, 25, 4)
    predicted = predict("wiener", market, 25)
    relative = np.abs(predicted.share[:4] / market.share[25:29] - 1.0).mean(axis=1)
    np.testing.assert_allclose(errors[0, :, place], relative)
    assert not np.allclose(errors[1, :, place], relative)


@pytest.mark.parametrize("state", ["fitted", "observed"])
def test_a_model_that_cannot_be_simulated_ahead_has_no_forecast(state, monkeypatch):
    market = market_of()
    record = calibrated(market, 30)

    def refuse(*_, **__):
        raise ArithmeticError("a period would need too many steps")

    monkeypatch.setattr("pipeline.models.share_equation.simulate_shares", refuse)
    monkeypatch.setattr("pipeline.models.market_model.simulate_market", lambda *_: 1)
    forecaster = model_forecaster(record.model, record.theta, "observed", state)
    assert np.isnan(forecast_errors(forecaster, market, 30, 10)).all()


@pytest.mark.parametrize("state", ["fitted", "observed"])
@pytest.mark.parametrize("carry", ["none", "geometric"])
def test_courses_followed_at_once_are_those_followed_one_by_one(state, carry):
    market = market_of(noise=0.02)
    record = calibrated(market, 30, carry)
    courses = np.random.default_rng(1).uniform(0.1, 1.0, (6, 2, 10, 3))
    forecaster = model_forecaster(record.model, record.theta, "observed", state)
    mixed = forecaster(market, 30, courses)
    for course, followed in zip(courses, mixed.courses, strict=True):
        alone = forecaster(with_efforts(market, 30, course), 30)
        np.testing.assert_allclose(followed, alone.share, rtol=1e-10)
    np.testing.assert_allclose(mixed.share, mixed.courses.mean(axis=0))


@pytest.mark.parametrize("baseline", ["attraction", "mci"])
def test_baselines_that_use_efforts_follow_the_same_courses(baseline):
    market = market_of(noise=0.02)
    courses = carried_courses(market, 30)
    mixed = predict(baseline, market, 30, courses)
    np.testing.assert_allclose(
        mixed.courses[3], predict(baseline, with_efforts(market, 30, courses[3]), 30).share, rtol=1e-10
    )
    assert predict("smoothing", market, 30, courses).courses is None


def test_carried_densities_hold_what_efforts_may_do():
    """Efforts jump from period to period: who holds them is sure of what it cannot know."""
    market = market_of(noise=0.01, times=80, seed=5)
    record = calibrated(market, 60)
    forecaster = model_forecaster(record.model, record.theta, "observed", "fitted")
    with_courses = score_forecasts(forecaster, market, 60, 20)
    held = forecast_errors(lambda market, count, _=None: forecaster(market, count), market, 60, 20)
    np.testing.assert_array_equal(with_courses.errors[0], held[0])
    for name in ("rmse", "log_score", "crps"):
        place = list(METRICS).index(name)
        assert with_courses.errors[1, :, place].mean() < held[1, :, place].mean()
    assert with_courses.pit_counts[1].sum() == 20 * 3
    assert 0.75 < coverage(with_courses.pit_counts[1], 0.9) <= 1.0


def test_courses_know_nothing_of_what_comes():
    market, other = market_of(), market_of()
    other.efforts[:, 30:] = 7.0
    np.testing.assert_array_equal(carried_courses(market, 30), carried_courses(other, 30))


def test_a_model_that_cannot_follow_most_courses_has_no_carried_forecast():
    market = market_of(noise=0.02)
    record = calibrated(market, 30)
    forecaster = model_forecaster(record.model, record.theta, "observed", "fitted")
    courses = carried_courses(market, 30)
    courses[: len(courses) // 4] = -5.0  # f is negative there
    assert len(forecaster(market, 30, courses).courses) == len(courses) - len(courses) // 4
    courses[: 3 * len(courses) // 4] = -5.0
    assert forecaster(market, 30, courses) is None
