"""What a share costs in the long run, shares kept on the way, and bounds of what a firm was seen to do."""

import numpy as np
import pytest
from plain_market import plain_market, steady_total

from pipeline.config.sections.planning import PlanSettings
from pipeline.forecasting.response import ForecastResponse
from pipeline.planning.flight import plan_market


def plan(market, **given):
    settings = PlanSettings.model_validate({"firm": "A", "uncertainty": {"draws": 0}} | given)
    return plan_market(market, settings, steady_total(market))


@pytest.mark.parametrize("below", [1e-9, 1e-4, 0.01])
def test_a_target_below_the_present_share_keeps_that_target_on_the_way(below):
    """A hair below the present share: the plan keeps the share, it does not lose it and win it back."""
    market = plain_market([0.3, 0.7], [[0.13, 0.3]], kinds=["amount"], horizon=12)
    found = plan(market, target=0.3 - below, bounds={"e0": [0, 1]})
    assert found.feasible
    assert found.plan.course.share[:, 0].min() >= 0.3 - below - 1e-6
    if below < 0.01:
        hold = plan(market, bounds={"e0": [0, 1]})
        assert found.cost == pytest.approx(hold.cost, rel=1e-3)


def test_holding_costs_what_the_share_costs_once_carry_over_has_settled():
    """A goodwill of half-life 2 that was built up before makes the next periods cheap, not the share."""
    market = plain_market(
        [0.3, 0.7],
        np.concatenate([np.full((1, 12, 1), 0.4), np.full((1, 12, 1), 0.2)], axis=2),
        theta=np.array([1.0, 0.7]),
        carry_over=["geometric"],
        kinds=["amount"],
        horizon=5,
    )
    found = plan(market, bounds={"e0": [0, 1]})
    # f_A / (f_A + f_B) = 0.3 with f = E / X_ref and X_ref = 50: 0.3 / 0.7 of 0.2, times 50.
    assert found.holding.cost == pytest.approx(0.3 / 0.7 * 0.2 * 50.0, rel=1e-9)
    assert found.hold.expenses.mean() < 0.9 * found.holding.cost
    # Held for ever, by simulation: the share stays.
    long = plain_market(
        [0.3, 0.7], np.full((1, 40, 2), [0.3 / 0.7 * 0.2, 0.2]), theta=np.array([1.0, 0.7]),
        carry_over=["geometric"], kinds=["amount"], horizon=30,
    )  # fmt: skip
    f = ForecastResponse(long).evaluate(np.repeat(long.history[:, -1:], 30, axis=1))
    share = long.equation(long.theta).shares(long.share, f, np.full(30, 50.0), long.duration)
    np.testing.assert_allclose(share[:, 0], 0.3, atol=1e-9)


@pytest.mark.parametrize("gamma", [0.5])
def test_holding_a_share_of_a_budget_is_the_budget(gamma):
    """What holds a share, and the share that money holds, are inverse to each other."""
    rng = np.random.default_rng(2)
    market = plain_market(
        [0.2, 0.3, 0.5],
        rng.uniform(0.05, 0.15, (2, 20, 3)),
        curves=["sqrt", "michaelis_menten"],
        theta=np.array([0.5, 0.6, 0.05]),
        gamma=gamma,
    )
    bounds = {"e0": [0.0, 0.9], "e1": [0.0, 0.9]}
    cost = plan(market, target=0.25, bounds=bounds).holding_target.cost
    assert plan(market, budget=cost, bounds=bounds).budget_share == pytest.approx(0.25, rel=1e-4)


def test_bounds_are_what_the_firm_itself_was_seen_to_do_widened():
    history = np.zeros((2, 12, 2))
    history[0] = [[0.1, 0.9]]
    history[0, 3, 0] = 0.2
    history[1] = np.linspace(1.0, 3.0, 12)[:, None] * [1.0, 5.0]
    market = plain_market([0.3, 0.7], history, kinds=["amount", "index"], horizon=3, beta=[1.0, 0.01])
    found = plan(market, target=0.9, prices={"e1": 1.0})
    assert not found.feasible
    np.testing.assert_allclose(found.plan.own, [[0.3] * 3, [3.5] * 3])
    assert (found.widened, found.widen) == (("e0", "e1"), 1.5)
    np.testing.assert_allclose(plan(market, target=0.9, prices={"e1": 1.0}, widen=1).plan.own[0], 0.2)
    assert plan(market, target=0.9, prices={"e1": 1.0}, bounds={"e0": [0, 9], "e1": [0, 1]}).widened == ()
