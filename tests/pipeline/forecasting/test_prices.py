"""Prices that firms set in currency: indices that move with them, what they do and what they cost."""

from dataclasses import replace

import numpy as np
import pytest
from ahead import scenario
from plain_market import steady_total
from priced_market import RELATIVE, price_index, priced_market, with_money

from pipeline.config.sections.data import EffortSection
from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.planning import PlanSettings
from pipeline.config.sections.scenario import RivalsSection, TotalSection
from pipeline.errors import PlanError, QueryError
from pipeline.forecasting.efforts import held_efforts, plan_efforts, varied_plans
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.total_sales import market_total
from pipeline.forecasting.trajectory import simulate_trajectory
from pipeline.games.game import play_market
from pipeline.planning.flight import plan_market
from pipeline.results.prices.margin import margin_at


@pytest.mark.parametrize(
    "formula",
    [
        None,
        RELATIVE,
        "price / market_mean(price) - 1",
        "log(price) - market_mean(log(price))",
        "price**2 / market_mean(price * market_mean(price)) + 0.1 * price",
    ],
)
def test_the_slope_of_an_index_is_its_difference_quotient(formula):
    rng = np.random.default_rng(1)
    prices = rng.uniform(1.0, 3.0, (2, 4))
    index = price_index(prices, formula)
    slope = index.slope(prices)
    assert slope.shape == (2, 4, 4)
    for firm in range(4):
        step = np.zeros((2, 4))
        step[:, firm] = 1e-6
        change = (index.index(prices + step) - index.index(prices - step)) / 2e-6
        np.testing.assert_allclose(slope[:, :, firm], change, rtol=1e-6, atol=1e-8)


def test_every_rival_answers_to_a_price_through_the_mean():
    market, history = priced_market(jump_price=2.0)
    plan = plan_efforts(scenario(horizon=10, firms={"A": {"e0": {"value": 1.5}}}), market)
    made = simulate_trajectory(ForecastResponse(market), plan, np.full(10, 50.0))
    prices = np.array([1.5, *history[-1, 1:]])
    np.testing.assert_allclose(made.chosen[0, 0], prices)
    np.testing.assert_allclose(made.efforts[0, 0], np.log(prices / prices.mean()))
    # At rest shares are p**beta, as an own calculation has it.
    np.testing.assert_allclose(made.share[-1], prices**-3.0 / (prices**-3.0).sum(), rtol=1e-4)
    factor = plan_efforts(scenario(horizon=10, firms={"B": {"e0": {"factor": 0.9}}}), market)
    np.testing.assert_allclose(factor.value[0, :, 1], 0.9 * history[-1, 1])
    with pytest.raises(QueryError, match="comes to a price of -1 in market centre; expected prices above 0"):
        plan_efforts(scenario(horizon=10, firms={"A": {"e0": {"value": -1.0}}}), market)


def test_rivals_and_draws_are_in_currency():
    market, history = priced_market()
    match = plan_efforts(
        scenario(horizon=10, firms={"A": {"e0": {"add": -0.2}}}, rivals={"kind": "match"}), market
    )
    chosen = match.chosen(np.full((10, 3), 1 / 3), np.full(10, 50.0))
    np.testing.assert_allclose(chosen[0, 0], history[-1] - 0.2)
    held = held_efforts(market, RivalsSection(), [False] * 3)
    drawn = varied_plans(held, market, RivalsSection(), 5, np.random.default_rng(1))
    assert {float(p) for one in drawn for p in one.value.ravel()} <= set(history.ravel().tolist())


def test_the_margin_of_a_price():
    """Bought at 1.2, sold at 2: 40 %. Half the price, 1: a fifth is lost on each."""
    assert margin_at(2.0, 2.0, 0.4) == pytest.approx(0.4)
    assert margin_at(1.2, 2.0, 0.4) == pytest.approx(0.0)
    assert margin_at(1.0, 2.0, 0.4) == pytest.approx(-0.2)


