"""Contributions add up, and are what an independent account gives where there is one."""

from dataclasses import replace

import numpy as np
import pytest
from effects_market import GAMMA, market_of, model_of
from priced_market import price_index

from pipeline.models.effects.contributions import against, between
from pipeline.models.effects.market_course import MarketCourse

SHAPES = {"plain": {}, "terms": {"further": True}, "carried": {"carry_over": "geometric"}}


def course_of(form, *, entrant=False, **shape):
    market = market_of(entrant=entrant)
    model, theta = model_of(form, market, **shape)
    if form == "proportional":  # over 20 periods its growth adds up
        theta[[model.names.index(name) for name in ("price", "money")]] *= 0.3
    return MarketCourse(model, theta, market, "estimated")


@pytest.mark.parametrize("form", GAMMA)
@pytest.mark.parametrize(
    ("shape", "entrant"), [("plain", False), ("plain", True), ("terms", True), ("carried", False)]
)
def test_they_add_up(form, shape, entrant):
    course = course_of(form, entrant=entrant, **SHAPES[shape])
    found = between(course, 3, 22)
    np.testing.assert_allclose(found.rest[0], 0.0, atol=1e-8)
    np.testing.assert_allclose(found.rest[1], 0.0, atol=1e-8 * course.market.total_sales.max())
    np.testing.assert_allclose(found.after[0], np.nan_to_num(course.market.share[22]))
    # What one cause brings some firms it takes from others.
    for causes in (found.efforts[0], found.start[0], found.membership[0], found.lasting[0], found.last[0]):
        np.testing.assert_allclose(causes.sum(axis=-1), 0.0, atol=1e-12)
    assert found.membership.any() == entrant
    reference = course.market.efforts.copy()
    reference[1, 4:, 2] *= 0.5
    other = against(course, 3, 22, reference)
    np.testing.assert_allclose(other.rest, 0.0, atol=1e-6)
    assert np.abs(other.efforts[0, 0]).max() == np.abs(other.efforts[0, 1, :2]).max() == 0.0


@pytest.mark.parametrize("entrant", [False, True])
def test_plain_shares_add_up(entrant):
    found = between(course_of("investment", entrant=entrant, residual="share"), 3, 22)
    np.testing.assert_allclose(found.rest[0], 0.0, atol=1e-8)


def test_a_logit_without_memory_by_hand():
    """Shares are softmax of an index: then the integral is one along a line of indices."""
    course = course_of("investment", gain=0.0, rho=0.0)
    course.theta[course.model.names.index("jump_price")] *= 1e-4
    course = MarketCourse(course.model, course.theta, course.market, "estimated")
    found = between(course, 3, 4)
    slope = course.theta[[course.model.names.index(name) for name in ("price", "money")]]
    step = slope[:, None] * (course.market.efforts[:, 4] - course.market.efforts[:, 3])
    base = np.log(course.modelled[3])
    line, parts = np.linspace(0.0, 1.0, 4001), np.zeros((2, 3, 3))
    weights = np.full(line.size, 1.0)
    weights[[0, -1]] = 0.5
    for part, weight in zip(line, weights / 4000, strict=True):
        index = base + part * (step.sum(axis=0) + course.error[4])
        share = np.exp(index) / np.exp(index).sum()
        parts += weight * step[:, :, None] * (np.eye(3) - share[:, None]) * share
    np.testing.assert_allclose(found.efforts[0], parts, atol=1e-7)
    np.testing.assert_allclose(found.lasting[0], 0.0, atol=1e-12)


def test_what_did_not_change_did_nothing():
    course = course_of("scaled")
    course.market.efforts[0, 5:, 1] = course.market.efforts[0, 5, 1]
    course = MarketCourse(course.model, course.theta, course.market, "estimated")
    found = between(course, 5, 20)
    assert np.abs(found.efforts[:, 0, 1]).max() == 0.0
    assert np.abs(found.efforts[:, 0, 0]).max() > 0.0
    np.testing.assert_allclose(found.rest[0], 0.0, atol=1e-8)


@pytest.mark.parametrize(
    ("form", "entrant"), [("investment", False), ("scaled", True), ("proportional", False)]
)
def test_what_a_price_does_is_the_doing_of_who_sets_it(form, entrant):
    """Its index compares with the mean, so a rival's price moves it; only who changes theirs did that."""
    market = market_of(entrant=entrant)
    prices = np.where(market.active, np.exp(0.3 * np.nan_to_num(market.efforts[0])), 0.0)
    prices[5:, 2] = prices[5, 2]
    index = price_index(prices)
    market = replace(market, efforts=np.stack([index.index_among(prices, market.active), market.efforts[1]]))
    model, theta = model_of(form, market)
    course = MarketCourse(model, theta, market, "estimated")
    plain, found = between(course, 5, 19), between(course, 5, 19, [index])
    np.testing.assert_allclose(found.rest[0], 0.0, atol=1e-8)
    np.testing.assert_allclose(found.after, plain.after, atol=1e-12)
    assert np.abs(found.efforts[:, 0, 2]).max() == 0.0
    assert np.abs(plain.efforts[0, 0, 2]).max() > 1e-4, "its index moved, though not its price"
    reference = np.stack([np.where(prices > 0.0, prices, np.nan), market.efforts[1]])
    reference[0, 6:, 0] *= 1.2
    other = against(course, 5, 19, reference, [index])
    np.testing.assert_allclose(other.rest, 0.0, atol=1e-6)
    assert np.abs(other.efforts[0, 0, 1:]).max() == 0.0
