"""The speed of adjustment against simulated shares."""

import numpy as np
import pytest

from kernels.motion.shares import simulate_shares
from pipeline.models.adjustment import adjustment_rate, half_life

SETTINGS = {"jump_price": 40.0, "reference_sales": 10.0}


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.8])
def test_small_deviations_from_the_long_run_halve_in_the_half_life(gamma):
    response = np.array([0.3, 0.5, 0.4])
    long_run = response ** (1 / (1 - gamma))
    long_run /= long_run.sum()
    total = np.array([12.0])
    rate = adjustment_rate(response[None], long_run[None], total, returns_to_scale=gamma, **SETTINGS)
    duration = half_life(rate)
    start = long_run + np.array([1e-4, -4e-5, -6e-5])
    end = simulate_shares(start, response[None], total, duration, returns_to_scale=gamma, **SETTINGS)
    np.testing.assert_allclose(end[0] - long_run, (start - long_run) / 2, rtol=2e-3)


def test_beyond_one_firms_part():
    share, response = np.array([[0.5, 0.5]]), np.array([[0.4, 0.4]])
    rate = adjustment_rate(response, share, np.array([10.0]), returns_to_scale=1.5, **SETTINGS)
    assert rate[0] < 0.0
    assert np.isnan(half_life(rate)[0])
    neutral = adjustment_rate(response, share, np.array([10.0]), returns_to_scale=1.0, **SETTINGS)
    assert np.isinf(half_life(neutral)[0])


def test_absent_firms_do_not_invest():
    response, share = np.array([[0.4, 0.4, np.nan]]), np.array([[0.5, 0.5, np.nan]])
    rate = adjustment_rate(response, share, np.array([10.0]), returns_to_scale=0.0, **SETTINGS)
    assert rate[0] == pytest.approx(10.0 * 0.8 / 40.0)
