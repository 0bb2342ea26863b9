"""How far two vintages differ by chance: against regressions that are made again and again."""

import numpy as np
import pytest
from scipy import stats

from pipeline.vintages.change import TAILS, Periods, beyond, difference_variance


def mean_of(random, start, stop, noise, count):
    """Estimate a mean from periods of many series: its value, and its variance by theory."""
    return noise[:, start:stop].mean(axis=1), np.full(count, 1.0 / (stop - start))


@pytest.mark.parametrize(("then", "now"), [((0, 30), (0, 34)), ((0, 30), (4, 34)), ((0, 30), (10, 50))])
def test_the_variance_is_that_of_differences_that_are_simulated(then, now):
    random = np.random.default_rng(0)
    noise = random.standard_normal((20_000, 60))
    old, old_variance = mean_of(random, *then, noise, len(noise))
    new, new_variance = mean_of(random, *now, noise, len(noise))
    both = max(min(then[1], now[1]) - max(then[0], now[0]), 0)
    periods = Periods(then[1] - then[0], now[1] - now[0], both)
    expected = difference_variance(old_variance, new_variance, periods)
    assert np.var(new - old) == pytest.approx(expected[0], rel=0.05)


def test_a_difference_that_is_not_positive_is_that_of_average_periods():
    periods = Periods(30, 33, 30)
    variance = difference_variance(np.array([0.9, 2.0]), np.array([1.0, 1.0]), periods)
    np.testing.assert_allclose(variance, [3 / 30, 1.0])


def test_revised_figures_are_measured_in_the_errors_of_then():
    assert difference_variance(np.array([0.5]), np.array([0.4]), Periods(30, 30, 30)) == 0.5


def test_several_parameters_go_beyond_as_rarely_as_one():
    change = np.random.default_rng(1).standard_t(TAILS, (50_000, 6))
    change[:, 5] = np.nan
    found = beyond(change, 2.0)
    assert not found[:, 5].any()
    assert found.any(axis=1).mean() == pytest.approx(stats.norm.sf(2.0) * 2.0, rel=0.1)
    np.testing.assert_array_equal(beyond(np.array([[2.5, np.nan]]), 2.0), [[True, False]])
