"""Efforts that no plan fixes vary in the bands of a forecast as they did in the past."""

import numpy as np
from ahead import random_market, scenario
from plain_market import plain_market

from pipeline.config.sections.scenario import RivalsSection
from pipeline.forecasting.efforts import plan_efforts, varied_plans
from pipeline.forecasting.scenario import forecast


def test_bands_hold_how_open_efforts_vary_and_nothing_of_planned_ones(shops):
    alone = {"draws": 60, "parameters": False, "total_sales": False, "noise": False}
    every = {firm: {"discount": 0.05, "place": 0.05} for firm in "ABCD"}

    def spread(plans, **uncertainty):
        made = forecast(shops, scenario(markets=[1], firms=plans, uncertainty=alone | uncertainty)).markets[0]
        return made.share_quantile[-1] - made.share_quantile[0]

    assert spread({}).min() > 1e-3
    assert spread({}, efforts=False).max() < 1e-12
    assert spread(every).max() < 1e-12
    most = {firm: every[firm] for firm in "BCD"}
    assert 0.0 < spread(most).mean() < spread({}).mean()


def test_rivals_deviate_from_their_rule_as_they_did():
    rng = np.random.default_rng(6)
    history = np.empty((1, 300, 2))
    history[0, 0] = 0.1
    for t in range(1, 300):
        history[0, t, 0] = rng.uniform(0.05, 0.2)
        history[0, t, 1] = (
            0.02 + 0.5 * history[0, t - 1, 1] + 0.3 * history[0, t - 1, 0] + rng.normal(0, 0.01)
        )
    market = plain_market([0.4, 0.6], history, horizon=4)
    rivals = RivalsSection(kind="rule")
    plan = plan_efforts(scenario(firms={"A": {"e0": 0.1}}, rivals={"kind": "rule"}), market)
    plans = varied_plans(plan, market, rivals, 800, np.random.default_rng(7))
    share, total = np.tile(market.share, (4, 1)), np.full(4, 50.0)
    drawn = np.array([one.efforts(share, total)[0] for one in plans])
    np.testing.assert_array_equal(drawn[:, :, 0], 0.1)
    np.testing.assert_allclose(drawn[:, 0, 1].std(), 0.01, rtol=0.15)
    np.testing.assert_allclose(drawn[:, 3, 1].std(), 0.01 * np.sqrt((1 - 0.25**4) / (1 - 0.25)), rtol=0.15)
    np.testing.assert_allclose(drawn[..., 1].mean(axis=0), plan.efforts(share, total)[0, :, 1], atol=2e-3)


def test_held_money_varies_as_the_ratio_that_it_buys():
    market = random_market()
    plan = plan_efforts(scenario(firms={"A": {"e0": 0.1}}, rivals={"kind": "hold_budget"}), market)
    plans = varied_plans(plan, market, RivalsSection(kind="hold_budget"), 50, np.random.default_rng(8))
    money = np.array([one.budget for one in plans])
    np.testing.assert_array_equal(np.isnan(money[:, 0, :, 0]), True)
    spent = market.share * market.past_sales[-1]
    ratio = money[:, :, :, 1] / spent[1]
    assert np.isin(np.round(ratio[:, 0], 12), np.round(market.history[0], 12)).all(), (
        "as firms were seen to do"
    )
    assert ratio.std() > 0.01
