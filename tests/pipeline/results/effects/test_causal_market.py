"""Intervals of elasticities: the delta method, bootstrap replicates and a formula agree."""

from dataclasses import replace

import numpy as np
import pytest
from effects_market import EFFORTS, GAMMA, KINDS, market_of, model_of
from priced_market import price_index

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.errors import QueryError
from pipeline.fitting.calibrate import calibrate_market
from pipeline.models.composing.build import build_model
from pipeline.models.effects.delta import Directions, principal_directions
from pipeline.models.effects.market_course import prolonged
from pipeline.models.one_step import expected_ahead, modelled_shares
from pipeline.models.parameter_spread import principal_steps
from pipeline.models.priors import prior_of, with_weak_beliefs
from pipeline.results.effects import returns
from pipeline.results.effects.causal_market import CausalMarket
from pipeline.results.effects.elasticities import IMPACT, LONG_RUN, effects_of_market
from pipeline.results.stored_fit import StoredFit

LINEAR = ("ratio", "ratio")


@pytest.fixture(scope="module")
def fitted(markets):
    """A market fitted with replicates, as a store would give it back."""
    variant, fit = markets.variant("investment"), FitSection(gain=0.0, starts=2)
    market = markets.noisy("investment", 3, periods=40, noise=0.02)
    record = calibrate_market(
        variant,
        market,
        markets.efforts,
        fit,
        np.random.SeedSequence(1),
        uncertainty=UncertaintySection(bootstrap=120, intervals=("covariance",)),
    )
    problem = build_model(variant, market, markets.efforts, fit, {})
    order = [record.names.index(name) for name in problem.names]
    stderr = np.nan_to_num(record.stderr[order])
    covariance = np.nan_to_num(record.correlation[np.ix_(order, order)]) * np.outer(stderr, stderr)
    stored = StoredFit(None, market, markets.efforts, problem, record.value[order], covariance)
    replicates = record.uncertainty.replicate[:, order]
    directions = Directions(principal_steps(covariance), np.zeros((len(order), 0)))
    return CausalMarket(1, variant.name, stored, LINEAR, ("1", "1"), "estimated", directions, replicates)


def test_the_delta_method_and_replicates_agree(fitted):
    asked = (fitted, (IMPACT, LONG_RUN), None)
    by_delta, by_replicates = (effects_of_market(*asked, by=by) for by in ("delta", "replicates"))
    np.testing.assert_array_equal(by_delta.value, by_replicates.value)
    assert effects_of_market(*asked).by == "replicates"
    ratio = by_replicates.stderr / by_delta.stderr
    # 120 replicates give a standard error to 6.5 %.
    assert np.median(ratio) == pytest.approx(1.0, abs=0.2)
    assert ratio.min() > 0.6
    assert ratio.max() < 1.6
    half = by_delta.high - by_delta.value
    np.testing.assert_allclose(half, 1.959963984540054 * by_delta.stderr)
    inside = (by_replicates.low < by_delta.value) & (by_delta.value < by_replicates.high)
    assert inside.mean() > 0.9


def test_refusals(fitted):
    with pytest.raises(QueryError, match=r"at most 39\. Ask for one date"):
        effects_of_market(fitted, (40,), None)
    few = CausalMarket(**{**vars(fitted), "replicates": fitted.replicates[:3]})
    with pytest.raises(QueryError, match="has 3 bootstrap replicates; intervals take 20"):
        effects_of_market(few, (IMPACT,), None, by="replicates")
    assert effects_of_market(few, (IMPACT,), None).by == "delta"
    assert np.isnan(effects_of_market(few, (IMPACT,), None, by="none").low).all()


def test_what_is_known_of_elasticities_does_not_depend_on_a_ridge_of_parameters():
    """Where shares adjust within a period, slopes and γ trade off: both forms are one static model."""
    market, found = market_of(), {}
    market = replace(market, efforts=0.3 * market.efforts)
    for form in ("investment", "scaled"):
        model, theta = model_of(form, market, rho=0.0)
        gamma = GAMMA[form]
        for place, name in enumerate(model.names):
            if name.startswith(("price", "money", "constant")):
                theta[place] *= 1.0 - gamma
        theta[model.names.index("jump_price")] *= 1e-3
        prior = with_weak_beliefs(prior_of(model.names, {}), model.names, model.start, model.vary)
        unknown = np.where(np.outer(model.vary, model.vary), np.nan, 0.0)
        directions = principal_directions(model, theta, unknown, prior)
        stored = StoredFit(None, market, EFFORTS, model, theta, unknown)
        none = np.empty((0, theta.size))
        one = CausalMarket(1, form, stored, KINDS, ("1", "1"), "estimated", directions, none)
        found[form] = effects_of_market(one, (IMPACT, LONG_RUN), None)
    np.testing.assert_allclose(found["scaled"].value, found["investment"].value, atol=1e-6)
    np.testing.assert_allclose(found["scaled"].stderr, found["investment"].stderr, rtol=0.03)
    assert (found["investment"].stderr > 1e-3).all()


def test_the_return_curve_of_a_price_is_paid_by_the_margin(monkeypatch):
    """Sales at a price by an own forecast; money is (1 - m) (p0 / p - 1) of them; both by differences."""
    market, step = market_of(), 1e-4
    prices = np.exp(market.efforts[0])
    indexed = lambda prices: np.log(prices / prices.mean(axis=1, keepdims=True))  # noqa: E731
    market = replace(market, efforts=np.stack([indexed(prices), market.efforts[1]]))
    model, theta = model_of("scaled", market)
    nothing = Directions(np.zeros((theta.size, 0)), np.zeros((theta.size, 0)))
    fit = StoredFit(None, market, EFFORTS, model, theta, np.zeros((theta.size, theta.size)))
    one = CausalMarket(
        1, "scaled", fit, KINDS, ("1", "1"), "estimated", nothing, np.empty((0, theta.size)),
        prices=(price_index(prices),),
    )  # fmt: skip
    monkeypatch.setattr(returns, "LEVELS", np.array([0.8, 1.0 - step, 1.0, 1.0 + step]))
    (curve,) = returns.return_curves(
        one, 4, prices={}, firms=[1], efforts=[0], margin=0.4, level=0.95, by="none"
    )
    money, sales, share, marginal = curve.found.value
    longer = prolonged(market, 4)
    moved = np.concatenate([prices, np.repeat(prices[-1:], 4, axis=0)])
    moved[30:, 1] *= 0.8
    changed = replace(longer, efforts=np.stack([indexed(moved), longer.efforts[1]]))
    seen = modelled_shares(model, theta, changed, "estimated")
    assert share[0] == pytest.approx(expected_ahead(model, theta, changed, seen, 30)[3, 1], rel=1e-9)
    assert sales[0] == pytest.approx(share[0] * market.total_sales[-1])
    paid = 0.6 * (prices[:, 1].mean() / (0.8 * prices[-1, 1]) - 1.0) * sales[0]
    assert money[0] == pytest.approx(paid, rel=1e-12)
    assert marginal[2] == pytest.approx((sales[3] - sales[1]) / (money[3] - money[1]), rel=1e-5)
    assert returns.return_curves(one, 4, prices={}, firms=[1], efforts=[0], level=0.95, by="none") == ()
    assert "--margin 0.3" in str(returns.refuse_without_curves(one))
