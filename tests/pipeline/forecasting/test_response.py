"""f ahead of models with further terms is f as it was calibrated, over past and future together."""

from dataclasses import replace

import numpy as np
import pytest
from plain_market import steady_total
from shops import STUDY, run_shops

from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.planning import PlanSettings
from pipeline.config.terms import response_terms
from pipeline.forecasting.open_market import read_market
from pipeline.forecasting.response import ForecastResponse
from pipeline.games.best_response import best_response
from pipeline.games.setup import set_up_game
from pipeline.models.terms import terms_among
from pipeline.panel.market import market_arrays
from pipeline.planning.flight import flight_plan
from pipeline.results.stored_fit import rebuild_model

RESPONSES = """\
  response:
    - {name: plain, link: exp, discount: linear, place: linear}
    - {name: own, link: exp, discount: linear, place: linear, own: discount}
    - {name: all, link: exp, discount: linear, place: linear, own: [discount, discount.lag1], cross: place,
       lag: {discount: 2}}
  carry_over: none
"""
PRIORS = """\
fit:
  starts: 1
  priors: {discount.own: [0, 1], discount.lag1: [0, 1], discount.lag2: [0, 1], discount.lag1.own: [0, 1],
    place.cross: [0, 1]}
"""


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    text = STUDY
    start = text.index("  response: {name: mixed, discount: linear, place: michaelis_menten}\n  firm")
    text = text[:start] + RESPONSES + "  firm_effects: none\n" + PRIORS + text[text.index("cluster:") :]
    return run_shops(tmp_path_factory.mktemp("shops"), text.replace("markets: 2", "markets: 1"))


@pytest.mark.parametrize("gone", [None, 1])
def test_f_ahead_is_that_of_the_calibrated_model(shops, gone):
    panel = shops.panel()
    arrays = market_arrays(panel, 1)
    if gone is not None:  # a firm leaves before the last periods; what it did counts no more
        arrays.active[40:, gone] = False
        arrays.efforts[:, 40:, gone] = np.nan
    efforts = tuple(map(str, panel["effort"].to_numpy()))
    market = read_market(shops, 1, "investment-all", 6)
    rng = np.random.default_rng(3)
    ahead = rng.uniform(0.0, 0.1, (2, 6, 4))
    problem = rebuild_model(shops, "investment-all", arrays, efforts)
    theta = market.theta + np.where(problem.vary, rng.normal(size=market.theta.size), 0.0)
    present = arrays.active[-1]
    if gone is not None:
        market = replace(
            market,
            firms=arrays.firms[present],
            history=np.where(arrays.active, arrays.efforts, 0.0)[..., present],
            active=arrays.active[:, present],
            share=market.share[present] / market.share[present].sum(),
            terms=terms_among(response_terms(problem.variant.response, arrays.firms.tolist()), present),
        )
    whole = replace(
        arrays,
        times=np.arange(66),
        share=np.vstack([arrays.share, np.tile(arrays.share[-1:], (6, 1))]),
        total_sales=np.ones(66),
        duration=np.ones(66),
        efforts=np.concatenate([arrays.efforts, np.where(present, ahead, np.nan)], axis=1),
        active=np.vstack([arrays.active, np.tile(present, (6, 1))]),
    )
    inputs = problem.prepared(whole)
    expected = problem.response.evaluate(
        theta, np.where(whole.active, inputs.efforts, 0.0), whole.duration, whole.active
    )[-6:, present]
    np.testing.assert_allclose(
        ForecastResponse(market, theta).evaluate(ahead[..., present]), expected, rtol=1e-12
    )


def test_the_slope_counts_a_firms_own_coefficient(shops):
    market = read_market(shops, 1, "investment-own", 3)
    rng = np.random.default_rng(4)
    theta = market.theta + np.concatenate([rng.normal(size=market.theta.size - 2), [0, 0]])
    ahead, efforts = ForecastResponse(market, theta), rng.uniform(0.01, 0.1, (2, 3, 4))
    slope = ahead.slope(efforts)[1]
    assert slope.shape == efforts.shape
    for effort in range(2):
        for firm in range(4):
            moved = efforts.copy()
            moved[effort, :, firm] += 1e-6
            lower = efforts.copy()
            lower[effort, :, firm] -= 1e-6
            difference = (ahead.evaluate(moved) - ahead.evaluate(lower))[:, firm] / 2e-6
            np.testing.assert_allclose(slope[effort, :, firm], difference, rtol=1e-6)


def test_plans_are_made_with_models_whose_efforts_act_on_others(shops):
    settings = PlanSettings(firm="A", by="+4", model="investment-all", uncertainty={"draws": 0})
    start = flight_plan(shops, settings).start
    found = flight_plan(shops, settings.model_copy(update={"target": start + 0.01}))
    assert found.plan.reached == pytest.approx(start + 0.01, abs=1e-7)


def test_games_are_played_with_terms_too(shops):
    """The best response is one: nothing near it pays more."""
    settings = GameSettings(model="investment-all", players=["A"], starts=1, rounds=3)
    market = read_market(shops, 1, "investment-all", 1)
    model, present = set_up_game(market, settings, steady_total(market, 5e7))
    assert not model.has_gradient, "what it does acts on rivals"
    answer = best_response(model, present, 0)
    assert answer.payoff >= model.evaluate(present).payoff[0]
    low, high = model.space.low, model.space.high
    for step in np.eye(len(low)) * (high - low)[:, None] * 0.02:
        for sign in (-1, 1):
            near = present.copy()
            near[:, 0] = np.clip(answer.strategy + sign * step, low, high)
            assert model.evaluate(near).payoff[0] <= answer.payoff * (1 + 1e-9) + 1e-6


def test_lags_are_the_present_in_the_long_run(shops):
    market = read_market(shops, 1, "investment-all", 1).steady()
    twice = replace(market, history=market.history * 2.0)
    efforts = np.full((2, 1, 4), 0.05)
    np.testing.assert_array_equal(
        ForecastResponse(market, market.theta).evaluate(efforts),
        ForecastResponse(twice, market.theta).evaluate(efforts),
    )
