"""The cost of a plan as a quantity of experiments: a closed form, plans made anew, the command."""

import json
from dataclasses import replace

import numpy as np
import pytest
from command_line import beed
from shops import run_shops
from tried_market import STUDY

from pipeline.budgeting.plan_cost import plan_cost
from pipeline.causes.experiment import propose_experiment
from pipeline.config.sections.planning import PlanSettings
from pipeline.errors import PlanError
from pipeline.forecasting.efforts import held_efforts
from pipeline.planning.flight import flight_plan, market_to_plan, plan_market
from pipeline.results.effects.causal_market import read_causal_market
from pipeline.results.experiments.proposals import quantity_slope

PLAN = {"firm": "B", "market": 1, "target": 0.4, "by": "+4", "uncertainty": {"draws": 0}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("costly")


@pytest.fixture(scope="module")
def store(folder):
    return run_shops(folder, STUDY)


@pytest.fixture(scope="module")
def one(store):
    return read_causal_market(store, 1, store.sweep.models[0])


def test_holding_a_share_costs_what_the_closed_form_says(store, one):
    """γ = 0: f of the firm is the odds of the share times f of all others, here by one effort alone."""
    given = PLAN | {"bounds": {"place": [0.02, 0.02], "discount": [0.0, 1.0]}}
    cost = plan_cost(store, given, holding=True)
    settings = PlanSettings.model_validate(given)
    market, total = market_to_plan(store, settings)
    efforts = held_efforts(market, settings.rivals, [False, True, False]).value.mean(axis=1)
    places = [market.names.index(name) for name in ("discount", "place")]

    def exact(theta):
        slopes = theta[places]
        rivals = (slopes @ efforts)[[0, 2]].sum()
        discount = (0.4 / 0.6 * rivals - slopes[1] * 0.02) / slopes[0]
        return 0.4 * total.median.mean() * (discount + 0.02)

    value, slope = quantity_slope(one, cost(one))
    assert value == pytest.approx(exact(one.fit.theta), rel=1e-6)
    assert np.abs(slope).max() > 1e-3 * value
    np.testing.assert_allclose(slope, quantity_slope(one, exact)[1], atol=1e-5 * np.abs(slope).max())


@pytest.mark.parametrize("more", [{}, {"path": "linear"}, {"value_after": 2, "ramps": {"place": 0.02}}])
def test_slopes_are_those_of_plans_made_anew(store, one, more):
    given = PLAN | more
    cost, settings = plan_cost(store, given), PlanSettings.model_validate(given)
    flight = flight_plan(store, settings)
    value, slope = quantity_slope(one, cost(one))
    assert value == pytest.approx(flight.cost, rel=1e-9)
    market, total = market_to_plan(store, settings)
    # The direction that moves it most, a whole standard error to each side, nothing remembered.
    most = int(np.argmax(np.abs(slope)))
    step = one.unknown.steps[:, most]
    anew = [
        plan_market(replace(market.under(theta), theta=theta), settings, total).cost
        for theta in (one.fit.theta + step, one.fit.theta - step)
    ]
    assert slope[most] == pytest.approx(0.5 * (anew[0] - anew[1]), rel=0.02)


def test_a_plan_that_costs_the_least_allowed_knows_its_cost(store, one):
    """All efforts at a floor that is more than enough: the money follows the share and nothing else."""
    given = PLAN | {"target": 0.05, "bounds": {"discount": [0.04, 0.1], "place": [0.04, 0.1]}}
    value, slope = quantity_slope(one, plan_cost(store, given)(one))
    tight, _ = quantity_slope(one, plan_cost(store, given | {"by": "+3"})(one))
    assert 0.0 < tight < value
    assert np.linalg.norm(slope) < 0.05 * value


def test_what_is_no_quantity_is_refused(store):
    with pytest.raises(PlanError, match=r"share of 0.95, cannot be reached within the bounds"):
        plan_cost(store, PLAN | {"target": 0.95})
    cost = plan_cost(store, PLAN, holding=True)
    with pytest.raises(PlanError, match=r"plan in market 1 under .*; got market 2"):
        propose_experiment(store, cost, markets=[2])
    assert (
        plan_cost(store, PLAN | {"probability": 0.9}, holding=True).notes[0].startswith("The chance of 90%")
    )


def test_the_command_takes_a_plan_and_a_stored_one(store, folder, capsys):
    place, target = folder / "store", "share=0.4 by=+6"
    asked = ["experiment", place, "--quantity", "plan", "--firm", "B", "--market", "1", "--target", target]
    code, said, _ = beed(capsys, *asked)
    assert code == 0
    assert "Now: what the plan of B to 0.4 by 66 costs: " in " ".join(said.split())
    rows = json.loads(beed(capsys, *asked, "--format", "json")[1])
    assert [row["shrinks"] for row in rows] == sorted((row["shrinks"] for row in rows), reverse=True)
    assert rows[0]["shrinks"] > 0.01
    assert {row["firm"] for row in rows} == {"B"}
    kept = ["plan", place, "--firm", "B", "--market", "1", "--target", target, "--save", "forty"]
    assert beed(capsys, *kept)[0] == 0
    again = ["experiment", place, "--quantity", "plan", "--plan", "forty"]
    found = json.loads(beed(capsys, *again, "--format", "json")[1])
    assert [row["stderr_now"] for row in found] == pytest.approx([row["stderr_now"] for row in rows])
    for wrong, match in [
        ([*again, "--firm", "B"], "beside firm"),
        (["experiment", place, "--quantity", "elasticity:place", "--target", target], "--quantity plan"),
    ]:
        code, _, complaint = beed(capsys, *wrong)
        assert code == 2
        assert match in complaint
