"""Calibration against truth: noise-free markets give their parameters back, bad ones a status."""

from dataclasses import replace

import numpy as np
import pytest

from kernels.motion.shares import simulate_shares
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.models.one_step import OneStep
from pipeline.panel.market import MarketArrays
from pipeline.seeds import fit_seed
from pipeline.status import Status
from pipeline.store.format.layout import STATISTIC_NAMES
from pipeline.validation.forecasters import forecast_errors, model_forecaster
from pipeline.validation.metrics import METRICS
from pipeline.validation.windows import FUTURES, GIVEN

EFFORTS = ("price", "feature")
FIRMS = np.array(["A", "B", "C", "D"])
GAMMA = {"investment": 0.0, "scaled": 0.6, "proportional": 1.0}


def variant_of(form, curves, link="exp", effects="free", name="test"):
    return Variant(
        name=name,
        form=form,
        response=ResponseChoice("r", "mixed", link, FrozenMapping(dict(zip(EFFORTS, curves, strict=True)))),
        firm_effects=effects,
        carry_over=FrozenMapping(dict.fromkeys(EFFORTS, "none")),
    )


def market_of(form, f_of, times=40, seed=0):
    """Simulate a market exactly; ``f_of(efforts) -> f`` with efforts of shape (2, times, 4)."""
    rng = np.random.default_rng(seed)
    efforts = rng.uniform(0.1, 1.0, size=(2, times, 4))
    total = 100.0 * np.exp(0.1 * rng.normal(size=times))
    share = simulate_shares(
        np.array([0.4, 0.3, 0.2, 0.1]),
        f_of(efforts),
        total,
        np.ones(times),
        jump_price=total.mean(),
        reference_sales=total.mean(),
        returns_to_scale=GAMMA[form],
    )
    return MarketArrays(
        market=7,
        firms=FIRMS,
        times=np.arange(times),
        share=share,
        total_sales=total,
        duration=np.ones(times),
        efforts=efforts,
        active=np.ones((times, 4), dtype=bool),
    )


def exp_linear(efforts):
    return np.exp(np.array([-1.5, -1.2, -1.6, -1.9]) - 1.1 * efforts[0] + 0.7 * efforts[1])


def saturating(efforts):
    constants = np.array([0.08, 0.03, -0.06, -0.05])
    return constants + 0.2 * efforts[0] + 0.5 * efforts[1] / (0.3 + efforts[1])


def calibrate(variant, market, n_train=None, **fit):
    settings = FitSection(**{"starts": 8, **fit})
    return calibrate_market(variant, market, EFFORTS, settings, fit_seed(1, variant.name, 7), n_train=n_train)


@pytest.mark.parametrize("form", ["investment", "proportional"])
@pytest.mark.parametrize("method", ["leastsq", "least_squares"])
def test_gives_the_parameters_of_a_noise_free_market_back(form, method):
    record = calibrate(variant_of(form, ("linear", "linear")), market_of(form, exp_linear), method=method)
    assert record.status == Status.CONVERGED
    found = dict(zip(record.names, record.value, strict=True))
    expected = {"price": -1.1, "feature": 0.7, "constant.A": -1.5, "constant.D": -1.9}
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert record.statistic["rmse"] < 1e-8
    assert set(record.statistic) <= set(STATISTIC_NAMES)


def test_finds_the_returns_to_scale():
    def response(efforts):
        return 0.1 + 0.5 * efforts[0] + 0.3 * efforts[1]

    variant = variant_of("scaled", ("linear", "linear"), "identity", "constant")
    record = calibrate(variant, market_of("scaled", response))
    found = dict(zip(record.names, record.value, strict=True))
    expected = {"returns_to_scale": 0.6, "price": 0.5, "feature": 0.3, "constant": 0.1}
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_effects_that_sum_to_zero_are_reported_for_every_firm():
    variant = variant_of("proportional", ("linear", "michaelis_menten"), "identity", "zero-sum")
    record = calibrate(variant, market_of("proportional", saturating))
    found = dict(zip(record.names, record.value, strict=True))
    assert found["feature.h"] == pytest.approx(0.3, rel=1e-6)
    constants = [found[f"constant.{firm}"] for firm in FIRMS]
    np.testing.assert_allclose(constants, [0.08, 0.03, -0.06, -0.05], rtol=1e-5)
    stderr = dict(zip(record.names, record.stderr, strict=True))
    assert np.isfinite(stderr["constant.D"])


def test_fixed_bounds_and_expressions_reach_the_fit():
    market = market_of("investment", exp_linear)
    variant = variant_of("investment", ("linear", "linear"))
    fixed = calibrate(variant, market, fixed={"feature": 0.5})
    found = dict(zip(fixed.names, fixed.value, strict=True))
    assert found["feature"] == 0.5
    assert np.isnan(fixed.stderr[fixed.names.index("feature")])
    bounded = calibrate(variant, market, bounds={"price": (-1.0, None)})
    assert bounded.value[bounded.names.index("price")] == pytest.approx(-1.0)
    assert bounded.at_bound[bounded.names.index("price")] == -1
    tied = calibrate(variant, market, expr={"feature": "-price / 2"})
    found = dict(zip(tied.names, tied.value, strict=True))
    assert found["feature"] == pytest.approx(-found["price"] / 2, rel=1e-12)
    assert tied.statistic["n_free"] == fixed.statistic["n_free"]


