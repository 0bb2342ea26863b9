"""Ramps, caps, what comes after the deadline, goodwill; lags and cross effects as they are fitted."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from plain_market import plain_market, steady_total

from pipeline.config.sections.planning import PlanSettings
from pipeline.config.terms import Term
from pipeline.errors import PlanError
from pipeline.forecasting.efforts import held_efforts
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.trajectory import simulate_trajectory
from pipeline.planning.controls import make_controls
from pipeline.planning.flight import plan_market
from pipeline.planning.objective import PlanObjective


def plan(market, **given):
    settings = PlanSettings.model_validate({"firm": "A", "uncertainty": {"draws": 0}} | given)
    return plan_market(market, settings, steady_total(market))


def two_firms(**given):
    settings = {"curves": ["sqrt"], "kinds": ["amount"], "theta": np.array([0.5]), "horizon": 6} | given
    return plain_market([0.3, 0.7], [[0.1, 0.3]], **settings)


def simulated(market, own):
    """Shares (H, N) under controls (L, H) of the first firm, rivals as they are."""
    held = held_efforts(market, PlanSettings(firm="A").rivals, [True] + [False] * (market.firms.size - 1))
    efforts = held.value[:, :, 0].copy()
    efforts[: len(own)] = own
    plan = held.with_values(0, efforts)
    total = np.full(market.horizon, 50.0)
    return simulate_trajectory(ForecastResponse(market), plan, total).share


@pytest.mark.parametrize(("path", "ramp"), [("cheapest", 0.05), ("linear", 0.02)])
def test_no_effort_changes_faster_than_its_ramp(path, ramp):
    market, bounds = two_firms(), {"e0": [0, 2]}
    free = plan(market, target=0.36, bounds=bounds, path=path)
    assert np.abs(np.diff(free.plan.own, prepend=0.1)).max() > ramp
    slow = plan(market, target=0.36, bounds=bounds, path=path, ramps={"e0": ramp})
    assert slow.feasible
    assert np.abs(np.diff(slow.plan.own, prepend=0.1)).max() <= ramp * (1 + 1e-6)
    if path == "cheapest":
        assert slow.cost >= free.cost * (1 - 1e-9)
    far = plan(market, target=0.6, bounds=bounds, path=path, ramps={"e0": ramp})
    assert not far.feasible
    # As far as it can go: a step up in every period.
    np.testing.assert_allclose(far.plan.own[0], 0.1 + ramp * np.arange(1, 7), atol=1e-9)
    with pytest.raises(PlanError, match="No course of e0 from its last value"):
        plan(market, target=0.36, bounds={"e0": [1.0, 2]}, ramps={"e0": ramp})


@pytest.mark.parametrize("kind", ["amount", "ratio"])
def test_no_period_costs_more_than_the_cap(kind):
    market, bounds = two_firms(kinds=[kind]), {"e0": [0, 2]}
    free = plan(market, target=0.36, bounds=bounds)
    cap = 0.7 * free.plan.expenses.max()
    capped = plan(market, target=0.36, bounds=bounds, cap=cap)
    assert capped.feasible
    assert capped.plan.expenses.max() <= cap * (1 + 1e-5)
    assert capped.cost >= free.cost * (1 - 1e-9)
    far = plan(market, target=0.9, bounds=bounds, cap=cap)
    assert not far.feasible
    np.testing.assert_allclose(far.plan.expenses, cap, rtol=1e-4)
    with pytest.raises(PlanError, match="cost more than the cap"):
        plan(market, target=0.36, bounds={"e0": [0.1, 2]}, cap=1e-6)


def test_a_target_that_is_held_afterwards_costs_least_in_all():
    market = two_firms(horizon=10)
    found = plan(market, target=0.36, bounds={"e0": [0, 2]}, value_after=4)
    assert found.way == 6
    assert (found.plan.course.share[5:, 0] >= 0.36 - 1e-8).all()
    # In the end holding costs what it costs in the long run.
    assert found.plan.expenses[-1] == pytest.approx(found.holding_target.cost, rel=1e-3)


def test_goodwill_that_is_run_down_is_counted_at_what_restoring_it_costs():
    """A stock g(t) = (1 - δ) u + δ g(t - 1) is restored by (g* - g) δ / (1 - δ) above the steady effort."""
    delta = 0.8
    market = plain_market(
        [0.3, 0.7],
        np.repeat(np.array([[[0.15, 0.2]]]), 40, axis=1),
        theta=np.array([1.0, delta]),
        carry_over=["geometric"],
        kinds=["amount"],
        horizon=8,
    )
    found = plan(market, target=0.4, bounds={"e0": [0, 1]})
    stock = 0.15
    for effort in found.plan.own[0]:
        stock = (1 - delta) * effort + delta * stock
    steady = 0.4 / 0.6 * 0.2
    # What was built up before the plan counts in neither: it is the same for all plans.
    before = delta**8 * (0.15 - steady)
    expected = 50.0 * (steady + before - stock) * delta / (1 - delta)
    assert found.run_down == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_plan_whose_goodwill_counts_is_cheaper_with_what_comes_after():
    """Twenty periods more show which plan was the cheaper one."""
    given = {"theta": np.array([1.0, 0.8]), "carry_over": ["geometric"], "kinds": ["amount"]}
    history = np.repeat(np.array([[[0.09, 0.2]]]), 40, axis=1)
    market = plain_market([0.3, 0.7], history, horizon=6, **given)
    bounds = {"e0": [0, 3]}
    found = plan(market, target=0.4, bounds=bounds)
    blitz = plan(market, target=0.4, bounds=bounds, path="linear")
    costs = []
    for one in (found, blitz):
        later = replace(
            market,
            history=np.concatenate([history, one.plan.course.efforts], axis=1),
            active=np.ones((46, 2), bool),
            past_duration=np.ones(46),
            share=one.plan.course.share[-1],
            **{name: np.ones(20) for name in ("times", "duration", "period")},
        )
        costs.append(one.plan.expenses.sum() + plan(later, bounds=bounds, path="linear").plan.expenses.sum())
    assert costs[0] <= costs[1] * (1 + 1e-6)


def with_terms(gamma=0.5, carry=None):
    """Three firms, two efforts; the first one takes from the next two periods and from the f of rivals."""
    terms = (
        Term("e0.lag1", "e0", 1),
        Term("e0.lag2", "e0", 2),
        Term("e1.own.A", "e1", 0, 0),
        Term("e0.cross.B.A", "e0", 0, 1, 0),
        Term("e0.cross.C.A", "e0", 1, 2, 0),
    )
    rng = np.random.default_rng(7)
    rows = 2 + len(terms)
    theta = [2.0, 0.5] if carry is None else [2.0, 0.6, 0.5]
    market = plain_market(
        [0.2, 0.3, 0.5],
        rng.uniform(0.05, 0.15, (rows, 20, 3)),
        theta=np.array([*theta, -0.5, -0.2, 0.3, -0.2, -0.3]),
        carry_over=None if carry is None else [carry] + ["none"] * (rows - 1),
        gamma=gamma,
        link="exp",
        horizon=5,
    )
    return replace(
        market,
        efforts=market.efforts[:2],
        kinds=market.kinds[:2],
        curves=market.curves[:2],
        domains=market.domains[:2],
        history=market.history[:2],
        terms=terms,
    )


@pytest.mark.parametrize("carry", [None, "geometric"])
def test_gradients_hold_lags_and_effects_on_rivals(carry):
    rng = np.random.default_rng(8)
    market = with_terms(carry=carry)
    objective = PlanObjective(
        ForecastResponse(market),
        make_controls(market, 0, {}, {}),
        rng.uniform(0.05, 0.15, (2, 5, 3)),
        np.full(5, 50.0),
        np.ones(5),
    )
    own = rng.uniform(0.05, 0.15, (2, 5))
    exact = objective.slopes(own)
    for control, period in product(range(2), range(5)):
        step = np.zeros_like(own)
        step[control, period] = 1e-6
        up, down = objective.slopes(own + step), objective.slopes(own - step)
        expected = (up.log_share - down.log_share) / 2e-6
        np.testing.assert_allclose(exact.share_slope[control, :, period], expected, atol=1e-6)
        np.testing.assert_allclose(
            exact.money_slope[control, :, period], (up.money - down.money) / 2e-6, atol=1e-5
        )
        assert exact.cost_slope[control, period] == pytest.approx((up.cost - down.cost) / 2e-6, rel=1e-5)


@pytest.mark.parametrize("path", ["cheapest", "linear"])
def test_plans_with_lags_and_effects_on_rivals_arrive(path):
    market = with_terms()
    found = plan(market, target=0.28, bounds={"e0": [0, 0.6], "e1": [0, 0.6]}, path=path)
    assert found.feasible
    assert simulated(market, found.plan.own)[-1, 0] == pytest.approx(0.28, abs=1e-8)
    far = plan(market, target=0.98, bounds={"e0": [0, 0.6], "e1": [0, 0.6]}, path=path)
    assert not far.feasible
    # No corner of the bounds in single periods comes farther than the nearest share.
    rng = np.random.default_rng(9)
    for _ in range(30):
        corner = rng.choice([0.0, 0.6], (2, 5))
        assert simulated(market, corner)[-1, 0] <= far.plan.reached + 1e-7
