"""Tests that are proposed: how precisely they measure, and whether they tell what they promise."""

import json

import numpy as np
import pytest
from command_line import beed
from effects_market import market_of, model_of
from shops import run_shops

from pipeline.causes.experiment import ExperimentSettings, propose_experiment
from pipeline.errors import QueryError
from pipeline.models.effects.market_course import MarketCourse
from pipeline.panel.market import market_arrays
from pipeline.results.effects.causal_market import read_causal_market
from pipeline.results.experiments import precision, proposals

DISCOUNT, PLACE, SALES = 2.0, 1.2, 50.0e6
STUDY = f"""
study: tried
simulate:
  markets: 2
  firms: [A, B, C]
  periods: 60
  total_sales: {SALES}
  variation: 0.03
  invested: 0.1
  campaign: 12
  spread: 0.15
  efforts: {{discount: {{part: 0.5}}, place: {{part: 0.5}}}}
  truth:
    response: linear
    parameters: {{discount: {DISCOUNT}, place: {PLACE}, jump_price: {SALES}, returns_to_scale: 0.0}}
  noise: 0.03
models: {{form: investment, response: linear, firm_effects: none}}
fit: {{starts: 4, gain: 0.0, autocorrelation: 0.0}}
cluster: {{kind: serial}}
store: store
seed: 5
"""
BOUNDS = {"discount": (0.0, 0.15), "place": (0.0, 0.15)}
QUANTITY = "elasticity:discount"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tried")


@pytest.fixture(scope="module")
def store(folder):
    return run_shops(folder, STUDY)


def lift(arrays, firm, effort, first, values):
    """What a test truly does, by the exact solution for γ = 0."""
    means = []
    for value in values:
        efforts, state, seen = arrays.efforts.copy(), arrays.share[first - 1].copy(), []
        efforts[effort, first : first + 8, firm] = value
        for t in range(first, first + 8):
            f = DISCOUNT * efforts[0, t] + PLACE * efforts[1, t]
            state = f / f.sum() + (state - f / f.sum()) * np.exp(-f.sum())
            seen.append(state[firm])
        means.append(np.mean(seen))
    return means[1] - means[0]


def test_the_proposed_test_keeps_its_promise(store, tmp_path):
    settings = ExperimentSettings(date="41", bounds=BOUNDS)
    proposed = propose_experiment(store, QUANTITY, settings)
    best = {name: column[0] for name, column in proposed.table.columns.items()}
    assert best["shrinks"] > 0.15
    assert np.all(np.diff(proposed.table["shrinks"].astype(float)) <= 0.0)
    # Made in the true market, with an error of the size that was announced.
    arrays = market_arrays(store.lazy_panel, best["market"])
    firm, effort = arrays.firms.tolist().index(best["firm"]), ["discount", "place"].index(best["effort"])
    truth = lift(arrays, firm, effort, 40, (best["baseline"], best["changed"]))
    assert best["lift"] == pytest.approx(truth, rel=0.5)
    measured = truth + 0.5 * best["test_stderr"]
    (tmp_path / "tests.csv").write_text(
        "market,firm,effort,from,to,baseline,changed,outcome,effect,stderr\n"
        f"{best['market']},{best['firm']},{best['effort']},41,48,{best['baseline']},{best['changed']},share,"
        f"{measured},{best['test_stderr']}\n"
    )
    after = run_shops(tmp_path, STUDY + "experiments: tests.csv\n")
    now = propose_experiment(after, QUANTITY, settings).table["stderr_now"][0]
    assert now == pytest.approx(best["stderr_after"], rel=0.12)
    assert 1.0 - now / best["stderr_now"] == pytest.approx(best["shrinks"], abs=0.1)


