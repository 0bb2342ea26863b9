"""Exponential smoothing against statsmodels."""

import numpy as np
import pytest
from statsmodels.tsa.holtwinters import SimpleExpSmoothing

from pipeline.validation.smoothing import smooth


def series(seed, weight, size=60):
    rng = np.random.default_rng(seed)
    level, values = 0.0, []
    for noise in rng.normal(0.0, 0.3, size):
        values.append(level + noise)
        level += weight * noise
    return np.array(values)


@pytest.mark.parametrize(("seed", "weight"), [(0, 0.3), (1, 0.6), (2, 0.9)])
def test_two_firms_are_one_series_of_statsmodels(seed, weight):
    log_ratio = series(seed, weight)
    found = smooth(np.stack([log_ratio, np.zeros_like(log_ratio)], axis=1))
    expected = SimpleExpSmoothing(log_ratio, initialization_method="estimated").fit()
    assert found.weight == pytest.approx(expected.params["smoothing_level"], abs=2e-3)
    assert np.diff(found.level)[0] == pytest.approx(-expected.forecast(1)[0], abs=1e-3)
    # Centred errors of two firms are half of those of their log-ratio; ours may not be worse.
    sse = 2.0 * np.nansum(found.errors**2)
    assert sse <= expected.sse * (1 + 1e-9)


def test_any_common_term_changes_nothing():
    rng = np.random.default_rng(3)
    log = rng.normal(size=(25, 4)).cumsum(axis=0)
    one, other = smooth(log), smooth(log + rng.normal(size=(25, 1)))
    assert one.weight == pytest.approx(other.weight, abs=1e-6)
    np.testing.assert_allclose(one.errors, other.errors, atol=1e-6)


def test_a_random_walk_and_noise_have_the_weights_of_theory():
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(300, 5))
    assert smooth(noise.cumsum(axis=0)).weight > 0.9
    assert smooth(noise).weight < 0.1


def test_who_enters_begins_at_the_share_it_enters_with():
    log = np.log(np.array([[0.6, 0.4, np.nan], [0.6, 0.4, np.nan], [0.3, 0.2, 0.5], [0.3, 0.2, 0.5]]))
    found = smooth(log)
    share = np.exp(found.level) / np.exp(found.level).sum()
    np.testing.assert_allclose(share, [0.3, 0.2, 0.5])
    np.testing.assert_allclose(np.nan_to_num(found.errors), 0.0, atol=1e-12)
