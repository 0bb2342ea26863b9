"""Shrinkage: weights follow the noise, factors follow forecasts, and nothing after the window is seen."""

from dataclasses import replace

import numpy as np
import pytest

from kernels.motion.shares import simulate_shares
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.fitting.search.screen import residual_deviation
from pipeline.fitting.shrinkage import choose_factor, origins
from pipeline.models.composing.build import build_model
from pipeline.models.one_step import forecast_shares
from pipeline.panel.market import MarketArrays, first_periods

FIRMS = np.array(["A", "B", "C", "D"])
CONSTANT = np.array([0.6, 0.3, 0.0, -0.4])
NOISE = 0.25
OWN = ResponseChoice("own", "mnl", "exp", FrozenMapping({"price": "linear"}), own=("price",))
VARIANT = Variant("investment-own", "investment", OWN, "free", FrozenMapping({"price": "none"}))
SEED = np.random.SeedSequence(1)


def fit_of(**changes):
    return FitSection(
        **({"starts": 1, "gain": 0.0, "initial": "observed", "priors": {"price.own": (0.0, 0.5)}} | changes)
    )


def market(seed, slope, n_times=40):
    """Noisy shares of firms whose price responses are ``slope (4,)``."""
    random = np.random.default_rng(seed)
    price = random.normal(0.0, 0.3, (n_times, 4))
    f = np.exp(-1.2 + CONSTANT + slope * price)
    ones = np.ones(n_times)
    settings = {"jump_price": 100.0, "reference_sales": 100.0, "returns_to_scale": 0.0}
    clean = simulate_shares(np.full(4, 0.25), f, 100.0 * ones, ones, **settings)
    share = clean * np.exp(NOISE * random.standard_normal(clean.shape))
    share /= share.sum(axis=1, keepdims=True)
    data = MarketArrays(
        seed, FIRMS, np.arange(n_times), share, 100.0 * ones, ones, price[None], np.ones_like(share, bool)
    )
    return data, clean


def calibrate(data, n_train, **options):
    return calibrate_market(
        VARIANT, data, ("price",), options.pop("fit", fit_of()), SEED, n_train=n_train, **options
    )


def test_a_tight_prior_is_kept_and_a_wide_one_leaves_the_data_alone():
    data, _ = market(0, np.array([-4.0, -3.0, -2.0, -1.0]))
    tight = calibrate(data, 40, fit=fit_of(priors={"price": (-1.0, 1e-6), "price.own": (0.0, 1e-6)}))
    value = dict(zip(tight.names, tight.value, strict=True))
    assert value["price"] == pytest.approx(-1.0, abs=1e-4)
    assert tight.statistic["n_effective"] == pytest.approx(4.0, abs=1e-3), "the constants"
    wide = calibrate(data, 40, fit=fit_of(priors={"price.own": (0.0, 1e4)}))
    assert wide.statistic["n_effective"] == pytest.approx(8.0, abs=1e-3), "four slopes, not five"
    assert wide.statistic["n_free"] == 9.0
    slopes = [v for name, v in zip(wide.names, wide.value, strict=True) if name.startswith("price.own.")]
    common = dict(zip(wide.names, wide.value, strict=True))["price"]
    np.testing.assert_allclose(np.array(slopes) + common, [-4, -3, -2, -1], atol=0.6)


def test_degrees_of_freedom_are_honest():
    """The noise is found again only when parameters count as far as the data decide them."""
    found = []
    for seed in range(12):
        data, _ = market(seed, np.full(4, -2.0), n_times=14)
        record = calibrate(data, 14, fit=fit_of(priors={"price": (-2.0, 0.5), "price.own": (0.0, 0.02)}))
        assert record.statistic["n_effective"] < record.statistic["n_free"] - 3
        found.append(record.statistic["redchi"])
    assert np.sqrt(np.mean(found)) == pytest.approx(NOISE, rel=0.12)


def test_the_weight_of_priors_follows_the_noise():
    data, _ = market(0, np.full(4, -2.0))
    from pipeline.fitting.search.screen import screen
    from pipeline.models.priors import prior_of

    model = build_model(VARIANT, data, ("price",), fit_of(), {})
    prior = prior_of(model.names, fit_of().priors)
    fitted = screen(model, model.start[None], prior)
    deviation = residual_deviation(model, fitted.value[0])
    assert deviation == pytest.approx(NOISE, rel=0.15)
    own = np.array([name.startswith("price.own.") for name in model.names])
    np.testing.assert_allclose(model.prior_weight[own], deviation / 0.5, rtol=2e-3)


def test_shrinkage_reduces_the_error_where_firms_are_alike():
    plain, shrunk = [], []
    for seed in range(8):
        data, clean = market(seed, np.full(4, -2.0), n_times=40)
        ahead = slice(14, None)
        for spread, errors in ((100.0, plain), (0.05, shrunk)):
            record = calibrate(data, 14, fit=fit_of(priors={"price.own": (0.0, spread)}))
            errors.append(np.sqrt(np.mean((record.share[ahead] - clean[ahead]) ** 2)))
    assert np.mean(shrunk) < 0.9 * np.mean(plain)


@pytest.mark.parametrize(("slope", "expected"), [((-2.0,) * 4, 0.01), ((-5.0, -3.0, -1.0, 1.0), 10.0)])
def test_the_factor_follows_the_forecasts(slope, expected):
    """Firms that are alike want strong priors, firms that differ want weak ones."""
    data, _ = market(3, np.array(slope), n_times=60)
    fit = fit_of(shrinkage=[0.01, 10.0])
    assert choose_factor(VARIANT, data, ("price",), fit, {}) == expected
    assert calibrate(data, 60, fit=fit).statistic["shrinkage"] == expected


def test_the_choice_sees_nothing_after_the_window():
    data, _ = market(3, np.full(4, -2.0), n_times=60)
    fit = fit_of(shrinkage=[0.1, 1.0, 10.0])
    before = calibrate(data, 30, fit=fit)
    share = data.share.copy()
    share[30:] = share[30:, ::-1]
    after = calibrate(replace(data, share=share), 30, fit=fit)
    np.testing.assert_array_equal(before.value, after.value)
    assert before.statistic["shrinkage"] == after.statistic["shrinkage"]


def test_origins_lie_in_the_second_half():
    assert origins(40, 4) == (20, 25, 30, 35)
    assert origins(4, 4) == (2, 3)
    assert origins(2, 4) == ()


def test_forecasts_start_where_they_are_told_to():
    data, _ = market(1, np.full(4, -2.0))
    model = build_model(VARIANT, first_periods(data, 30), ("price",), fit_of(), {})
    theta = model.start.copy()
    from_fitted = forecast_shares(model, theta, data, 30, "observed", "fitted")
    from_observed = forecast_shares(model, theta, data, 30, "observed", "observed")
    assert from_fitted.shape == from_observed.shape == (10, 4)
    # One step by hand: the closed form of the investment form from the observed share of period 29.
    f = model.response.evaluate(theta, model.prepared(data).efforts)[30]
    rate = f.sum() * 100.0 / 100.0
    step = f / f.sum() + (data.share[29] - f / f.sum()) * np.exp(-rate)
    np.testing.assert_allclose(from_observed[0], step, rtol=1e-9)
    assert not np.allclose(from_fitted[0], from_observed[0])