def test_what_a_test_tells_is_what_its_information_adds(store):
    one = read_causal_market(store, 1, store.sweep.models[0])
    place = one.fit.problem.names.index("discount")
    slope = proposals.quantity_slope(one, lambda theta: theta[place])
    np.testing.assert_allclose(slope, one.unknown.steps[place], rtol=1e-9, atol=1e-12)
    setting = proposals.Setting(40, 8, bounds={"discount": (0.0, 0.1)})
    (found,) = proposals.propose(one, slope, setting, [1], [0])
    experiment = proposals._experiment(setting, 1, 0, found.baseline, found.changed)
    _, gradient = proposals._differences(one, one.fit.arrays, experiment)
    free = one.fit.problem.vary
    covariance = (one.unknown.steps @ one.unknown.steps.T)[np.ix_(free, free)]
    g = gradient[free]
    information = np.linalg.inv(covariance) + np.outer(g, g) / found.stderr**2
    own = np.flatnonzero(free).tolist().index(place)
    after = np.linalg.inv(information)[own, own]
    assert covariance[own, own] - found.gain == pytest.approx(after, rel=1e-6)
    # A longer way tells more, and costs in proportion.
    short = proposals.Setting(40, 8, bounds={"discount": (0.0, 0.1)}, budget=0.5 * found.cost)
    (less,) = proposals.propose(one, slope, short, [1], [0])
    assert less.gain < found.gain
    assert less.cost == pytest.approx(0.5 * found.cost)


@pytest.mark.parametrize("form", ["investment", "proportional"])
def test_errors_of_a_test_are_those_of_simulated_markets(form):
    market = market_of(periods=40)
    model, theta = model_of(form, market, gain=0.4, rho=0.3)
    theta[model.names.index("jump_price")] *= 10.0
    course = MarketCourse(model, theta, market, "observed")
    first, count, draws, small = 30, 6, 4000, 0.05
    expected = precision.measurement_errors(course, first, count, 1)
    rng = np.random.default_rng(1)
    root = np.linalg.cholesky(precision._innovations(course) + 1e-12 * np.eye(3))
    new = small * rng.standard_normal((draws, count, 3)) @ root.T
    error = np.zeros_like(new)
    for t in range(count):
        error[:, t] = new[:, t] + (course.carry.kept[first + t] * error[:, t - 1] if t else 0.0)
    _, share, _ = course.carry_on(np.tile(course.state[first - 1], (draws, 1)), first, None, error)
    weight = course.step.duration[first : first + count, np.newaxis]
    found = (share * weight).sum(axis=1) / weight.sum()
    np.testing.assert_allclose(np.sqrt(2.0) * found.std(axis=0) / small, expected, rtol=0.05)
    more = precision.measurement_errors(course, first, count, 4)
    np.testing.assert_allclose(more, expected * np.sqrt(1.25 / 2.0))


def test_any_function_of_the_parameters_may_be_the_quantity(store):
    def ratio(one):
        places = [one.fit.problem.names.index(name) for name in ("discount", "place")]
        return lambda theta: theta[places[0]] / theta[places[1]]

    settings = ExperimentSettings(bounds=BOUNDS)
    own = propose_experiment(store, ratio, settings, markets=[1]).table
    # What a test tells of a quantity does not depend on its unit.
    double = propose_experiment(
        store, lambda one: lambda theta: 2.0 * ratio(one)(theta), settings, markets=[1]
    )
    np.testing.assert_allclose(double.table["stderr_now"], 2.0 * own["stderr_now"])
    np.testing.assert_allclose(double.table["shrinks"], own["shrinks"], rtol=1e-6)


def test_what_cannot_be_proposed_is_refused(store):
    for quantity, match in [
        ("elasticity:prize", "no effort 'prize'"),
        ("slope:discount", "expected elasticity:EFFORT"),
        ("coefficient:discounts", "Did you mean 'discount'"),
    ]:
        with pytest.raises(QueryError, match=match):
            propose_experiment(store, quantity)
    with pytest.raises(QueryError, match="expected a later one"):
        propose_experiment(store, QUANTITY, ExperimentSettings(date="1"))
    with pytest.raises(QueryError, match="Got 0 periods"):
        ExperimentSettings(periods=0)


def test_the_command_gives_sentences_and_json(store, folder, capsys):
    asked = ["experiment", folder / "store", "--quantity", "coefficient:discount", "--market", "2"]
    asked += ["--bound", "discount=0:0.15", "--budget", "8e6", "--firm", "B"]
    code, said, _ = beed(capsys, *asked)
    assert code == 0
    assert "Test discount of B in market 2, right after the data, for 8 periods" in said
    rows = json.loads(beed(capsys, *asked, "--format", "json")[1])
    assert {row["firm"] for row in rows} == {"B"}
    assert max(row["cost"] for row in rows) <= 8e6 * (1 + 1e-9)
