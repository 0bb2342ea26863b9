"""Courses that efforts may take: as they moved before, all firms' together, nothing taken as normal."""

import numpy as np
import pytest
from scipy.signal import lfilter

from pipeline.models.effort_paths import PATHS, draw_efforts, effort_process

EVERYBODY = np.ones((200, 3), dtype=bool)


def test_flags_stay_flags_and_are_on_as_often_as_they_were():
    rng = np.random.default_rng(1)
    flags = (rng.random((1, 200, 3)) < [0.1, 0.3, 0.6]).astype(float)
    flags[0, -1] = 1.0  # all on at the end: carried forward they would stay on
    drawn = effort_process(flags, EVERYBODY).draw(8, 4000, np.random.default_rng(2))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_allclose(drawn[:, 0, 4:].mean(axis=(0, 1)), flags[0].mean(axis=0), atol=0.06)


def test_a_persistent_effort_spreads_as_its_past_says():
    rng = np.random.default_rng(3)
    prices = np.zeros((1, 400, 3))
    for t in range(1, 400):
        prices[0, t] = 0.8 * prices[0, t - 1] + rng.normal(0.0, 0.1, 3)
    prices[0, -1] = 0.3
    process = effort_process(prices, np.ones((400, 3), bool))
    assert abs(process.persistence[0] - 0.8) < 0.05
    drawn = process.draw(6, 4000, np.random.default_rng(4))[:, 0]
    np.testing.assert_allclose(drawn[:, 0].std(axis=0), 0.1, rtol=0.15)
    np.testing.assert_allclose(drawn[:, 4].std(axis=0), 0.1 * np.sqrt((1 - 0.8**10) / (1 - 0.64)), rtol=0.2)
    np.testing.assert_allclose(drawn[:, 1].mean(axis=0), 0.3 * 0.8**2, atol=0.04)


def test_what_firms_do_together_they_do_together_in_every_course():
    rng = np.random.default_rng(5)
    common = rng.normal(size=(1, 200, 1))
    efforts = common + 0.1 * rng.normal(size=(1, 200, 3))
    drawn = effort_process(efforts, EVERYBODY).draw(4, 2000, np.random.default_rng(6))[:, 0, 2]
    assert np.corrcoef(drawn.T)[0, 1] > 0.95


def test_an_effort_that_never_varied_stays_and_a_course_varies_around_what_it_is_told_to():
    efforts = np.full((1, 200, 3), 0.25)
    np.testing.assert_array_equal(draw_efforts(efforts, EVERYBODY, 5), np.full((PATHS, 1, 5, 3), 0.25))
    rng = np.random.default_rng(7)
    noisy = np.round(rng.normal(size=(1, 200, 3)), 2)
    around = np.zeros((1, 5, 3)) + np.linspace(-1.0, 1.0, 5)[:, None]
    drawn = effort_process(noisy, EVERYBODY).draw(5, 4000, rng, around)[:, 0]
    np.testing.assert_allclose(drawn.mean(axis=0), around[0], atol=0.15)


def test_a_firm_that_came_late_draws_from_its_own_time():
    rng = np.random.default_rng(8)
    efforts, active = rng.normal(size=(1, 200, 3)), EVERYBODY.copy()
    active[:150, 2] = False
    efforts[0, :150, 2] = np.nan
    efforts[0, 150:, 2] += 5.0
    drawn = draw_efforts(efforts, active, 6)
    assert np.isfinite(drawn).all()
    assert drawn[..., 2].mean() > 4.0
    active[:198, 2] = False
    efforts[0, :198, 2] = np.nan
    short = draw_efforts(efforts, active, 6)
    assert np.ptp(short[..., 2]) == 0.0, "two periods show nothing: it goes on as it was"
    assert short[0, 0, 0, 2] == efforts[0, -1, 2]


def test_one_period_is_carried_on_as_it_is():
    efforts = np.array([[[0.1, 0.4]]])
    drawn = draw_efforts(efforts, np.ones((1, 2), bool), 3)
    np.testing.assert_array_equal(drawn, np.broadcast_to([0.1, 0.4], (PATHS, 1, 3, 2)))


@pytest.mark.parametrize("persistence", [0.0, 0.6])
def test_sums_over_periods_to_come_fall_into_their_bands(persistence):
    """Sixty periods tell little of the level, which a sum feels: 64 to 70 % without its doubt, 89 with it."""
    rng, horizon, held = np.random.default_rng(9), 20, []
    for _ in range(150):
        shocks = rng.normal(size=(1, 200 + 60 + horizon, 4))
        efforts = lfilter([1.0], [1.0, -persistence], shocks, axis=1)[:, 200:]
        process = effort_process(efforts[:, :60], np.ones((60, 4), bool))
        sums = process.draw(horizon, 200, rng)[:, 0].sum(axis=1)
        low, high = np.quantile(sums, [0.05, 0.95], axis=0)
        come = efforts[0, 60:].sum(axis=0)
        held.append((low <= come) & (come <= high))
    # 600 sums: a standard error of 1.3 points.
    assert 0.84 < np.mean(held) < 0.94
