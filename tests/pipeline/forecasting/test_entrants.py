"""Firms that enter after the data: the equation, goodwill, prices, constants, whose share they take."""

from dataclasses import replace

import numpy as np
import pytest
from ahead import random_market, scenario
from plain_market import plain_market
from scipy.integrate import solve_ivp

from kernels.formula.expression import parse
from kernels.response.response import compose
from pipeline import open_store
from pipeline.config.sections.data import EFFORT_FUNCTIONS
from pipeline.config.sections.scenario import EntrantSection, Scenario
from pipeline.config.settings import load_settings
from pipeline.errors import ConfigError, QueryError
from pipeline.forecasting.bands import DrawnCourses
from pipeline.forecasting.efforts import plan_efforts
from pipeline.forecasting.entry.constants import Spread, find_constant
from pipeline.forecasting.entry.entrants import let_enter
from pipeline.forecasting.market import FirmPopulation
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.save import store_forecast
from pipeline.forecasting.scenario import forecast
from pipeline.forecasting.trajectory import simulate_trajectory
from pipeline.results.prices.index import PriceIndex

RELATIVE = "log(price / market_mean(price))"
Z = {"enters": "+3", "share": 0.02, "effect": 0.0, "efforts": {"e0": 0.3, "e1": 0.1}}


def with_population(market, entry_shares=()):
    return replace(
        market, population=FirmPopulation(market.firms, market.spec.design, np.array(entry_shares))
    )


def entered(market, number=2, **given):
    """Follow a market that Z enters in period ``number``, counted from 0, at sales of 50 a period."""
    of_scenario = scenario(**({"entrants": {"Z": Z}} | given))
    entry = let_enter(None, of_scenario, with_population(market), [number])
    plan = entry.joined_plan(plan_efforts(of_scenario, market))
    return entry, simulate_trajectory(ForecastResponse(entry.market), plan, np.full(market.horizon, 50.0))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0])
def test_shares_follow_the_equation_before_and_after_an_entry(gamma):
    market = random_market(gamma=gamma)
    _, course = entered(market)

    def f(efforts):
        return 2.0 * efforts[0] + 0.3 * efforts[1] / (0.05 + efforts[1])

    def flow(_, share, response):
        push = response * share**gamma
        return push - share * push.sum()

    def integrate(share, response, periods):
        found = solve_ivp(
            flow, (0, periods), share, args=(response,), rtol=1e-11, atol=1e-13, t_eval=range(periods + 1)
        )
        return found.y.T[1:]

    old = f(market.history[:, -1])
    alone = integrate(market.share, old, 3)
    np.testing.assert_allclose(course.share[:2, :3], alone[:2], rtol=1e-7)
    assert np.isnan(course.share[:2, 3]).all()
    # Its first share is that of the end of the period in which it enters; the others make room.
    start = np.append(0.98 * alone[2], 0.02)
    np.testing.assert_allclose(course.share[2], start, rtol=1e-7)
    both = integrate(start, np.append(old, f(np.array([0.3, 0.1]))), 2)
    np.testing.assert_allclose(course.share[3:], both, rtol=1e-7)


@pytest.mark.parametrize("carry", ["geometric", "delayed"])
def test_goodwill_begins_with_the_entry(carry):
    extra = [0.4] if carry == "geometric" else [0.4, 1.5]
    market = random_market(theta=np.array([2.0, *extra, 0.3, 0.05]), carry_over=[carry, "none"])
    rising = Z | {"efforts": {"e0": [9.0, 9.0, 0.1, 0.2, 0.4], "e1": 0.1}}
    _, course = entered(market, entrants={"Z": rising})
    past = np.concatenate([market.history, np.zeros((2, 20, 1))], axis=2)
    ahead = np.concatenate([np.repeat(market.history[:, -1:], 5, axis=1), np.zeros((2, 5, 1))], axis=2)
    ahead[:, :, 3] = np.array([[0, 0, 0.1, 0.2, 0.4], [0, 0, 0.1, 0.1, 0.1]])
    present = np.ones((25, 4), bool)
    present[:22, 3] = False
    whole = np.concatenate([past, ahead], axis=1)
    response = compose(["linear", "michaelis_menten"], efforts=whole, carry_over=[carry, "none"])
    expected = response.evaluate(market.theta, whole, np.ones(25), present)[-5:]
    np.testing.assert_allclose(course.response, expected, rtol=1e-12)


