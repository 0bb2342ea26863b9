"""The chance of reaching a target, against its formula; and plans that reach it as often as was asked for."""

from dataclasses import replace

import numpy as np
import pytest
from plain_market import plain_market, steady_total
from scipy.stats import norm

from pipeline.config.sections.planning import PlanSettings
from pipeline.planning.chance import Contender, Futures
from pipeline.planning.controls import make_controls
from pipeline.planning.flight import plan_market

HORIZON, GAIN, SPREAD = 5, 0.6, 0.08


def noisy(**changes):
    """Two firms under γ = 1, where log-odds add up: f is the effort; errors of log shares."""
    market = plain_market([0.3, 0.7], [[0.1, 0.2]], gamma=1.0, kinds=["amount"], horizon=HORIZON)
    covariance = SPREAD**2 * np.array([[0.5, -0.5], [-0.5, 0.5]])
    return replace(market, error_covariance=covariance, gain=GAIN, start="calibrated", **changes)


def plan(market, contenders=(), **given):
    drawn = {"draws": 800, "efforts": False, "parameters": False, "total_sales": False}
    settings = {"firm": "A", "bounds": {"e0": [0, 2]}, "path": "linear", "target": 0.4, "uncertainty": drawn}
    settings = PlanSettings.model_validate(settings | given)
    return plan_market(market, settings, steady_total(market), contenders)


def log_odds(share):
    return np.log(share / (1 - share))


def spread_of_log_odds():
    """Every error lasts with the gain, the last one is there in full; log-odds have twice its deviation."""
    one = SPREAD * np.sqrt(2.0)
    return one * np.sqrt(1.0 + GAIN**2 * (HORIZON - 1))


@pytest.mark.parametrize("probability", [0.9, 0.3])
def test_a_plan_aims_as_much_higher_as_the_noise_is_wide(probability):
    found = plan(noisy(), probability=probability)
    margin = log_odds(found.plan.reached) - log_odds(0.4)
    # 800 draws: the quantile has a standard error of 0.06 of the spread.
    spread = spread_of_log_odds()
    assert margin == pytest.approx(norm.ppf(probability) * spread, abs=0.15 * spread)
    # Futures that the search has not seen.
    assert found.chance.value == pytest.approx(probability, abs=4 * found.chance.error + 0.01)
    assert found.chance.error == pytest.approx(np.sqrt(probability * (1 - probability) / 800), rel=0.15)
    assert found.feasible


def test_a_plan_to_the_target_itself_is_as_likely_as_not():
    assert plan(noisy()).chance.value == pytest.approx(0.5, abs=0.06)
    assert plan(noisy(), uncertainty={"draws": 50, "noise": False, "efforts": False}).chance.value == 1.0


def test_a_chance_beyond_the_bounds_is_told():
    market = noisy()
    most = plan(market, target=0.99, bounds={"e0": [0, 0.35]}).plan.reached
    found = plan(market, target=most, bounds={"e0": [0, 0.35]}, probability=0.9)
    assert not found.feasible
    assert [(hit.effort, hit.side) for hit in found.plan.binding] == [("e0", "upper")]
    assert found.chance.value < 0.6


def test_rivals_and_models_are_drawn():
    rng = np.random.default_rng(0)
    history = rng.uniform(0.0, 0.4, (1, 30, 2))
    market = replace(noisy(), history=history, active=np.ones((30, 2), bool))
    drawn = {"draws": 400, "parameters": False, "total_sales": False, "noise": False}
    settings = PlanSettings.model_validate({"firm": "A", "uncertainty": drawn})
    controls = make_controls(market, 0, {"e0": (0.0, 1.0)}, {})
    own = np.full((1, HORIZON), 0.3)
    strong = replace(market, theta=np.array([2.0, *market.theta[1:]]))
    both = [Contender(market, 0.25), Contender(strong, 0.75)]
    reached = log_odds(Futures(both, settings, controls, steady_total(market)).shares(own)[:, -1])
    assert Futures(both, settings, controls, steady_total(market)).shares(own) == pytest.approx(
        Futures(both, settings, controls, steady_total(market)).shares(own)
    )
    # Without noise: five periods of own effort less that of the rival, which is what it was at random.
    for part, strength in ((reached[:100], 1.0), (reached[100:], 2.0)):
        mean = log_odds(0.3) + strength * HORIZON * (0.3 - history[0, :, 1].mean())
        assert part.mean() == pytest.approx(mean, abs=4 * part.std() / np.sqrt(part.size) + 0.05)
        assert part.std() > 0.1 * strength
