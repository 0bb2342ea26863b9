"""Plans that set prices in currency, and total sales that answer to what is planned."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from plain_market import plain_market, steady_total
from priced_market import priced_market

from pipeline.config.sections.planning import PlanSettings
from pipeline.config.sections.scenario import TotalSection
from pipeline.forecasting.efforts import held_efforts
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.total_sales import market_total
from pipeline.forecasting.trajectory import simulate_trajectory
from pipeline.planning.controls import make_controls
from pipeline.planning.flight import plan_market
from pipeline.planning.objective import PlanObjective

MARGIN = 0.4


def with_money(horizon=6, gamma=0.0, periods=40):
    """Three firms that set prices and spend money, whose total sales have answered to both."""
    market, history = priced_market(periods=periods)
    rng = np.random.default_rng(3)
    spent = rng.uniform(0.05, 0.15, (1, periods, 3))
    both = plain_market(
        [0.2, 0.3, 0.5],
        np.concatenate([market.history, spent]),
        kinds=["index", "ratio"],
        link="exp",
        theta=np.array([-3.0, 2.0]),
        gamma=gamma,
        jump_price=150.0,
        horizon=horizon,
    )
    level = 1.5 * spent[0] - 0.4 * np.log(history) + 0.02 * rng.standard_normal((periods, 1))
    sales = 50.0 * np.exp((both.share * level).sum(axis=1))
    return replace(both, prices=market.prices, past_sales=sales)


def totals(market, kind):
    if kind is None:
        return steady_total(market)
    return market_total(TotalSection(model="response", efforts=kind or None), market)


def plan(market, kind=None, **given):
    settings = {"firm": "A", "margin": MARGIN, "uncertainty": {"draws": 0}} | given
    return plan_market(market, PlanSettings.model_validate(settings), totals(market, kind))


def simulated(market, chosen, kind=None):
    """Simulate controls in units of what firms set, (L, H), of the first firm; rivals as they are."""
    held = held_efforts(market, PlanSettings(firm="A").rivals, [True, False, False])
    efforts = held.value[:, :, 0].copy()
    efforts[: len(chosen)] = chosen
    response = ForecastResponse(market)
    course = totals(market, kind).course(response)
    return simulate_trajectory(response, held.with_values(0, efforts), course)


@pytest.mark.parametrize("kind", [None, ("e1", "e0"), ()])
@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_gradients_hold_prices_and_total_sales_that_answer(kind, gamma):
    rng = np.random.default_rng(8)
    market = with_money(horizon=4, gamma=gamma)
    objective = PlanObjective(
        response := ForecastResponse(market),
        make_controls(market, 0, {}, {}, margin=MARGIN),
        held_efforts(market, PlanSettings(firm="A").rivals, [True, False, False]).value,
        totals(market, kind).course(response),
        np.array([1.0, 0.9, 0.8, 0.7]),
        margin=MARGIN,
    )
    own = np.stack([rng.uniform(-0.2, 0.2, 4), rng.uniform(0.05, 0.15, 4)])
    made = simulated(market, objective.controls.chosen(own), kind)
    share, total = objective.course(own)
    np.testing.assert_allclose(share, made.share, rtol=1e-10)
    np.testing.assert_allclose(total, made.total, rtol=1e-10)
    exact = objective.slopes(own)
    for control, period in product(range(2), range(4)):
        step = np.zeros_like(own)
        step[control, period] = 1e-6
        up, down = objective.slopes(own + step), objective.slopes(own - step)
        for name in ("share_slope", "money_slope", "cost_slope"):
            level = {"share_slope": "log_share", "money_slope": "money", "cost_slope": "cost"}[name]
            change = (getattr(up, level) - getattr(down, level)) / 2e-6
            got = getattr(exact, name)[control, ..., period]
            np.testing.assert_allclose(got, change, rtol=1e-5, atol=1e-6)
        if period == 0:  # the slope by which a path is followed
            at = objective.period_slope(0, market.share, own)[control]
            assert at == pytest.approx((up.log_share[0] - down.log_share[0]) / 2e-6, rel=1e-5)


@pytest.mark.parametrize("kind", [None, ("e1", "e0")])
def test_a_cut_costs_the_margin_that_it_gives_up(kind):
    """Bought at c = 0.6 of the usual price: what is earned on q = X / p units is (p - c) q."""
    market = with_money()
    found = plan(market, kind, target=0.32, bounds={"e1": [0.0, 0.2]})
    assert found.feasible
    price, spent = found.plan.levers
    made = simulated(market, found.plan.levers, kind)
    assert made.share[-1, 0] == pytest.approx(0.32, abs=1e-8)
    sales = made.share[:, 0] * made.total
    cost = (1 - MARGIN) * market.prices[0].usual[0]
    earned = (price - cost) * sales / price - spent * sales
    np.testing.assert_allclose(MARGIN * sales - found.plan.expenses, earned, rtol=1e-9)
    np.testing.assert_allclose(found.plan.given_up, found.plan.expenses - spent * sales, rtol=1e-9)
    # No other course of price and money that comes to the share earns more.
    rng = np.random.default_rng(1)
    for _ in range(30 if kind is None else 6):
        other = found.plan.levers * np.exp(0.1 * rng.standard_normal((2, 6)))
        low, high = 0.5, 2.0
        for _ in range(32):  # all prices moved together until the share is the target
            part = np.sqrt(low * high)
            reached = simulated(market, other * [[part], [1.0]], kind)
            low, high = (part, high) if reached.share[-1, 0] > 0.32 else (low, part)
        tried = other * [[part], [1.0]]
        if (reached.share[:, 0] < min(market.share[0], 0.32)).any() or (tried[1] > 0.2).any():
            continue
        sales = reached.share[:, 0] * reached.total
        assert ((1 - cost / tried[0] - tried[1]) * sales).sum() <= earned.sum() * (1 + 1e-6)


def test_prices_keep_bounds_ramps_and_the_cap():
    market = with_money()
    last = market.prices[0].history[-1, 0]
    free = plan(market, target=0.35, bounds={"e1": [0.0, 0.1]})
    for path in ("cheapest", "linear"):
        slow = plan(
            market, target=0.35, bounds={"e1": [0.0, 0.1], "e0": [1.0, 3.0]}, ramps={"e0": 0.05}, path=path
        )
        assert np.abs(np.diff(slow.plan.levers[0], prepend=last)).max() <= 0.05 * (1 + 1e-5)
    capped = plan(market, target=0.35, bounds={"e1": [0.0, 0.1]}, cap=0.9 * free.plan.expenses.max())
    assert capped.plan.expenses.max() <= 0.9 * free.plan.expenses.max() * (1 + 1e-5)
    floor = plan(market, target=0.9, bounds={"e0": [2.0, 3.0], "e1": [0.0, 0.1]})
    np.testing.assert_allclose(floor.plan.levers[0], 2.0)
    hit = next(one for one in floor.plan.binding if one.effort == "e0")
    assert (hit.side, hit.value) == ("lower", pytest.approx(2.0))


def test_a_share_is_held_by_the_price_that_it_goes_with():
    """At rest shares go with p**beta, whatever the mean, so that the price and what it gives up are known."""
    market, history = priced_market(jump_price=2.0)
    bounds = {"e0": [1.0, 4.0]}
    rivals = (history[-1, 1:] ** -3.0).sum()
    for target in (0.25, 0.4):
        price = (rivals * target / (1 - target)) ** (1 / -3.0)
        found = plan(market, target=target, bounds=bounds)
        usual = history[:, 0].mean()
        expected = (1 - MARGIN) * (usual / price - 1.0) * target * 50.0
        assert found.holding_target.cost == pytest.approx(expected, rel=1e-6)


def test_a_price_is_planned_for_a_chance():
    market, _ = priced_market(jump_price=60.0)
    settings = {"target": 0.4, "bounds": {"e0": [0.5, 4.0]}, "uncertainty": {"draws": 100}}
    plain, sure = plan(market, **settings), plan(market, **settings, probability=0.9)
    assert plain.chance.value < 0.8
    assert sure.chance.value == pytest.approx(0.9, abs=4 * sure.chance.error)
    assert sure.plan.levers[0].mean() < plain.plan.levers[0].mean()
    assert sure.cost > plain.cost


def test_after_the_deadline_the_target_is_held_and_not_what_was_aimed_at():
    market = plain_market([0.3, 0.7], [[0.1, 0.3]], curves=["sqrt"], kinds=["amount"], horizon=9, theta=[0.5])
    market = replace(market, error_covariance=0.01 * np.eye(2), gain=1.0)
    settings = {"target": 0.34, "bounds": {"e0": [0, 2]}, "margin": 0.0, "value_after": 4}
    found = plan(market, **settings, probability=0.9, uncertainty={"draws": 200})
    share = found.plan.course.share[:, 0]
    assert found.chance.value == pytest.approx(0.9, abs=4 * found.chance.error)
    assert share[4] > 0.35
    assert share[5:].min() == pytest.approx(0.34, abs=1e-6)
    assert found.plan.expenses[-1] == pytest.approx(found.holding_target.cost, rel=1e-2)
