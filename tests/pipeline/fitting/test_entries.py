"""Shares that firms enter with, known up to an error: what fits, replicates and later periods make of it."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from kernels.least_squares.market import PLAIN
from kernels.numeric.simplex import helmert_basis
from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.fitting.uncertainty.refits.bootstrap import draw_markets
from pipeline.models.composing.build import build_model
from pipeline.models.effects.market_course import MarketCourse
from pipeline.models.one_step import modelled_shares
from pipeline.models.priors import entry_spread
from pipeline.panel.market import first_periods
from tests.support.market_of import market_of

FORMS = ("investment", "proportional", "scaled")
PERIODS, FIRMS = 36, 5
SLOPE, NOISE = 0.2, 0.05
ENTRIES = ("entry.0", "entry.4", "entry.1")


def variant_of(form):
    additive = form == "proportional"
    curves = FrozenMapping({"u": "linear"})
    return Variant(
        name=form,
        form=form,
        response=ResponseChoice("r", "r", "identity" if additive else "exp", curves),
        firm_effects="none",
        carry_over=FrozenMapping({"u": "none"}),
    )


def simulate(seed=0):
    """A market of the proportional form, its true errors of first shares; by formulas of its own.

    Two firms enter together, one of those that are there leaves and comes back.
    """
    rng = np.random.default_rng(seed)
    active = np.ones((PERIODS, FIRMS), dtype=bool)
    active[:10, [0, 4]] = active[20:23, 1] = False
    efforts = rng.normal(size=(PERIODS, FIRMS))
    state, true = rng.dirichlet(np.full(FIRMS, 9.0)), np.empty(active.shape)
    for t in range(PERIODS):
        before = active[t - 1] if t else active[0]
        moved = np.where(active[t] & before, state * np.exp(SLOPE * efforts[t]), 0.0)
        entering = active[t] & ~before
        moved = moved / moved.sum() * (1.0 - 0.15 * entering.sum())
        state = true[t] = np.where(entering, 0.15, moved)
    error = NOISE * rng.normal(size=active.shape)
    seen = np.where(active, true * np.exp(error), np.nan)
    seen /= np.nansum(seen, axis=1, keepdims=True)
    market = market_of(seen, np.where(active, efforts, np.nan)[np.newaxis], active=active)
    found = []
    for t, i, rest in ((10, 0, [1, 2, 3]), (10, 4, [1, 2, 3]), (23, 1, [0, 2, 3, 4])):
        odds = [np.log(share[t, i] / share[t, rest].sum()) for share in (true, seen)]
        found.append(odds[0] - odds[1])
    return market, np.array(found)


def fit(market, form="proportional", **settings):
    section = FitSection(starts=1, autocorrelation=0.0, **settings)
    return calibrate_market(variant_of(form), market, ("u",), section, np.random.SeedSequence(1))


def test_errors_of_first_shares_are_found():
    found, errors, spread = [], [], []
    for seed in range(12):
        market, error = simulate(seed)
        record = fit(market, gain=(0.0,))
        rows = [record.names.index(name) for name in ENTRIES]
        found.append(record.value[rows])
        spread.append(record.stderr[rows])
        errors.append(error)
    found, errors = np.array(found), np.array(errors)
    assert np.corrcoef(found.ravel(), errors.ravel())[0, 1] > 0.9
    assert np.std((found - errors) / spread) == pytest.approx(1.0, abs=0.35)


def independent_cost(market, weight):
    """Half the sum of squares of the proportional form with gain 0, written for this market alone."""
    active, share, effort = market.active, market.share, np.nan_to_num(market.efforts[0])
    places = {(10, 0): 0, (10, 4): 1, (23, 1): 2}

    def rows(theta):
        slope, errors, start = theta[0], theta[1:4], np.append(theta[4:6], 0.0)
        level, rest = np.full(FIRMS, -np.inf), [1, 2, 3]
        level[rest] = start
        found = []
        for t in range(PERIODS):
            moving = active[t] & (active[t - 1] if t else True)
            level = np.where(moving, level + slope * effort[t], -np.inf)
            here = np.flatnonzero(moving)
            found.append(helmert_basis(here.size) @ (level[here] - np.log(share[t, here])))
            level = level - np.log(np.exp(level[here]).sum())
            for (period, firm), number in places.items():
                if period == t:
                    odds = share[t, firm] / share[t, here].sum()
                    level[firm] = np.log(odds) + errors[number]
        return np.concatenate([*found, weight * errors])

    return rows


def test_no_other_search_finds_better():
    market, _ = simulate(3)
    record = fit(market, gain=(0.0,))
    model, theta = record.model, record.theta
    weight = 1.0 / entry_spread(model.data, np.eye(FIRMS), 0.0)
    np.testing.assert_allclose(model.prior_weight[model.entries], weight)
    rows = independent_cost(market, weight)
    began = 3 + np.arange(2)  # initial log-ratios: a weak belief in them changes next to nothing
    best = min(
        least_squares(rows, np.concatenate([[0.1], np.zeros(3), 0.3 * noise]), xtol=1e-12).cost
        for noise in np.random.default_rng(0).normal(size=(5, began.size))
    )
    own = model.residual(theta)
    data = np.concatenate([own[: model.n_residuals], weight * theta[model.entries]])
    assert 0.5 * data @ data == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_a_gain_of_one_begins_at_the_observed_share(form):
    market, _ = simulate(1)
    free = fit(market, form, gain=(1.0,))
    held = fit(market, form, gain=(1.0,), fixed=dict.fromkeys(ENTRIES, 0.0))
    np.testing.assert_allclose(free.value[:1], held.value[:1], rtol=1e-7)
    np.testing.assert_allclose(free.theta[free.model.entries], 0.0, atol=1e-9)
    np.testing.assert_allclose(free.share, held.share, atol=1e-9)


def test_with_observed_starts_first_shares_are_taken_as_they_are():
    record = fit(simulate(1)[0], initial="observed", gain=(0.0,))
    assert not [name for name in record.names if name.startswith(("entry.", "initial."))]


@pytest.mark.parametrize("residual", ["ilr", "share"])
@pytest.mark.parametrize("gain", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("form", FORMS)
def test_replicates_differ_from_their_model_by_the_errors_drawn(form, gain, residual):
    market, _ = simulate(2)
    section = FitSection(gain=("estimated",), autocorrelation=0.0, residual=residual)
    model = build_model(variant_of(form), market, ("u",), section, {})
    theta = model.start.copy()
    theta[model.names.index("gain")] = gain
    theta[model.entries] = [0.1, -0.2, 0.15]
    rng = np.random.default_rng(0)
    size = 0.002 if model.data.kind == PLAIN else 0.05
    errors = size * rng.normal(size=(1, PERIODS, FIRMS))
    drawn = draw_markets(model, theta, errors)
    seen, given = drawn.share[0], model.data.share
    other = theta.copy()
    places = [(10, 0, [1, 2, 3]), (10, 4, [1, 2, 3]), (23, 1, [0, 2, 3, 4])]
    for row, (t, i, rest) in zip(model.entries, places, strict=True):
        other[row] += np.log(given[t, i] / given[t, rest].sum()) - np.log(seen[t, i] / seen[t, rest].sum())
    again = build_model(
        variant_of(form),
        market_of(np.where(market.active, seen, np.nan), market.efforts, active=market.active),
        ("u",),
        section,
        {},
    )
    if model.data.kind == PLAIN:
        assert np.abs(again.residual(other)).max() < 10.0 * size
        return
    found = again.residual(other)
    moving = market.active & np.vstack([market.active[:1], market.active[:-1]])
    rows = [helmert_basis(here.sum()) @ -errors[0, t, here] for t, here in enumerate(moving)]
    np.testing.assert_allclose(found[: again.n_residuals], np.concatenate(rows), atol=1e-11)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ends", [11, 24, 30])
def test_windows_that_end_after_an_entry_go_on_from_it(form, ends):
    """Whatever the window ends at, the course goes on as one of all periods with the same errors does."""
    market, _ = simulate(4)
    section = FitSection(gain=("estimated",), autocorrelation=0.0)
    part = build_model(variant_of(form), first_periods(market, ends), ("u",), section, {})
    theta = part.start.copy()
    theta[part.names.index("gain")] = 0.3
    theta[part.entries] = 0.2
    ahead = modelled_shares(part, theta, market, "estimated")
    whole = build_model(variant_of(form), market, ("u",), section, {})
    same = whole.start.copy()
    for name, value in zip(part.names, theta, strict=True):
        same[whole.names.index(name)] = value
    # Before the last correction of the window both have seen the same.
    course = MarketCourse(part, theta, first_periods(market, ends), "estimated")
    np.testing.assert_allclose(course.modelled, ahead[:ends], atol=1e-12)
    np.testing.assert_allclose(ahead[: ends + 1], whole.shares(same)[: ends + 1], atol=1e-12)
    moved, _, state = course.carry_on(course.state[0][None], 1, None, course.error[None, 1:])
    np.testing.assert_allclose(moved[0], course.modelled[1:], atol=1e-10)
    np.testing.assert_allclose(state[0], course.state[1:], atol=1e-10)