def test_money_of_an_entrant_is_spent_from_its_entry_on():
    paid = Z | {"efforts": {"e0": {"budget": 3.0}, "e1": 0.1}}
    _, course = entered(random_market(), entrants={"Z": paid})
    np.testing.assert_allclose(course.efforts[0, 2:, 3] * course.share[2:, 3] * 50.0, 3.0, rtol=1e-9)
    np.testing.assert_allclose(course.share.sum(axis=1, where=~np.isnan(course.share)), 1.0)


def test_prices_are_compared_with_those_of_who_is_there():
    history = np.random.default_rng(7).uniform(1.8, 2.6, (20, 3))
    index = PriceIndex(0, "price", parse(RELATIVE, functions=EFFORT_FUNCTIONS), history)
    market = plain_market(
        [0.2, 0.3, 0.5], index.index(history)[np.newaxis], link="exp", theta=np.array([-3.0]), horizon=4
    )
    market = replace(market, prices=(index,))
    cheap = {"enters": "+3", "share": 0.02, "effect": 0.0, "efforts": {"e0": 1.0}}
    _, course = entered(market, horizon=4, entrants={"Z": cheap})
    last = history[-1]
    np.testing.assert_allclose(course.efforts[0, :2, :3], np.tile(np.log(last / last.mean()), (2, 1)))
    four = np.append(last, 1.0)
    np.testing.assert_allclose(course.efforts[0, 2:], np.tile(np.log(four / four.mean()), (2, 1)))


@pytest.mark.parametrize(("speed", "proportional"), [(1e-3, True), (200.0, False)])
def test_an_entrant_draws_in_proportion_where_nothing_is_inert(speed, proportional):
    """The fast limit is the logit, which knows no nearer rivals; inertia protects nobody in particular."""
    market = random_market(
        jump_price=speed, link="exp", curves=["linear", "linear"], theta=np.array([2.0, 1.0])
    )
    _, course = entered(market)
    alone = simulate_trajectory(ForecastResponse(market), plan_efforts(scenario(), market), np.full(5, 50.0))
    left = course.share[-1, :3] / alone.share[-1]
    assert (np.ptp(left) < 1e-9) == proportional


def test_what_is_like_a_firm_has_its_constant_and_its_efforts():
    market = random_market(
        link="exp", effects="free", curves=["linear", "linear"], theta=np.array([2.0, 1.0, -1.0, 0.0, 1.0])
    )
    twin = {"enters": "+1", "share": 0.25, "like": "B"}
    _, course = entered(market, 0, entrants={"Z": twin})
    np.testing.assert_allclose(course.response[:, 3], course.response[:, 1])


def test_drawn_constants_hold_a_new_firm_as_often_as_they_say():
    """Constants of firms are normal: nine new ones out of ten lie in the middle 90 % of what is drawn."""
    rng, held = np.random.default_rng(5), []
    section = EntrantSection(efforts={"e0": 0.1})
    for _ in range(300):
        constants = rng.normal(1.0, 0.5, 8)
        theta = np.concatenate([[1.0], constants[:7]])
        market = plain_market(
            np.full(7, 1 / 7), np.full((1, 7), 0.1), link="exp", effects="free", theta=theta
        )
        deviation = float(np.std(constants[:7], ddof=1))
        constant = find_constant("Z", section, with_population(market), Spread(deviation, 6))
        drawn = np.array([constant.draw(rng) for _ in range(100)]) @ constants[:7]
        low, high = np.quantile(drawn, [0.05, 0.95])
        held.append(low < constants[7] < high)
    assert 0.85 < np.mean(held) < 0.95


def test_a_stated_effect_counts_from_the_mean_firm():
    theta = np.array([1.0, -0.5, 0.1, 1.3])
    market = plain_market([0.2, 0.3, 0.5], np.full((1, 3), 0.1), link="exp", effects="free", theta=theta)
    section = EntrantSection(effect=0.7, efforts={"e0": 0.1})
    constant = find_constant("Z", section, with_population(market), Spread(1.0, 2))
    assert constant.draw(np.random.default_rng(1)) @ theta[1:] == pytest.approx(0.3 + 0.7)
    bare = with_population(plain_market([0.4, 0.6], np.full((1, 2), 0.1)))
    with pytest.raises(QueryError, match="firms have no constants of their own in the model by hand"):
        find_constant("Z", section, bare, Spread(1.0, 1))


