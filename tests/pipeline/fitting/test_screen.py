"""Beliefs are weighted by the residuals of the optimum that they lead to, wherever the search came from."""

import numpy as np
import pytest

from pipeline.config.parameters import GAIN, INITIAL
from pipeline.config.sections.fit import FitSection
from pipeline.fitting.all_markets import AllMarkets
from pipeline.fitting.calibrate import calibrate_market
from pipeline.fitting.search.screen import residual_deviation, screen
from pipeline.fitting.search.settle import settle
from pipeline.models.composing.build import build_model
from pipeline.models.priors import prior_of

NOTHING: dict[str, tuple[float, float]] = {}


def model_of(markets, form="investment", periods=20, **fit):
    market = markets.noisy(form, 1, periods=periods, noise=0.05)
    return build_model(markets.variant(form), market, markets.efforts, FitSection(**fit), {})


@pytest.mark.parametrize("form", ["investment", "proportional"])
def test_where_the_weights_settle_does_not_depend_on_the_start(markets, form):
    random = np.random.default_rng(0)
    ends, weights = [], []
    for _ in range(3):
        model = model_of(markets, form)
        prior = prior_of(model.names, NOTHING)
        starts = random.uniform(model.low, model.high)[np.newaxis]
        screened = screen(model, np.where(model.vary, starts, model.start), prior)
        ends.append(settle(model, screened.value[0], prior))
        weights.append(model.prior_weight.copy())
    np.testing.assert_allclose(weights[1:], [weights[0]] * 2, rtol=1e-6)
    np.testing.assert_allclose(ends[1:], [ends[0]] * 2, rtol=1e-4, atol=1e-6)
    # The weights are those of the residuals there: a belief of spread 2 about the start, 0.3 about the gain.
    deviation = residual_deviation(model, ends[-1])
    chosen = [model.names.index(name) for name in (GAIN, f"{INITIAL}.firm 0")]
    np.testing.assert_allclose(weights[-1][chosen], [deviation / 0.3, deviation / 2.0], rtol=1e-6)


def test_without_anything_to_estimate_of_start_and_gain_nothing_is_believed(markets):
    model = model_of(markets, gain=0.0, initial="observed")
    prior = prior_of(model.names, NOTHING)
    screened = screen(model, model.start[np.newaxis], prior)
    assert not model.prior_weight.any()
    np.testing.assert_array_equal(settle(model, screened.value[0], prior), screened.value[0])


def test_a_belief_of_the_study_stands_before_the_weak_ones(markets):
    model = model_of(markets)
    prior = prior_of(model.names, {"gain": (0.9, 0.001), "initial": (0.0, 0.001)})
    theta = settle(model, screen(model, model.start[np.newaxis], prior).value[0], prior)
    found = dict(zip(model.names, theta, strict=True))
    assert found[GAIN] == pytest.approx(0.9, abs=0.01)
    assert found[f"{INITIAL}.firm 1"] == pytest.approx(0.0, abs=0.01)


def test_the_data_of_a_long_series_decide_about_the_gain(markets):
    """The weak belief moves the gain by less than a third of its standard error where periods are many."""
    market = markets.noisy("investment", 2, periods=150, noise=0.05)
    settings = FitSection(starts=2)
    seed = np.random.SeedSequence(0)
    found, held = (
        calibrate_market(
            markets.variant("investment"),
            market,
            markets.efforts,
            settings,
            seed,
            all_markets=AllMarkets(population),
        )
        for population in (None, {"gain": (0.5, 1e4)})
    )
    place = found.names.index(GAIN)
    assert abs(found.value[place] - held.value[place]) < 0.05


def test_the_start_is_measured_against_a_firm_that_is_there(markets):
    """The last firm comes later: the first shares are log-ratios to another one, which is held."""
    market = markets.noisy("proportional", 3, periods=30, noise=0.0)
    late = market.active.copy()
    late[:10, -1] = False
    share = np.where(late, market.share, 0.0)
    share /= share.sum(axis=1, keepdims=True)
    market = type(market)(
        **{
            **{name: getattr(market, name) for name in market.__dataclass_fields__},
            "active": late,
            "share": np.where(late, share, np.nan),
        }
    )
    model = build_model(markets.variant("proportional"), market, markets.efforts, FitSection(), {})
    vary = dict(zip(model.names, model.vary.tolist(), strict=True))
    assert (vary["initial.firm 0"], vary["initial.firm 1"]) == (True, False)
    first = model.shares(model.start)[0]
    assert np.isfinite(first[:2]).all()
    ratio = dict(zip(model.names, model.start, strict=True))["initial.firm 0"]
    assert ratio == pytest.approx(np.log(share[0, 0] / share[0, 1]))


def test_a_first_share_of_zero_is_taken_as_a_small_one(markets):
    market = markets.noisy("investment", 4, periods=20, noise=0.02)
    market.share[0] = [0.0, 0.6, 0.4]
    record = calibrate_market(
        markets.variant("investment"),
        market,
        markets.efforts,
        FitSection(starts=2, residual="share"),
        np.random.SeedSequence(0),
    )
    assert record.status.usable
    assert record.value[record.names.index("initial.firm 0")] < 0.0
