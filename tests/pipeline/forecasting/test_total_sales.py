"""Total sales: a level of recent periods, autocorrelated errors, and demand that answers to marketing."""

from dataclasses import replace

import numpy as np
import pytest
from ahead import random_market, scenario
from plain_market import plain_market, steady_total
from statsmodels.regression.linear_model import GLSAR
from statsmodels.tsa.holtwinters import SimpleExpSmoothing

from pipeline.config.sections.game import GameSettings
from pipeline.config.sections.planning import PlanSettings
from pipeline.config.sections.scenario import TotalSection
from pipeline.errors import QueryError
from pipeline.forecasting.efforts import plan_efforts
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.total_sales import forecast_total, market_total
from pipeline.forecasting.trajectory import simulate_trajectory
from pipeline.games.setup import set_up_game
from pipeline.planning.flight import plan_market
from pipeline.results.totals.comparison import compare_totals
from pipeline.results.totals.level import local_level
from pipeline.results.totals.past_market import past_response
from pipeline.results.totals.regression import regress


def answering_market(strength=0.5, noise=0.02, periods=60, horizon=6, seed=4, **given):
    """A market whose total sales are 50 exp(strength x the share-weighted effort e0), and noise."""
    rng = np.random.default_rng(seed)
    history = rng.uniform(0.2, 1.2, (2, periods, 3))
    market = plain_market([0.2, 0.3, 0.5], history, kinds=["amount", "amount"], horizon=horizon, **given)
    share = rng.dirichlet([8.0, 12.0, 20.0], periods)
    before = np.concatenate([share[:1], share[:-1]])
    pressure = (before * history[0]).sum(axis=1)
    sales = 50.0 * np.exp(strength * pressure + noise * rng.standard_normal(periods))
    return replace(market, past_share=share, past_sales=sales), pressure.std()


def test_the_level_is_that_of_simple_exponential_smoothing():
    rng = np.random.default_rng(1)
    values = 3.0 + np.cumsum(0.05 * rng.standard_normal(80)) + 0.05 * rng.standard_normal(80)
    ours = local_level(values)
    theirs = SimpleExpSmoothing(values, initialization_method="estimated").fit()
    assert ours.weight == pytest.approx(theirs.params["smoothing_level"], abs=0.01)
    assert ours.level == pytest.approx(theirs.forecast(1)[0], abs=2e-3)
    steady = local_level(np.tile([1.0, 3.0, 2.0], 30))
    assert steady.level == pytest.approx(2.0, abs=0.02)


def test_bands_of_a_random_walk_widen_as_it_does():
    """A pure random walk: the level is the last value, deviation after h periods sqrt(h) steps."""
    rng = np.random.default_rng(2)
    log = np.cumsum(0.1 * rng.standard_normal(400))
    made = forecast_total(TotalSection(), np.exp(log), np.arange(400), np.arange(400, 416), None)
    assert made.median[0] == pytest.approx(np.exp(log[-1]), rel=0.1)
    spread = np.log(made.draw(rng, 4000)).std(axis=0)
    np.testing.assert_allclose(spread, 0.1 * np.sqrt(np.arange(1, 17)), rtol=0.2)


def test_regression_is_generalised_least_squares():
    """Against statsmodels at the autocorrelation found, and that one near the truth."""
    rng = np.random.default_rng(3)
    n = 300
    design = np.column_stack([np.ones(n), np.arange(n) / n, rng.standard_normal(n)])
    error = np.zeros(n)
    for t in range(1, n):
        error[t] = 0.7 * error[t - 1] + rng.standard_normal()
    values = design @ [1.0, 2.0, 0.5] + error
    ours = regress(design, values, np.arange(n))
    assert ours.autocorrelation == pytest.approx(0.7, abs=0.1)
    theirs = GLSAR(values, design, rho=np.array([ours.autocorrelation])).fit()
    np.testing.assert_allclose(ours.coefficient, theirs.params, atol=0.05)
    np.testing.assert_allclose(np.sqrt((ours.root**2).sum(axis=1)), theirs.bse, rtol=0.1)


def test_intervals_of_the_answer_cover():
    """95 % intervals of the coefficient hold the truth, errors autocorrelated or not."""
    for rho in (0.0, 0.6):
        inside = 0
        for seed in range(120):
            market, size = answering_market(noise=0.0, periods=40, seed=seed)
            rng, error = np.random.default_rng(1000 + seed), np.zeros(40)
            for t in range(1, 40):
                error[t] = rho * error[t - 1] + 0.05 * rng.standard_normal()
            market = replace(market, past_sales=market.past_sales * np.exp(error))
            made = market_total(TotalSection(model="response", efforts=("e0",)), market).answer
            inside += abs(made.coefficient[0] - 0.5 * size) <= 1.96 * made.stderr[0]
        assert inside / 120 == pytest.approx(0.95, abs=0.045), rho


