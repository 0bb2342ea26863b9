"""Elasticities against laws, the static logit formula, and difference quotients of forecasts."""

from dataclasses import replace

import numpy as np
import pytest
from effects_market import GAMMA, KINDS, market_of, model_of
from priced_market import price_index

from pipeline.models.effects.elasticities import lasting_effects, long_run_effects
from pipeline.models.effects.market_course import MarketCourse, prolonged
from pipeline.models.one_step import expected_ahead, modelled_shares

HORIZONS = (1, 2, 5)
STEP = 1e-4
SHAPES = {
    "plain": {},
    "terms": {"further": True},
    "geometric": {"carry_over": "geometric"},
    "weibull": {"carry_over": "weibull"},
    "share": {"residual": "share"},
    "saturating": {"curve": "michaelis_menten"},
}


def forecast(model, theta, market, change, origin, ahead):
    """Shares that the product forecasts from the end of the data on, under changed efforts."""
    changed = replace(market, efforts=market.efforts + change)
    shares = modelled_shares(model, theta, changed, "estimated")
    return expected_ahead(model, theta, changed, shares, origin)[ahead]


@pytest.mark.parametrize("form", GAMMA)
@pytest.mark.parametrize("shape", SHAPES)
def test_they_are_difference_quotients_of_forecasts_and_add_up(form, shape):
    market = market_of(entrant=True)
    model, theta = model_of(form, market, **SHAPES[shape])
    known = len(market.times)
    course = MarketCourse(model, theta, market, "estimated", max(HORIZONS))
    origins = np.array([1, 11, 12, 19, 20, known])
    found = lasting_effects(course, KINDS, origins, HORIZONS)
    ends = np.stack([origins + horizon - 1 for horizon in HORIZONS])
    weighted = np.einsum("hskji,hsi->hskj", np.nan_to_num(found), np.nan_to_num(course.expected[ends]))
    assert np.abs(weighted).max() < 1e-12 * max(1.0, np.nanmax(np.abs(found)))
    market = prolonged(market, max(HORIZONS))
    for effort, maker in ((0, 0), (1, 0), (1, 2)):
        unit = np.zeros(market.efforts.shape)
        unit[effort, known:, maker] = 1.0 if effort == 0 else market.efforts[effort, -1, maker]
        for row, horizon in enumerate(HORIZONS):
            up, down = (
                forecast(model, theta, market, side * STEP * unit, known, horizon - 1) for side in (1.0, -1.0)
            )
            quotient = (np.log(up) - np.log(down)) / (2 * STEP)
            np.testing.assert_allclose(found[row, -1, effort, maker], quotient, atol=1e-6)


def test_under_other_efforts_the_errors_of_the_past_are_what_they_were():
    """In the middle of the data: errors are added again to what an independent walk gives."""
    market, origin, horizon = market_of(), 9, 4
    model, theta = model_of("scaled", market, gain=0.5, rho=0.0)
    course = MarketCourse(model, theta, market, "estimated")
    found = lasting_effects(course, KINDS, np.array([origin]), (horizon,))[0, 0, 1, 2]

    def walk(factor):
        efforts = market.efforts.copy()
        efforts[1, origin:, 2] *= factor
        state = course.state[origin - 1]
        f = model.response.evaluate(theta, efforts, market.duration)
        for t in range(origin, origin + horizon):
            modelled = course.step.equation.shares(
                state, f[t : t + 1], market.total_sales[t : t + 1], market.duration[t : t + 1]
            )[0]
            error = np.log(market.share[t] / course.modelled[t])
            state = modelled * np.exp(0.5 * error)
            state = state / state.sum()
        return np.log(modelled)

    assert walk(1.0) == pytest.approx(np.log(course.expected[origin + horizon - 1]), abs=1e-12)
    quotient = (walk(1.0 + STEP) - walk(1.0 - STEP)) / (2 * STEP)
    np.testing.assert_allclose(found, quotient, atol=1e-6)