def test_errors_of_an_entrant_are_as_large_as_those_of_the_others():
    """Under gamma = 1 log-ratios walk: two firms differ by the errors of both, period after period."""
    market = plain_market([0.4, 0.35, 0.25], np.full((1, 3), 0.1), gamma=1.0, horizon=5)
    variance = 0.02**2
    centred = variance * (np.eye(3) - 1 / 3)
    market = replace(market, gain=1.0, error_covariance=centred)
    given = {"Z": {"enters": "+2", "share": 0.1, "effect": 0.0, "efforts": {"e0": 0.1}}}
    entry, course = entered(market, 1, entrants=given)
    drawn = DrawnCourses(entry.market, course, 4000).with_errors(np.random.default_rng(3))
    np.testing.assert_allclose(np.nansum(drawn, axis=2), 1.0)
    np.testing.assert_allclose(drawn[:, 1, 3], 0.1)
    for one, other in ((0, 1), (0, 3)):
        ratio = np.log(drawn[:, 2:, one] / drawn[:, 2:, other])
        since = ratio - np.log(drawn[:, 1, one] / drawn[:, 1, other])[:, np.newaxis]
        np.testing.assert_allclose(np.var(since, axis=0), 2 * variance * np.arange(1, 4), rtol=0.1)


def test_takings_come_to_what_enters_and_are_kept(shops):
    new = {"enters": "+2", "share": 0.05, "efforts": {"discount": {"budget": 1.0e6}, "place": 0.02}}
    given = {"scenario": "new", "markets": [2], "entrants": {"Z": new}, "uncertainty": {"draws": 20}}
    made = forecast(shops, scenario(**given))
    one = made.markets[0]
    assert one.firms.tolist() == ["A", "B", "C", "D", "Z"]
    np.testing.assert_allclose(one.taken[1:].sum(axis=1), one.share[1:, 4], rtol=1e-9)
    np.testing.assert_allclose(one.taken[0], 0.0, atol=1e-12)
    nobody = forecast(shops, scenario(**(given | {"entrants": {}}))).markets[0]
    np.testing.assert_array_equal(one.share_without, nobody.share)
    assert (np.diff(one.share_quantile[:, 2:, 4], axis=0) > 0.0).all()
    # Of the same draws: what is taken is nothing before the entry, and comes to the entrant's share after it.
    np.testing.assert_allclose(one.taken_quantile[:, 0], 0.0, atol=1e-9)
    np.testing.assert_allclose(one.taken_quantile[2, 1].sum(), 0.05, rtol=0.02)
    name = store_forecast(shops, made)
    fresh = open_store(shops.store.location.url)
    stored = fresh.forecast(name)
    np.testing.assert_array_equal(stored["entrant_share"].sel(market=2, entrant="Z"), one.share[:, 4])
    rows = fresh.sql(f"select * from forecasts where forecast = '{name}' and firm = 'Z' order by time")
    np.testing.assert_array_equal(rows["share"], one.share[1:, 4])
    taken = fresh.sql(
        f"select sum(taken) as taken from forecast_takings where forecast = '{name}' "
        "group by time order by time"
    )
    np.testing.assert_allclose(taken["taken"], [0.0, *one.share[1:, 4]], atol=1e-12)


SCENARIO = """
scenario: new
horizon: 5
entrants:
  A: {efforts: {discount: 0.1, place: 0.1}}
  Z: {enters: "+9", efforts: {discont: 0.1}}
  Y: {like: Q, effect: 1}
  X: {like: Q}
"""


def test_every_problem_of_entrants_is_reported_with_its_line(shops, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO)
    with pytest.raises(ConfigError, match="got like Q and the effect 1; expected one of like and effect"):
        load_settings(Scenario, path, what="scenario")
    path.write_text(SCENARIO.replace(", effect: 1", ""))
    with pytest.raises(ConfigError) as wrong:
        forecast(shops, load_settings(Scenario, path, what="scenario"))
    text = str(wrong.value)
    assert f"{path}:5: entrants.A: got the entrant 'A', which is a firm of the data" in text
    assert f"{path}:6: entrants.Z.enters: got '+9', period 9; expected one of the 5 periods" in text
    assert "Did you mean 'discount'?" in text
    assert "expected what it does with discount, place, too, or a firm that it is like" in text
    assert f"{path}:8: entrants.X.like: got the firm 'Q'" in text
    nobody = scenario(entrants={"Z": {"efforts": {"discount": 0.1, "place": 0.1}}}, markets=[1])
    with pytest.raises(QueryError, match="No firm entered in the data"):
        forecast(shops, nobody)
