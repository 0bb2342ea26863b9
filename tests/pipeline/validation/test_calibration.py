"""Whether forecasts spread as what comes does: where it comes in them, and the test that it is even."""

import numpy as np

from pipeline.models.predictive import PredictiveDistribution, shift_shares
from pipeline.validation.calibration import PIT_BINS, coverage, pit_counts, uniformity


def counted(wider, count=400, seed=0):
    """Counts (market, bin) of forecasts of 3 firms whose spread is ``wider`` than the truth's."""
    rng = np.random.default_rng(seed)
    active = np.ones((5, 3), bool)
    groups = []
    for _ in range(count):
        share = rng.dirichlet(np.full(3, 20.0), size=5)
        observed = shift_shares(share, 0.1 * rng.normal(size=(5, 3)))
        spread = np.tile((0.1 * wider) ** 2 * np.eye(3), (5, 1, 1))
        predicted = PredictiveDistribution(share, spread, np.ones(5))
        groups.append(pit_counts(predicted, observed, active).sum(axis=0))
    return np.array(groups)


def test_right_forecasts_have_even_transforms_and_bands_hold_what_they_say():
    groups = counted(1.0)
    assert groups.shape[1] == PIT_BINS
    assert groups.sum() == 400 * 15
    assert uniformity(groups).p > 0.01
    assert abs(coverage(groups, 0.9) - 0.9) < 0.02
    assert abs(coverage(groups, 0.5) - 0.5) < 0.03


def test_narrow_and_wide_forecasts_are_found():
    narrow, wide = counted(0.6, 100), counted(1.6, 100)
    assert coverage(narrow, 0.9) < 0.8 < 0.95 < coverage(wide, 0.9)
    assert max(uniformity(narrow).p, uniformity(wide).p) < 1e-6


def test_absent_firms_and_missing_forecasts_are_not_counted():
    share = np.array([[0.5, 0.5, np.nan], [np.nan, np.nan, np.nan]])
    predicted = PredictiveDistribution(share, np.tile(0.01 * np.eye(3), (2, 1, 1)), np.ones(2))
    observed = np.array([[0.6, 0.4, np.nan], [0.2, 0.3, 0.5]])
    active = np.array([[True, True, False], [True, True, True]])
    np.testing.assert_array_equal(pit_counts(predicted, observed, active).sum(axis=1), [2, 0])


def test_forecasts_that_hang_together_do_not_make_a_finding():
    """In every group one common error decides: independent counts would reject nearly always."""
    rejected = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        place = (np.clip(rng.random((40, 1)) + 0.05 * rng.normal(size=(40, 25)), 0.0, 0.999) * 10).astype(int)
        groups = np.array([np.bincount(row, minlength=10) for row in place])
        groups[:, [0, -1]] = groups[:, [1, -2]]
        rejected.append((uniformity(groups).p < 0.05, uniformity(groups).effect))
    part, effect = np.mean(rejected, axis=0)
    assert part < 0.12
    assert effect > 3.0
    assert np.isnan(uniformity(np.ones((3, 10), int)).p), "three groups do not tell"