def test_the_part_kept_back_is_predicted_but_not_used():
    market = market_of("investment", exp_linear)
    spoiled = market.share.copy()
    spoiled[30:] = 0.25
    variant = variant_of("investment", ("linear", "linear"))
    record = calibrate(variant, market, n_train=30)
    other = calibrate(variant, MarketArrays(**{**market.__dict__, "share": spoiled}), n_train=30)
    np.testing.assert_array_equal(record.value, other.value)
    forecast = model_forecaster(record.model, record.theta, "observed", "fitted")
    n_ahead = market.times.size - 30
    rmse = forecast_errors(forecast, market, 30, n_ahead)[
        FUTURES.index(GIVEN), :, tuple(METRICS).index("rmse")
    ]
    assert rmse.max() < 1e-8
    assert np.abs(record.share[30:] - spoiled[30:]).max() > 0.05


def test_a_given_scale_of_the_market_is_the_one_that_m_and_f_are_measured_with():
    market = market_of("scaled", exp_linear)
    variant = variant_of("scaled", ("linear", "linear"))
    mean = market.total_sales.mean()
    usual, scaled = (
        dict(zip(record.names, record.value, strict=True))
        for scale in (None, 3.0 * mean)
        for record in [calibrate(variant, replace(market, reference_sales=scale))]
    )
    # Without a numeraire M is the scale itself, and the constants of f take up what that changes.
    assert (usual["jump_price"], scaled["jump_price"]) == pytest.approx((mean, 3.0 * mean))
    assert scaled["price"] == pytest.approx(usual["price"], rel=1e-5)
    shift = usual["returns_to_scale"] * np.log(3.0)
    assert scaled["constant.A"] - usual["constant.A"] == pytest.approx(shift, rel=1e-4)


def test_the_numbers_depend_on_the_seed_of_the_fit_alone():
    market = market_of("investment", exp_linear)
    variant = variant_of("investment", ("hill", "linear"))
    first, second = (calibrate(variant, market) for _ in range(2))
    np.testing.assert_array_equal(first.value, second.value)
    np.testing.assert_array_equal(first.start_cost, second.start_cost)


def changed(market, **arrays):
    return MarketArrays(**{**market.__dict__, **arrays})


def test_what_cannot_be_fitted_is_a_status():
    market = market_of("investment", exp_linear)
    variant = variant_of("investment", ("linear", "linear"))
    zero = market.share.copy()
    zero[5] = [0.5, 0.5, 0.0, 0.0]
    assert calibrate(variant, changed(market, share=zero)).status == Status.ZERO_SHARE
    assert calibrate(variant, changed(market, share=zero), residual="share").status.usable
    negative = market.efforts.copy()
    negative[0, 3, 1] = -1.0
    hill = variant_of("investment", ("hill", "linear"))
    assert calibrate(hill, changed(market, efforts=negative)).status == Status.OUTSIDE_DOMAIN
    assert calibrate(variant, market, n_train=3).status == Status.TOO_FEW_RESIDUALS
    assert calibrate(variant, market, n_train=1).status == Status.TOO_FEW_RESIDUALS
    alone = np.zeros((40, 4), dtype=bool)
    alone[:, 0] = True
    assert calibrate(variant, changed(market, active=alone)).status == Status.ONE_FIRM


def test_firms_enter_and_leave():
    market = market_of("investment", exp_linear)
    active = market.active.copy()
    active[:10, 3] = False
    active[30:, 0] = False
    share = np.where(active, market.share, 0.0)
    share /= share.sum(axis=1, keepdims=True)
    record = calibrate(
        variant_of("investment", ("linear", "linear")), changed(market, active=active, share=share)
    )
    assert record.status == Status.CONVERGED
    np.testing.assert_allclose(np.nansum(record.share, axis=1), 1.0)
    assert np.array_equal(np.isnan(record.share), ~active)


def test_initial_shares_can_be_estimated():
    record = calibrate(
        variant_of("investment", ("linear", "linear")),
        market_of("investment", exp_linear),
        initial="estimated",
    )
    found = dict(zip(record.names, record.value, strict=True))
    assert found["initial.A"] == pytest.approx(np.log(0.4 / 0.1), rel=1e-5)
    assert found["price"] == pytest.approx(-1.1, rel=1e-6)


@pytest.mark.parametrize("form", ["investment", "scaled", "proportional"])
def test_periods_that_begin_at_observed_shares_are_fitted_one_step_ahead(form):
    f_of = saturating if form == "proportional" else exp_linear
    rng = np.random.default_rng(4)
    market = market_of(form, f_of, times=60)
    seen = market.share * np.exp(0.05 * rng.normal(size=market.share.shape))
    market = replace(market, share=seen / seen.sum(axis=1, keepdims=True))
    link = "identity" if form == "proportional" else "exp"
    variant = variant_of(form, ("linear", "linear"), link=link)
    record = calibrate(variant, market, n_train=50, gain=1.0, residual="share")
    assert record.status.usable
    step = OneStep(record.model, record.theta, market)
    periods = np.arange(1, 51)
    np.testing.assert_allclose(record.share[1:51], step(step.share[:50], periods), atol=1e-12)
    np.testing.assert_allclose(record.share[50:], step.walk(step.share[49], 50), atol=1e-12)
    # Nothing else forecasts the next period as well.
    whole = calibrate(variant, market, n_train=50, gain=0.0, residual="share")
    one, other = (
        np.sum(
            (OneStep(found.model, found.theta, market)(market.share[:49], periods[:-1]) - market.share[1:50])
            ** 2
        )
        for found in (record, whole)
    )
    assert one < other * (1.0 - 1e-4)