def test_prices_in_equilibrium_are_those_of_the_first_order_condition():
    """Equal firms: (1 - c/p) share with share = p**beta / sum, so b (1 - 1/N) = (c/p) / (1 - c/p).

    Because d log(1 - c/p)/d log p = (c/p) / (1 - c/p), and d log share/d log p = beta (1 - share).
    """
    for firms, beta in ((3, -3.0), (2, -4.0)):
        market, _ = priced_market(beta, firms)
        level = np.full_like(market.prices[0].history, 2.0)
        market = replace(market, prices=(replace(market.prices[0], history=level),))
        settings = GameSettings.model_validate({"margin": 0.4, "starts": 2, "bounds": {"e0": [0.5, 9.0]}})
        game = play_market(market, settings, steady_total(market))
        best, push = game.equilibria[0], -beta * (1.0 - 1.0 / firms)
        assert best.converged
        ratio = push / (1.0 + push)  # c / p
        np.testing.assert_allclose(best.strategies[0], 1.2 / ratio, rtol=1e-4)
        np.testing.assert_allclose(best.outcome.payoff, 50.0 / firms * (1.0 - ratio), rtol=1e-4)
        assert (best.at_bound == 0).all()
        assert game.levers == ("e0",)
        np.testing.assert_allclose(game.outcome.payoff, 50.0 / firms * 0.4)


def test_prices_are_a_strategy_beside_budgets():
    market, history = priced_market()
    both = with_money(market, 0.5)
    game = play_market(both, GameSettings(margin=0.4, starts=1), steady_total(both))
    assert game.levers == ("e1", "e0")
    np.testing.assert_allclose(game.present[1], history[-1])
    # What is spent is the amounts alone; prices are paid for by the margin.
    np.testing.assert_allclose(game.outcome.expenses, 0.1 * 50.0)
    usual = history.mean(axis=0)
    sales = 50.0 * game.outcome.share
    np.testing.assert_allclose(
        game.outcome.payoff, (1 - 0.6 * usual / history[-1]) * sales - 0.1 * 50.0, rtol=1e-9
    )


def test_indices_of_prices_have_no_cost_per_unit():
    market, _ = priced_market()
    total = steady_total(market)
    with pytest.raises(PlanError, match="Firms set the price behind e0: a cut costs the margin given up"):
        plan_market(market, PlanSettings(firm="A", prices={"e0": 1.0}), total)
    with pytest.raises(
        PlanError, match=r"say which part of sales is earned, e\.g\. --margin 0\.3, and it is planned"
    ):
        plan_market(market, PlanSettings(firm="A"), total)
    with pytest.raises(PlanError, match="Firms set the price behind e0: a cut costs the margin given up"):
        plan_market(market, PlanSettings(firm="A", bounds={"e0": (1.0, 2.0)}), total)
    with pytest.raises(PlanError, match="Got 0 as the lowest price"):
        plan_market(market, PlanSettings(firm="A", margin=0.3, bounds={"e0": (0.0, 2.0)}), total)
    unsaid = replace(market, prices=(), unpriced=("e0",))
    with pytest.raises(PlanError, match=r"e0 is an index of prices.*role: price"):
        plan_market(unsaid, PlanSettings(firm="A", prices={"e0": 1.0}), total)
    with pytest.raises(PlanError, match=r"e0 is an index of prices.*role: price"):
        play_market(unsaid, GameSettings(prices={"e0": 1.0}), total)
    with pytest.raises(PlanError, match="Got 0 as the lowest price"):
        play_market(market, GameSettings(bounds={"e0": (0.0, 3.0)}), total)


def test_total_sales_answer_to_the_level_of_prices():
    """A relative price says nothing of what the whole market pays; the price behind it does."""
    market, history = priced_market(periods=60)
    level = np.exp(0.1 * np.random.default_rng(3).standard_normal(60))[:, None]
    prices = history * level
    before = np.full((60, 3), 1 / 3)
    sales = 50.0 * np.exp(-0.8 * (before * np.log(prices)).sum(axis=1))
    market = replace(market, prices=(replace(market.prices[0], history=prices),), past_sales=sales)
    answer = market_total(TotalSection(model="response", efforts=("e0",)), market).answer
    assert answer.coefficient[0] / answer.pressure.scale[0] == pytest.approx(-0.8, rel=1e-6)


def test_a_role_says_what_firms_set():
    section = EffortSection(column="price", role="price", formula=RELATIVE)
    assert section.column == "price"
    assert "role" not in EffortSection(column="price").model_dump(), "hashes of other studies stay"
    with pytest.raises(ValueError, match="the column of the price beside the formula"):
        EffortSection(role="price", formula=RELATIVE)
    with pytest.raises(ValueError, match="the role price with the kind ratio"):
        EffortSection(column="price", role="price", kind="ratio")
    with pytest.raises(ValueError, match="one of the two"):
        EffortSection(column="price", formula=RELATIVE)