def test_the_fast_limit_without_returns_to_scale_is_the_logit_formula():
    market = market_of()
    model, theta = model_of("investment", market, gain=0.0, rho=0.0)
    theta[model.names.index("jump_price")] *= 1e-4
    course = MarketCourse(model, theta, market, "estimated")
    origins = np.arange(1, 30)
    slope = theta[[model.names.index(name) for name in ("price", "money")]]
    unit = np.stack([np.ones_like(market.efforts[1]), market.efforts[1]])[:, 1:]
    share = course.modelled[1:]
    expected = np.einsum("k,ksj,sji->skji", slope, unit, np.eye(3) - share[:, :, None])
    for found in (lasting_effects(course, KINDS, origins, (1,))[0], long_run_effects(course, KINDS, origins)):
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("form", ["investment", "scaled"])
@pytest.mark.parametrize("shape", ["plain", "terms", "geometric"])
def test_the_long_run_is_where_lasting_changes_come_to(form, shape):
    market = market_of()
    model, theta = model_of(form, market, gain=0.0, **SHAPES[shape])
    course = MarketCourse(model, theta, market, "estimated", 150)
    origin = np.array([len(market.times)])
    late = lasting_effects(course, KINDS, origin, (150,))[0]
    np.testing.assert_allclose(long_run_effects(course, KINDS, origin), late, atol=1e-6)


@pytest.mark.parametrize("form", ["proportional", "lock-in"])
def test_without_a_long_run_it_is_the_change_of_growth(form):
    market = market_of()
    market = replace(market, duration=np.ones(30))
    model, theta = model_of(form, market, gain=0.0, rho=0.0)
    course = MarketCourse(model, theta, market, "estimated", 1)
    found = long_run_effects(course, KINDS, np.array([30]))[0, 1, 0]
    equation = course.step.equation

    def growth(factor):
        efforts = course.market.efforts.copy()
        efforts[1, :, 0] *= factor
        f = model.response.evaluate(theta, efforts)[30]
        part = 1e-6
        after = equation.shares(course.expected[30], f[None], course.market.total_sales[30:31], [part])[0]
        return np.log(after / course.expected[30]) / part

    np.testing.assert_allclose(found, (growth(1.01) - growth(0.99)) / 0.02, atol=1e-4 * np.abs(found).max())


@pytest.mark.parametrize(
    ("form", "shape"), [("scaled", "plain"), ("investment", "terms"), ("proportional", "geometric")]
)
def test_a_price_moves_the_index_of_every_firm(form, shape):
    """In the price itself, with firms that come and go; all prices together leave relative ones alone."""
    market = market_of(entrant=True)
    prices = np.where(market.active, np.exp(np.nan_to_num(market.efforts[0])), 0.0)

    def indexed(prices):
        there = np.where(prices > 0.0, prices, np.nan)
        return np.log(there / np.nanmean(there, axis=1, keepdims=True))

    market = replace(market, efforts=np.stack([indexed(prices), market.efforts[1]]))
    known, ahead = len(market.times), 3
    slope = price_index(prices).past_slope(market.active)
    slope = {0: np.concatenate([slope, np.repeat(slope[-1:], ahead, axis=0)])}
    model, theta = model_of(form, market, **SHAPES[shape])
    course = MarketCourse(model, theta, market, "estimated", ahead)
    origins = np.array([5, known])
    found = lasting_effects(course, KINDS, origins, (1, ahead), slope)[:, :, 0]
    assert np.abs(np.nansum(found, axis=2)).max() < 1e-12
    longer = prolonged(market, ahead)
    for maker in np.flatnonzero(market.active[-1]):
        sides = []
        for side in (1.0, -1.0):
            moved = np.concatenate([prices, np.repeat(prices[-1:], ahead, axis=0)])
            moved[known:, maker] *= np.exp(side * STEP)
            change = np.zeros(longer.efforts.shape)
            change[0] = np.where(longer.active, indexed(moved) - longer.efforts[0], 0.0)
            sides.append(np.log([forecast(model, theta, longer, change, known, h - 1) for h in (1, ahead)]))
        np.testing.assert_allclose(found[:, 1, maker], (sides[0] - sides[1]) / (2 * STEP), atol=1e-6)
    if form != "proportional":
        settled = long_run_effects(course, KINDS, origins, slope)[:, 0]
        assert np.abs(np.nansum(settled, axis=1)).max() < 1e-12
