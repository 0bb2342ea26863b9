"""Forecasts: the equation under planned efforts, money that buys ratios, reacting rivals, bands."""

from dataclasses import replace

import numpy as np
import pytest
from ahead import random_market, scenario
from places import CONFIGS
from plain_market import plain_market

from kernels.motion.shares import simulate_shares
from kernels.response.response import compose
from pipeline import open_store
from pipeline.config.sections.scenario import RivalsSection, Scenario, TotalSection
from pipeline.config.settings import load_settings
from pipeline.errors import ConfigError, ForecastError, QueryError
from pipeline.forecasting.bands import DrawnCourses
from pipeline.forecasting.draws import draw_parameters
from pipeline.forecasting.efforts import held_efforts, plan_efforts
from pipeline.forecasting.members import Member, share_out
from pipeline.forecasting.open_market import read_market
from pipeline.forecasting.periods import future_labels, periods_until
from pipeline.forecasting.reactions import fit_rule
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.save import store_forecast
from pipeline.forecasting.scenario import forecast
from pipeline.forecasting.total_sales import forecast_total
from pipeline.forecasting.trajectory import ShareTrajectory, simulate_trajectory
from pipeline.results.totals.season import season_length


@pytest.mark.parametrize("carry", ["geometric", "delayed", "weibull"])
def test_f_ahead_is_f_of_past_and_future_together(carry):
    extra = [0.4] if carry == "geometric" else [0.4, 1.5]
    market = random_market(theta=np.array([2.0, *extra, 0.3, 0.05]), carry_over=[carry, "none"])
    response = compose(["linear", "michaelis_menten"], efforts=market.history, carry_over=[carry, "none"])
    efforts = np.random.default_rng(2).uniform(0.02, 0.3, (2, 5, 3))
    whole = np.concatenate([market.history, efforts], axis=1)
    expected = response.evaluate(market.theta, whole)[-5:]
    ahead = ForecastResponse(market)
    np.testing.assert_allclose(ahead.evaluate(efforts), expected, rtol=1e-12)
    value, influence = ahead.influence(efforts, np.array([0]), 2)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    step = np.zeros_like(efforts)
    step[0, 1, 2] = 1e-6
    change = (ahead.evaluate(efforts + step) - ahead.evaluate(efforts - step)) / 2e-6
    np.testing.assert_allclose(influence[0, :, 1, 2], change[:, 2], rtol=1e-6)


