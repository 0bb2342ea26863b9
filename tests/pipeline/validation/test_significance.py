"""Tests of equal accuracy: by hand, against statsmodels, and of the right size."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import t as student

from pipeline.validation.significance import diebold_mariano, paired_bootstrap


def test_one_period_ahead_is_the_t_test():
    difference = np.array([0.1, 0.3, -0.1, 0.2, 0.4])
    expected = difference.mean() / (difference.std(ddof=1) / np.sqrt(5))
    found = diebold_mariano(difference)
    assert found.statistic == pytest.approx(expected)
    assert found.p == pytest.approx(2 * student.sf(expected, 4))


@pytest.mark.parametrize("horizon", [2, 4])
def test_overlap_is_that_of_statsmodels_with_the_small_sample_factor(horizon):
    rng = np.random.default_rng(horizon)
    noise = rng.normal(size=60 + horizon)
    difference = 0.2 + np.convolve(noise, np.ones(horizon), "valid")[:60]
    uniform = sm.OLS(difference, np.ones(60)).fit(
        cov_type="HAC", cov_kwds={"maxlags": horizon - 1, "kernel": "uniform"}
    )
    factor = np.sqrt((61 - 2 * horizon + horizon * (horizon - 1) / 60) / 60)
    assert diebold_mariano(difference, horizon).statistic == pytest.approx(uniform.tvalues[0] * factor)


def test_the_test_rejects_as_often_as_it_says():
    rng = np.random.default_rng(0)
    rejected = sum(diebold_mariano(rng.normal(size=12)).p < 0.05 for _ in range(2000))
    # Binomial with 2000 trials: 5 % give or take four standard errors.
    assert abs(rejected / 2000 - 0.05) < 0.02


def test_the_test_finds_what_is_there():
    rng = np.random.default_rng(1)
    assert diebold_mariano(rng.normal(-1.0, 0.5, 20)).p < 0.001


def test_nothing_to_compare():
    assert diebold_mariano(np.zeros(10)).p == 1.0
    assert np.isnan(diebold_mariano(np.array([0.1, np.nan])).p)
    assert np.isnan(diebold_mariano(np.full(3, np.nan)).mean)


@pytest.mark.parametrize("horizon", [1, 3])
def test_many_tests_at_once_are_those_of_each_without_what_is_missing(horizon):
    rng = np.random.default_rng(4)
    differences = rng.normal(0.2, 1.0, (60, 7))
    differences[rng.random((60, 7)) < 0.3] = np.nan
    differences[0], differences[1], differences[2] = np.nan, 0.0, 0.5
    found = diebold_mariano(differences.reshape(6, 10, 7), horizon)
    assert found.p.shape == (6, 10)
    alone = [diebold_mariano(row[~np.isnan(row)], horizon) for row in differences]
    assert found.n.ravel().tolist() == [test.n for test in alone]
    for name in ("mean", "statistic", "p"):
        np.testing.assert_allclose(getattr(found, name).ravel(), [getattr(test, name) for test in alone])


def test_bootstrap_interval_is_that_of_the_mean():
    rng = np.random.default_rng(2)
    difference = rng.normal(0.3, 1.0, 200)
    found = paired_bootstrap(difference)
    half = 1.96 * difference.std() / np.sqrt(200)
    assert found.low == pytest.approx(difference.mean() - half, abs=0.02)
    assert found.high == pytest.approx(difference.mean() + half, abs=0.02)
    assert found == paired_bootstrap(difference)
    assert found.p < 0.001
    assert paired_bootstrap(difference - difference.mean()).p > 0.9


def test_bootstrap_leaves_out_missing_markets_and_needs_two():
    assert paired_bootstrap(np.array([0.1, np.nan, 0.3])).mean == pytest.approx(0.2)
    assert np.isnan(paired_bootstrap(np.array([0.1, np.nan])).p)


@pytest.mark.parametrize("shift", [0.0, 0.004, 0.02])
def test_many_markets_give_what_resampling_them_comes_to(shift):
    random = np.random.default_rng(3)
    difference = random.lognormal(sigma=0.7, size=20_000)
    difference += shift - difference.mean()
    found = paired_bootstrap(difference)
    drawn = np.array([difference[random.integers(0, 20_000, 20_000)].mean() for _ in range(1000)])
    width = drawn.std()
    np.testing.assert_allclose([found.low, found.high], np.quantile(drawn, (0.025, 0.975)), atol=0.25 * width)
    sides = min((drawn <= 0.0).mean(), (drawn >= 0.0).mean())
    assert found.p == pytest.approx(min(2.0 * sides, 1.0), abs=0.06)
    assert paired_bootstrap(np.zeros(20_000)).p == 1.0