def test_total_sales_answer_to_the_firms_own_efforts():
    market, size = answering_market(noise=1e-4)
    section = TotalSection(model="response", efforts=("e0",))
    total = market_total(section, market)
    assert total.answer.coefficient[0] == pytest.approx(0.5 * size, rel=1e-2)
    response = ForecastResponse(market)

    def course(**firms):
        plan = plan_efforts(scenario(horizon=6, firms=firms), market)
        return simulate_trajectory(response, plan, total.course(response))

    plain, more = course(), course(C={"e0": {"add": 0.4}})
    # By the shares before each period, in which C's push raises its own weight from the second one on.
    weight = np.concatenate([market.share[None], more.share[:-1]])
    before = np.concatenate([market.share[None], plain.share[:-1]])
    rise = (weight * more.efforts[0]).sum(axis=1) - (before * plain.efforts[0]).sum(axis=1)
    np.testing.assert_allclose(np.log(more.total / plain.total), 0.5 * rise, rtol=2e-2)


def test_money_shares_and_total_sales_agree():
    """A ratio bought by a budget: E / (share x total) with the total that it brings about itself."""
    market, _ = answering_market()
    market = replace(market, kinds=("ratio", "ratio"))
    total = market_total(TotalSection(model="response", efforts=("e0", "e1")), market)
    response = ForecastResponse(market)
    plan = plan_efforts(scenario(horizon=6, firms={"A": {"e0": {"budget": 9.0}}}), market)
    made = simulate_trajectory(response, plan, total.course(response))
    np.testing.assert_allclose(made.efforts[0, :, 0] * made.share[:, 0] * made.total, 9.0, rtol=1e-10)
    np.testing.assert_allclose(total.course(response).sales(made.share, made.chosen), made.total, rtol=1e-10)


def test_f_of_the_past_is_f_of_the_forecast():
    market = random_market(horizon=20)
    np.testing.assert_allclose(
        past_response(market), ForecastResponse(market).evaluate(market.history), rtol=1e-12
    )


def test_held_out_periods_tell_the_models_apart():
    market, _ = answering_market(strength=1.0, periods=80)
    error, cases = compare_totals(TotalSection(model="response", efforts=("e0",)), market)
    assert cases > 40
    assert next(iter(error)) == "response"
    assert error["response"] < 0.5 * min(error["constant"], error["trend"], error["logistic"])
    assert np.isnan(error["seasonal"]), "no season is known"
    alone, _ = compare_totals(TotalSection(), replace(market, past_sales=50 * np.exp(0.03 * np.arange(80))))
    assert alone["trend"] < 1e-6 < alone["constant"]


def test_what_cannot_be_answered_to_is_refused():
    market, _ = answering_market()
    with pytest.raises(QueryError, match="names e7; expected efforts of the study: e0, e1"):
        market_total(TotalSection(model="response", efforts=("e7",)), market)
    still = replace(market, history=np.ones_like(market.history))
    with pytest.raises(QueryError, match="cannot answer to e0: weighted by share it is the same"):
        market_total(TotalSection(model="response", efforts=("e0",)), still)
    with pytest.raises(QueryError, match="has 2 coefficients, but there are only 3 periods"):
        market_total(TotalSection(model="response", efforts=("e0",), last=3), market)
    with pytest.raises(ValueError, match="efforts with the model response alone"):
        TotalSection(efforts=("e0",))


def test_a_plan_and_a_game_use_the_total_that_they_bring():
    market, _ = answering_market(noise=1e-3)
    section = TotalSection(model="response", efforts=("e0",))
    total = market_total(section, market)
    settings = PlanSettings(
        firm="A", target=0.24, path="linear", uncertainty={"draws": 0}, total_sales=section
    )
    plan = plan_market(market, settings, total).plan
    course = total.course(ForecastResponse(market))
    np.testing.assert_allclose(
        course.sales(plan.course.share, plan.course.chosen), plan.course.total, rtol=1e-5
    )
    assert plan.course.share[-1, 0] == pytest.approx(0.24, abs=1e-7)

    model, present = set_up_game(market, GameSettings(margin=0.4, strategy="efforts"), total)
    still, _ = set_up_game(market, GameSettings(margin=0.4, strategy="efforts"), steady_total(market, 80.0))
    assert still.has_gradient
    assert not model.has_gradient
    pushed = present.copy()
    pushed[0, 0] += 0.1
    before, after = model.evaluate(present), model.evaluate(pushed)
    earned = [one.payoff + one.expenses for one in (before, after)]
    rise = earned[1].sum() / earned[0].sum()
    pressure = [one.share @ strategy[0] for one, strategy in ((before, present), (after, pushed))]
    # Margins are alike, so what all earn together moves as total sales do.
    assert np.log(rise) == pytest.approx(0.5 * (pressure[1] - pressure[0]), rel=2e-2)