def test_ranked_efforts_carry_over_as_in_the_fit():
    rng = np.random.default_rng(3)
    history = rng.uniform(0.02, 0.15, (2, 20, 3)) * (rng.random((2, 20, 3)) < 0.7)
    response = compose(["pareto", "pareto"], efforts=history, carry_over=["geometric", "none"], order=[1, 0])
    theta = np.full(len(response.parameters), 0.5)
    market = plain_market(
        [0.2, 0.3, 0.5],
        history,
        curves=["pareto", "pareto"],
        carry_over=["geometric", "none"],
        order=[1, 0],
        theta=theta,
        horizon=5,
    )
    efforts = rng.uniform(0.02, 0.3, (2, 5, 3)) * (rng.random((2, 5, 3)) < 0.6)
    expected = response.evaluate(theta, np.concatenate([history, efforts], axis=1))[-5:]
    np.testing.assert_allclose(ForecastResponse(market).evaluate(efforts), expected, rtol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_budgets_and_sales_agree(gamma):
    market = random_market(gamma=gamma)
    plan = plan_efforts(
        scenario(firms={"A": {"e0": {"budget": 3.0}, "e1": {"factor": 2.0}}, "B": {"e0": 0.05}}), market
    )
    total = np.linspace(45.0, 60.0, 5)
    found = simulate_trajectory(ForecastResponse(market), plan, total)
    # σ = E / X of the same period, and the shares are those of these efforts.
    np.testing.assert_allclose(found.efforts[0, :, 0] * found.share[:, 0] * total, 3.0, rtol=1e-9)
    f = 2.0 * found.efforts[0] + 0.3 * found.efforts[1] / (0.05 + found.efforts[1])
    expected = simulate_shares(
        market.share, f, total, np.ones(5), jump_price=50.0, reference_sales=50.0, returns_to_scale=gamma
    )
    np.testing.assert_allclose(found.share, expected, rtol=1e-9)
    np.testing.assert_allclose(found.efforts[1, :, 0], 2.0 * market.history[1, -1, 0])
    np.testing.assert_allclose(found.efforts[0, :, 1], 0.05)


def test_amounts_are_money_over_reference_sales():
    market = random_market(kinds=["amount", "ratio"])
    plan = plan_efforts(scenario(firms={"A": {"e0": {"budget": [1.0, 2.0, 3.0, 4.0, 5.0]}}}), market)
    found = simulate_trajectory(ForecastResponse(market), plan, np.full(5, 70.0))
    np.testing.assert_allclose(found.efforts[0, :, 0], np.arange(1, 6) / 50.0)
    assert found.rounds == 1


def test_rivals_that_hold_their_budgets_keep_their_money():
    market = random_market()
    plan = plan_efforts(scenario(firms={"A": {"e0": {"add": 0.2}}}, rivals={"kind": "hold_budget"}), market)
    found = simulate_trajectory(ForecastResponse(market), plan, np.full(5, 50.0))
    money = found.efforts[:, :, 1:] * found.share[:, 1:] * 50.0
    np.testing.assert_allclose(
        money, (market.history[:, -1, 1:] * market.share[1:] * 50.0)[:, None].repeat(5, axis=1), rtol=1e-9
    )


def test_rivals_that_match_change_as_the_planners_do():
    market = random_market()
    plan = plan_efforts(scenario(firms={"A": {"e0": {"add": 0.03}}}, rivals={"kind": "match"}), market)
    found = simulate_trajectory(ForecastResponse(market), plan, np.full(5, 50.0))
    np.testing.assert_allclose(found.efforts[0], market.history[0, -1] + 0.03 + np.zeros((5, 3)))
    np.testing.assert_allclose(found.efforts[1], market.history[1, -1] + np.zeros((5, 3)))


def test_the_rule_in_the_data_is_found_and_followed():
    rng = np.random.default_rng(4)
    history = np.empty((1, 300, 2))
    history[0, 0] = 0.1
    for t in range(1, 300):
        history[0, t, 0] = rng.uniform(0.05, 0.2)
        history[0, t, 1] = 0.02 + 0.5 * history[0, t - 1, 1] + 0.3 * history[0, t - 1, 0]
    market = plain_market([0.4, 0.6], history, horizon=4)
    rule = fit_rule(market.history, market.active)
    np.testing.assert_allclose(rule.coefficient[:, 0, 1], [0.02, 0.5, 0.3], rtol=1e-8)
    assert rule.explained[0, 1] == pytest.approx(1.0)
    plan = plan_efforts(scenario(horizon=4, firms={"A": {"e0": 0.2}}, rivals={"kind": "rule"}), market)
    found = simulate_trajectory(ForecastResponse(market), plan, np.full(4, 50.0)).efforts[0]
    first = 0.02 + 0.5 * history[0, -1, 1] + 0.3 * history[0, -1, 0]
    assert found[0, 1] == pytest.approx(first)
    assert found[1, 1] == pytest.approx(0.02 + 0.5 * first + 0.3 * 0.2)
    # A rule is not believed beyond what was seen.
    wild = plan_efforts(scenario(horizon=4, firms={"A": {"e0": 9.0}}, rivals={"kind": "rule"}), market)
    assert (
        simulate_trajectory(ForecastResponse(market), wild, np.full(4, 50.0)).efforts[0, :, 1].max()
        <= history.max()
    )


def test_as_in_the_last_periods_means_over_and_over():
    market = random_market()
    plan = plan_efforts(scenario(firms={"A": {"e1": {"last": 3}}}), market)
    np.testing.assert_array_equal(plan.value[1, :, 0], market.history[1, [17, 18, 19, 17, 18], 0])
    held = held_efforts(market, RivalsSection(last=2), [False] * 3)
    np.testing.assert_array_equal(held.value[:, :3], market.history[:, [18, 19, 18]])


def test_plans_that_cannot_be_meant_are_refused():
    market = random_market(kinds=["index", "ratio"])
    for plan, words in (
        ({"e0": {"budget": 1.0}}, "kind index"),
        ({"e1": [0.1, 0.2]}, "2 values.*5 periods"),
        ({"e1": -0.1}, "michaelis_menten takes efforts >= 0"),
    ):
        with pytest.raises(QueryError, match=words):
            plan_efforts(scenario(firms={"A": plan}), market)


def test_a_negative_f_is_refused_with_its_place():
    market = random_market()
    plan = plan_efforts(scenario(firms={"B": {"e0": [0.1, 0.1, -9.0, 0.1, 0.1]}}), market)
    with pytest.raises(ForecastError, match=r"f of firm B would be .* in period 22"):
        simulate_trajectory(ForecastResponse(market), plan, np.full(5, 50.0))


def test_models_of_total_sales_continue_what_they_describe():
    period, ahead = np.arange(80), np.arange(80, 100)
    trend = 100 * np.exp(0.01 * period)
    curve = forecast_total(TotalSection(model="trend"), trend, period, ahead, None)
    np.testing.assert_allclose(curve.median, 100 * np.exp(0.01 * ahead), rtol=1e-10)
    wave = trend * np.exp(0.2 * np.sin(2 * np.pi * period / 12))
    curve = forecast_total(TotalSection(model="seasonal"), wave, period, ahead, 12)
    np.testing.assert_allclose(
        curve.median, 100 * np.exp(0.01 * ahead + 0.2 * np.sin(2 * np.pi * ahead / 12)), rtol=1e-8
    )
    grown = 500 / (1 + np.exp(-(period - 60) / 9))
    curve = forecast_total(TotalSection(model="logistic"), grown, period, ahead, None)
    np.testing.assert_allclose(curve.median, 500 / (1 + np.exp(-(ahead - 60) / 9)), rtol=1e-5)
    curve = forecast_total(TotalSection(model="constant", last=4), trend, period, ahead, None)
    np.testing.assert_allclose(curve.median, np.exp(np.log(trend[-4:]).mean()))
    given = forecast_total(TotalSection(model="given", values=3.0), trend, period, ahead, None)
    np.testing.assert_array_equal(given.median, np.full(20, 3.0))
    with pytest.raises(QueryError, match="how many periods a season has"):
        forecast_total(TotalSection(model="seasonal"), wave, period, ahead, None)
    with pytest.raises(QueryError, match="Got 2 given values"):
        forecast_total(TotalSection(model="given", values=(1.0, 2.0)), trend, period, ahead, None)


def test_bands_of_total_sales_cover():
    """Seven in ten of new periods lie in the 70 % band of a trend with noise."""
    rng = np.random.default_rng(6)
    period, ahead, inside, count = np.arange(30), np.arange(30, 40), 0, 0
    for _ in range(200):
        log = 0.02 * np.arange(40) + 0.1 * rng.standard_normal(40)
        made = forecast_total(TotalSection(model="trend"), np.exp(log[:30]), period, ahead, None)
        low, high = np.quantile(made.draw(rng, 400), [0.15, 0.85], axis=0)
        inside += int(((np.exp(log[30:]) >= low) & (np.exp(log[30:]) <= high)).sum())
        count += 10
    assert inside / count == pytest.approx(0.7, abs=0.05)


def test_draws_have_the_covariance_of_the_estimates():
    spread = np.zeros((5, 5))
    spread[:2, :2] = [[4e-4, 3e-5], [3e-5, 9e-6]]
    spread[2, 2] = np.nan
    market = random_market(covariance=spread)
    draws = draw_parameters(market, 40_000, np.random.default_rng(1))
    np.testing.assert_allclose(np.cov(draws[:, :2].T), spread[:2, :2], rtol=0.05)
    np.testing.assert_array_equal(draws[:, 2:], np.tile(market.theta[2:], (40_000, 1)))
    cut = replace(market, lower=np.array([2.0, 0, 0, 0, 0]))
    assert draw_parameters(cut, 1000, np.random.default_rng(1))[:, 0].min() == 2.0
    replicates = np.array([[1.0, 0.2, 0.05, 50.0, 0.0], [3.0, 0.4, 0.05, 50.0, 0.0]])
    chosen = draw_parameters(market, 50, np.random.default_rng(1), replicates)
    assert set(chosen[:, 0]) == {1.0, 3.0}


def test_draws_are_shared_out_by_weight():
    members = [Member("a", 0.62), Member("b", 0.25), Member("c", 0.13)]
    assert share_out(members, 10) == [6, 3, 1]
    assert sum(share_out(members, 7)) == 7


def test_labels_go_on():
    days = np.array(["2024-01-01", "2024-01-08"], "M8[s]")
    assert future_labels(days, "1 week", 2).astype("M8[D]").astype(str).tolist() == [
        "2024-01-15",
        "2024-01-22",
    ]
    months = np.array(["2024-01-31", "2024-02-29"], "M8[s]")
    assert future_labels(months, "1 month", 2).astype("M8[D]").astype(str).tolist() == [
        "2024-03-31",
        "2024-04-30",
    ]
    days = np.array(["2023-12-30", "2024-01-30"], "M8[s]")
    assert future_labels(days, "1 month", 3).astype("M8[D]").astype(str).tolist() == [
        "2024-02-29",
        "2024-03-30",
        "2024-04-30",
    ]
    assert future_labels(np.array([5, 10]), "5", 2).tolist() == [15, 20]
    weeks = np.array(["2024-12-23", "2024-12-30"], "M8[s]")
    assert periods_until(weeks, "1 week", "2025-01") == 4
    assert periods_until(weeks, "1 week", "2025") == 52
    assert periods_until(weeks, "1 week", "2025-01-13") == 2
    assert periods_until(weeks, "1 week", "+7") == 7
    assert periods_until(np.array([5, 10]), "5", "22") == 2
    for wrong in ("2024-11", "soon", "+0"):
        with pytest.raises(QueryError, match="deadline"):
            periods_until(weeks, "1 week", wrong)
    assert [season_length(text) for text in ("1 week", "1 month", "1 quarter", "1 year", "3")] == [
        52,
        12,
        4,
        None,
        None,
    ]


def test_a_forecast_of_a_store_is_the_truth_within_its_bands(shops):
    made = forecast(shops, scenario(horizon=8, firms={"A": {"discount": 0.1}}, uncertainty={"draws": 100}))
    assert [str(one.market) for one in made.markets] == ["1", "2"]
    one = made.market(1)
    assert one.members[0].model == "investment-mixed"
    np.testing.assert_allclose(one.share.sum(axis=1), 1.0, rtol=1e-12)
    # The truth the market was simulated under, from the observed shares at the end of the data.
    panel = shops.panel().sel(market=1).load()
    efforts = panel["efforts"].transpose("effort", "time", "firm").values
    future = np.repeat(efforts[:, -1:], 8, axis=1)
    future[0, :, 0] = 0.1
    whole = np.concatenate([efforts, future], axis=1)
    response = compose(["linear", "michaelis_menten"], efforts=efforts, carry_over=["geometric", "none"])
    f = response.evaluate(np.array([2.0, 0.4, 0.3, 0.05]), whole)[-8:]
    last = panel["sales"].values[:, -1]
    truth = simulate_shares(
        last / last.sum(),
        f,
        np.full(8, 50e6),
        np.ones(8),
        jump_price=50e6,
        reference_sales=50e6,
        returns_to_scale=0.0,
    )
    assert ((truth >= one.share_quantile[0]) & (truth <= one.share_quantile[-1])).all()
    np.testing.assert_allclose(one.share, truth, atol=0.02)
    np.testing.assert_allclose(
        one.expense, (one.efforts.sum(axis=0)) * one.share * one.total_sales[:, None], rtol=1e-12
    )


def test_forecasts_are_kept_beside_the_fits_once(shops):
    plan = scenario(markets=[2], uncertainty={"draws": 10}, quantiles=[0.1, 0.9])
    made = forecast(shops, plan)
    name = store_forecast(shops, made)
    again = store_forecast(shops, forecast(shops, plan))
    assert again == name
    results = shops.refresh()
    assert results.forecasts.count(name) == 1
    stored = results.forecast("test").load()
    assert dict(stored.sizes) | {"market": 2, "firm": 4, "future": 5, "quantile": 2} == dict(stored.sizes)
    np.testing.assert_array_equal(stored.share.sel(market=2).values, made.markets[0].share.T)
    np.testing.assert_array_equal(
        stored.share_quantile.sel(market=2, quantile=0.9).values, made.markets[0].share_quantile[1].T
    )
    assert np.isnan(stored.share.sel(market=1)).all()
    assert stored.attrs["scenario"]["scenario"] == "test"
    import xarray as xr

    tree = xr.open_datatree(results.session.store, engine="zarr", consolidated=False)
    assert name in tree[f"sweeps/{results.sweep.name}/forecasts"]


SCENARIO = """
scenario: more
firms:
  A: {discount: {budget: 1.0e+6}, plaice: 0.1}
  Z: {place: {add: 0.1, factor: 2}}
rivals: {kind: watch}
"""


def test_stored_forecasts_are_tables(shops):
    made = forecast(shops, scenario(scenario="tables", uncertainty={"draws": 20}))
    name = store_forecast(shops, made)
    fresh = open_store(shops.store.location.url)
    one = made.markets[0]
    where = f"where forecast = '{name}' and market = '{one.market}' and firm = 'B' order by time"
    rows = fresh.sql(f"select time, share, sales from forecasts {where}")
    np.testing.assert_array_equal(rows["share"], one.share[:, 1])
    np.testing.assert_array_equal(rows["time"].astype("datetime64[s]"), made.times)
    bands = fresh.sql(f"select share from forecast_bands where quantile = 0.95 and {where[6:]}")
    np.testing.assert_array_equal(bands["share"], one.share_quantile[-1][:, 1])


def test_noise_upon_a_share_of_nothing(shops):
    """Where the largest f takes the market, the shares of the others are 0, and stay so without a warning."""
    market = read_market(shops, 1, "proportional-mixed", 3)
    market = replace(market, share=np.array([1.0, 0.0, 0.0, 0.0]))
    trajectory = ShareTrajectory(
        np.tile(market.share, (3, 1)), np.empty(0), np.ones((3, 4)), 1, np.ones(3), np.empty(0)
    )
    noisy = DrawnCourses(market, trajectory, 2).with_errors(np.random.default_rng(1))
    np.testing.assert_allclose(noisy.sum(axis=2), 1.0)
    assert noisy[..., 1:].max() < 1e-200


@pytest.mark.parametrize("start", ["calibrated", "observed"])
@pytest.mark.parametrize("gain", [0.0, 0.5, 1.0])
def test_errors_add_up_as_the_gain_says(gain, start):
    """Under gamma = 1 log-ratios walk: their variance is that of one error and of all parts that last.

    Observed shares at the start are off by the part of one error that does not.
    """
    market = plain_market([0.4, 0.6], np.full((1, 2), 0.1), gamma=1.0, horizon=9)
    variance = 0.02**2
    market = replace(market, gain=gain, error_covariance=variance * np.eye(2), start=start)
    share, none = np.tile(market.share, (9, 1)), np.empty(0)
    course = ShareTrajectory(share, none, np.full((9, 2), 0.1), 1, np.full(9, 50.0), none)
    drawn = DrawnCourses(market, course, 4000).with_errors(np.random.default_rng(3))
    spread = np.var(np.log(drawn[..., 0] / drawn[..., 1]), axis=0)
    off = (1 - gain) ** 2 if start == "observed" else 0.0
    expected = 2 * variance * (1 + off + gain**2 * np.arange(9))
    np.testing.assert_allclose(spread, expected, rtol=0.1)


def test_every_problem_of_a_scenario_is_reported_with_its_line(shops, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO)
    with pytest.raises(ConfigError) as wrong:
        load_settings(Scenario, path, what="scenario")
    text = str(wrong.value)
    assert f"{path}:5: firms.Z.place: got add, factor; expected exactly one of" in text
    assert f"{path}:6: rivals.kind" in text
    path.write_text(SCENARIO.replace(", factor: 2", "").replace("watch", "hold"))
    with pytest.raises(ConfigError) as wrong:
        forecast(shops, load_settings(Scenario, path, what="scenario"))
    text = str(wrong.value)
    assert f"{path}:4: firms.A.plaice: got the effort 'plaice'; expected one of" in text
    assert "Did you mean 'place'?" in text
    assert f"{path}:5: firms.Z: got the firm 'Z'" in text


def test_shipped_scenarios_are_read():
    files = sorted((CONFIGS / "scenarios").glob("*.yaml"))
    assert files
    for file in files:
        made = load_settings(Scenario, file, what="scenario")
        assert made.firms or made.entrants
