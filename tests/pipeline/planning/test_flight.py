"""Flight plans: the article's sums, plans that arrive when simulated, least cost, bounds that bind."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from plain_market import plain_market, steady_total

from pipeline.config.sections.planning import PlanSettings
from pipeline.errors import PlanError
from pipeline.forecasting.efforts import held_efforts
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.trajectory import simulate_trajectory
from pipeline.planning.controls import make_controls
from pipeline.planning.equation import held_share, investment_against, required_investment
from pipeline.planning.flight import plan_market
from pipeline.planning.investment import split_investment
from pipeline.planning.objective import PlanObjective

MILLION = 1e6


def plan(market, **given):
    settings = PlanSettings.model_validate({"firm": "A", "uncertainty": {"draws": 0}} | given)
    return plan_market(market, settings, steady_total(market))


def test_the_shopping_centre():
    """10 % of 5 million a day are held with 0.5 million; a point of share a day costs M / 100 on top."""
    m = 300 * MILLION
    assert required_investment(0.10, 0.0, 5 * MILLION, m) == 0.5 * MILLION
    assert required_investment(0.10, 0.01, 5 * MILLION, m) == pytest.approx(0.5 * MILLION + m / 100)
    # The same, when the others' 4.5 million are what is known.
    assert investment_against(0.10, 0.0, 4.5 * MILLION, m) == pytest.approx(0.5 * MILLION)
    assert held_share(0.5 * MILLION, 4.5 * MILLION) == pytest.approx(0.10)


def test_the_shopping_centre_by_a_plan():
    """The same sums out of a market of ten shops that each invest a hundredth of 50 million a day."""
    shares = np.full(10, 0.1)
    # f is 1 for each unit of effort; an effort of 0.01 of X_ref is half a million a day.
    centre = plain_market(
        shares, [np.full(10, 0.01)], kinds=["amount"], sales=50 * MILLION, jump_price=300 * MILLION, horizon=5
    )
    hold = plan(centre, bounds={"e0": [0, 0.2]}).hold
    np.testing.assert_allclose(hold.expenses, 0.5 * MILLION, rtol=1e-9)
    np.testing.assert_allclose(hold.investment.own, 0.5 * MILLION, rtol=1e-9)
    np.testing.assert_allclose(hold.investment.all_firms, 5 * MILLION, rtol=1e-9)
    move = plan(centre, target=0.15, path="linear", bounds={"e0": [0, 0.2]}).plan
    # A point a day: M / 100 on top of the share times what all invest.
    np.testing.assert_allclose(move.investment.moving, 3 * MILLION, rtol=1e-7)
    mean = 0.1 + 0.01 * (np.arange(5) + 0.5)
    np.testing.assert_allclose(move.investment.holding, mean * move.investment.all_firms, rtol=1e-3)
    np.testing.assert_allclose(move.expenses, move.investment.own, rtol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("path", ["cheapest", "linear", "logistic"])
def test_simulating_a_plan_forward_hits_the_target(gamma, path):
    rng = np.random.default_rng(3)
    market = plain_market(
        [0.2, 0.3, 0.5],
        rng.uniform(0.02, 0.15, (2, 20, 3)),
        curves=["linear", "michaelis_menten"],
        theta=np.array([2.0, 0.6, 0.3, 0.05]),
        carry_over=["geometric", "none"],
        gamma=gamma,
        horizon=6,
    )
    found = plan(market, target=0.24, path=path)
    assert found.feasible
    held = held_efforts(market, PlanSettings(firm="A").rivals, [True, False, False])
    efforts = held.value[:, :, 0].copy()
    efforts[:] = found.plan.own
    total = np.full(6, 50.0)
    again = simulate_trajectory(ForecastResponse(market), held.with_values(0, efforts), total)
    assert again.share[-1, 0] == pytest.approx(0.24, abs=1e-8)
    assert found.hold.reached == pytest.approx(0.2, abs=1e-8)
    if path == "linear":
        np.testing.assert_allclose(again.share[:, 0], 0.2 + 0.04 * (np.arange(6) + 1) / 6, atol=1e-8)
    if path == "logistic":
        odds = np.diff(np.log(again.share[:, 0] / (1 - again.share[:, 0])))
        np.testing.assert_allclose(odds, odds[0], atol=1e-6)
    if path == "cheapest":
        assert (again.share[:, 0] >= 0.2 - 1e-6).all()


def test_investment_adds_up_to_the_equation():
    """∫ inv_i = ∫ share_i Σ inv + M Δshare, with moments of shares by a fine simulation."""
    rng = np.random.default_rng(4)
    market = plain_market([0.2, 0.3, 0.5], rng.uniform(0.1, 0.5, (1, 3)), gamma=0.5, horizon=3)
    f = rng.uniform(0.1, 0.5, (3, 3))
    found = split_investment(market, market.theta, f, np.full(3, 40.0), 0)
    fine = 4000
    many = replace(market, duration=np.full(3 * fine, 1 / fine), times=np.arange(3 * fine))
    share = market.equation(market.theta).shares(
        many.share, np.repeat(f, fine, axis=0), np.full(3 * fine, 40.0), many.duration
    )
    share = np.concatenate([[market.share], share])
    middle = 0.5 * (share[1:] + share[:-1])
    invested = np.repeat(f, fine, axis=0) * np.sqrt(middle * 40.0) * np.sqrt(50.0)
    own = invested[:, 0].reshape(3, fine).mean(axis=1)
    held = (middle[:, 0] * invested.sum(axis=1)).reshape(3, fine).mean(axis=1)
    np.testing.assert_allclose(found.own, own, rtol=1e-6)
    np.testing.assert_allclose(found.holding, held, rtol=1e-5)
    np.testing.assert_allclose(found.own, found.holding + found.moving, rtol=1e-12)


def test_the_cheapest_path_is_not_beaten_by_a_search():
    """Two periods, one effort: the cost along the target is a function of one number."""
    market = plain_market([0.3, 0.7], [[0.1, 0.2]], curves=["sqrt"], kinds=["amount"], horizon=2)
    found = plan(market, target=0.45, keep=False, bounds={"e0": [0.0, 2.0]})
    costs = []
    for first in np.linspace(0.0, 1.0, 51):
        bounds = {"e0": [[first, 0.0], [first + 1e-12, 2.0]]}
        one = plan(market, target=0.45, path="linear", bounds=bounds)
        if one.feasible:
            costs.append(one.cost)
    assert found.cost <= min(costs) * (1 + 1e-6)
    assert found.cost == pytest.approx(min(costs), rel=1e-3)


def test_efforts_of_a_period_are_the_cheapest():
    """Marginal f per unit of money is the same for all efforts inside their bounds."""
    market = plain_market(
        [0.3, 0.7],
        [[0.1, 0.2], [0.1, 0.2]],
        curves=["sqrt", "michaelis_menten"],
        theta=np.array([0.5, 1.0, 0.1]),
        kinds=["amount", "amount"],
        horizon=4,
    )
    found = plan(market, target=0.4, path="linear", bounds={"e0": [0, 2], "e1": [0, 2]})
    u, v = found.plan.own
    np.testing.assert_allclose(0.25 / np.sqrt(u), 0.1 / (0.1 + v) ** 2, rtol=1e-5)


def test_gradients_of_the_cheapest_path_are_differences():
    rng = np.random.default_rng(5)
    for gamma, carry in product((0.0, 0.6, 1.0), ("none", "delayed")):
        theta = [1.5, 0.4, 1.0] if carry == "delayed" else [1.5]
        market = plain_market(
            [0.2, 0.3, 0.5],
            rng.uniform(0.02, 0.15, (2, 20, 3)),
            curves=["linear", "sqrt"],
            theta=np.array([*theta, 0.7]),
            carry_over=[carry, "none"],
            gamma=gamma,
            horizon=4,
        )
        controls = make_controls(market, 1, {}, {})
        efforts = rng.uniform(0.05, 0.1, (2, 4, 3))
        discount = np.array([1.0, 0.9, 0.8, 0.7])
        objective = PlanObjective(
            ForecastResponse(market), controls, efforts, np.full(4, 50.0), discount, 0.1
        )
        own = rng.uniform(0.05, 0.1, (2, 4))
        exact = objective.slopes(own)
        for control, period in product(range(2), range(4)):
            step = np.zeros_like(own)
            step[control, period] = 1e-6
            up, down = objective.slopes(own + step), objective.slopes(own - step)
            assert exact.cost_slope[control, period] == pytest.approx((up.cost - down.cost) / 2e-6, rel=1e-5)
            np.testing.assert_allclose(
                exact.share_slope[control, :, period], (up.log_share - down.log_share) / 2e-6, atol=1e-6
            )


def test_what_cannot_be_reached_is_answered_with_the_nearest():
    market = plain_market([0.3, 0.7], [[0.1, 0.2], [0.1, 0.1]], kinds=["amount", "amount"], horizon=5)
    found = plan(market, target=0.9, bounds={"e0": [0, 0.4], "e1": [0.1, 0.1]})
    assert not found.feasible
    assert [(hit.effort, hit.side, hit.value) for hit in found.plan.binding] == [("e0", "upper", 0.4)]
    # Everything at its bound: f = 0.5 against 0.3, from 0.3.
    expected = 0.625 + (0.3 - 0.625) * np.exp(-0.8 * 5)
    assert found.plan.reached == pytest.approx(expected, rel=1e-12)
    # Less than comes with the least there is to spend: a path that is asked for cannot be followed.
    down = plan(market, target=0.01, path="linear", bounds={"e0": [0.05, 0.4], "e1": [0.1, 0.1]})
    assert [(hit.effort, hit.side) for hit in down.plan.binding] == [("e0", "lower")]


@pytest.mark.parametrize("kind", ["match", "rule", "hold_budget"])
def test_plans_arrive_also_when_rivals_react(kind):
    rng = np.random.default_rng(6)
    market = plain_market([0.2, 0.3, 0.5], rng.uniform(0.02, 0.15, (1, 20, 3)), horizon=4)
    found = plan(market, target=0.24, path="linear", rivals={"kind": kind}, bounds={"e0": [0, 0.9]})
    assert found.feasible
    assert found.plan.reached == pytest.approx(0.24, abs=1e-8)
    still = plan(market, target=0.24, path="linear", bounds={"e0": [0, 0.9]})
    # Rivals whose money stays put lose sales, so their ratios rise: then more is needed.
    assert found.cost != pytest.approx(still.cost, rel=1e-6)


def test_the_share_that_a_budget_holds():
    """f = E / X_ref: the share is E / ΣE; where effort is a ratio, share / (1 - share) = E / share X / Σf."""
    market = plain_market([0.3, 0.7], [[0.1, 0.2]], kinds=["amount"], horizon=3)
    found = plan(market, budget=15.0, bounds={"e0": [0, 1]})
    assert found.budget_share == pytest.approx(0.3 / 0.5, rel=1e-9)
    market = plain_market([0.3, 0.7], [[0.1, 0.2]], horizon=3)
    share = plan(market, budget=10.0, bounds={"e0": [0, 5]}).budget_share
    assert share / (1 - share) == pytest.approx(10.0 / (share * 50.0) / 0.2, rel=1e-8)


def test_chance_is_a_half_when_the_other_firms_are_as_uncertain_as_oneself():
    """The plan arrives at the estimates; a coefficient that only helps makes the chance its own."""
    spread = np.zeros((4, 4))
    spread[0, 0] = 0.1**2
    market = plain_market(
        [0.3, 0.7],
        [[0.1, 0.0], [0.0, 0.2]],
        beta=[1.0, 1.0],
        kinds=["amount", "amount"],
        horizon=5,
        covariance=spread,
    )
    settings = {
        "target": 0.4,
        "path": "linear",
        "bounds": {"e0": [0, 2], "e1": [0, 0]},
        "uncertainty": {"draws": 400, "efforts": False},
    }
    found = plan(market, **settings)
    # Only A uses e0, so A arrives where its coefficient is at least the estimate: half of the draws.
    assert found.chance.value == pytest.approx(0.5, abs=0.08)
    sure = plan(replace(market, covariance=np.zeros((4, 4))), **settings)
    assert sure.chance.value == 1.0


def test_index_efforts_need_a_price():
    market = plain_market([0.3, 0.7], [[0.1, 0.2]], kinds=["index"])
    with pytest.raises(PlanError, match=r"nothing to change.*--price e0="):
        plan(market, target=0.4)
    with pytest.raises(PlanError, match="e0, an effort of kind index"):
        plan(market, target=0.4, bounds={"e0": [0, 1]})
    found = plan(market, target=0.4, bounds={"e0": [0, 1]}, prices={"e0": 7.0})
    np.testing.assert_allclose(found.plan.expenses, 7.0 * found.plan.own[0], rtol=1e-12)


def test_too_many_unknowns_are_refused_before_work():
    market = plain_market([0.3, 0.7], [[0.1, 0.2]], kinds=["amount"], horizon=700)
    with pytest.raises(PlanError, match="700 unknowns"):
        plan(market, target=0.35, bounds={"e0": [0, 1]})


def test_a_share_that_comes_by_itself_is_held_by_the_least_there_is_to_spend():
    """Far above its share already, the firm need not pay for losing what it would gain."""
    market = plain_market([0.3, 0.7], [[0.2, 0.1], [0.1, 0.1]], horizon=6)
    bounds = {"e0": [0.2, 0.4], "e1": [0.0, 0.4]}
    hold = plan(market, bounds=bounds).hold
    np.testing.assert_array_equal(hold.own, [[0.2] * 6, [0.0] * 6])
    assert not hold.binding
    assert hold.reached > 0.3
    found = plan(market, target=0.31, bounds=bounds)
    assert found.feasible
    np.testing.assert_array_equal(found.plan.own, hold.own)
    # A path that is asked for is followed, whatever it costs.
    along = plan(market, target=0.31, bounds=bounds | {"e0": [0.0, 0.4]}, path="linear")
    assert along.plan.reached == pytest.approx(0.31, abs=1e-8)


def test_efforts_at_a_bound_are_at_it():
    market = plain_market([0.3, 0.7], [[0.2, 0.1], [0.1, 0.1]], beta=[1.0, 0.2], horizon=4)
    own = plan(market, target=0.4, bounds={"e0": [0, 0.5], "e1": [0, 0.5]}).plan.own
    assert not ((own > 0) & (own < 1e-10)).any()
