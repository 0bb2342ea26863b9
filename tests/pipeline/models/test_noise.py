"""Covariance of the errors of firms: found where the data tell, drawn to equal firms where they do not."""

import numpy as np
import pytest

from kernels.numeric.simplex import helmert_basis
from pipeline.models.noise import estimate_noise
from pipeline.models.predictive import error_covariance

DEVIATION = np.array([0.02, 0.04, 0.05, 0.1])


def draw(periods, deviation, seed=0, coming_and_going=False):
    """Errors of log shares, a common term taken out of each period."""
    rng = np.random.default_rng(seed)
    errors = rng.normal(size=(periods, deviation.size)) * deviation
    if coming_and_going:
        errors[: periods // 3, 0] = errors[periods // 2 :, 2] = np.nan
    return errors - np.nanmean(errors, axis=1, keepdims=True)


def deviations(noise):
    return np.sqrt(np.diag(noise.covariance))


@pytest.mark.parametrize("coming_and_going", [False, True])
def test_deviations_of_firms_are_found_though_only_differences_are_seen(coming_and_going):
    samples = [draw(2000, DEVIATION, seed, coming_and_going) for seed in range(6)]
    found = np.mean([deviations(estimate_noise("by_firm", errors)) for errors in samples], axis=0)
    np.testing.assert_allclose(found, DEVIATION, rtol=0.06)


def test_the_full_covariance_is_found():
    rng = np.random.default_rng(1)
    root = rng.normal(size=(4, 4)) * DEVIATION[:, None]
    errors = rng.normal(size=(20_000, 4)) @ root.T
    found = estimate_noise("full", errors - errors.mean(axis=1, keepdims=True)).covariance
    basis = helmert_basis(4)
    expected = basis @ root @ root.T @ basis.T
    np.testing.assert_allclose(basis @ found @ basis.T, expected, atol=0.06 * np.abs(expected).max())


def test_without_weights_forecasts_have_the_covariance_that_is_found():
    errors = draw(30, DEVIATION)
    noise = estimate_noise("homogeneous", errors, used=6.0)
    # Three log-ratios in each of 30 periods, of which a fit took six.
    np.testing.assert_allclose(noise.covariance, error_covariance(errors) * 90.0 / 84.0)
    assert noise.parameters == 0.0


@pytest.mark.parametrize("kind", ["by_firm", "full"])
def test_short_series_are_drawn_to_alike_firms(kind):
    """Firms that are alike stay so in most short series; those that are not are told apart in long ones."""

    def spread(periods, deviation):
        samples = [draw(periods, deviation, seed) for seed in range(40)]
        found = [np.log(deviations(estimate_noise(kind, errors))) for errors in samples]
        return np.mean(np.ptp(found, axis=1))

    alike = np.full(4, 0.05)
    naive = np.mean([np.ptp(np.log(draw(8, alike, seed).std(axis=0))) for seed in range(40)])
    assert spread(8, alike) < 0.4 * naive
    assert spread(8, DEVIATION) < 0.75 * spread(100, DEVIATION)
    free = [estimate_noise(kind, draw(n, DEVIATION)).parameters for n in (6, 20, 400)]
    most = 3 if kind == "by_firm" else 5
    assert free[0] < free[1] < free[2] < most
    assert free[2] > 0.95 * most


@pytest.mark.parametrize("kind", ["homogeneous", "by_firm", "full"])
def test_the_order_of_the_firms_does_not_matter(kind):
    order = [2, 0, 3, 1]
    errors = draw(40, DEVIATION, coming_and_going=True)
    expected = estimate_noise(kind, errors, used=5.0).covariance[np.ix_(order, order)]
    found = estimate_noise(kind, errors[:, order], used=5.0).covariance
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("kind", ["by_firm", "full"])
def test_two_firms_have_one_variance(kind):
    errors = draw(40, np.array([0.02, 0.1]))
    noise = estimate_noise(kind, errors, used=4.0)
    np.testing.assert_allclose(noise.covariance, np.sum(errors**2) / (40 - 4) * np.eye(2), rtol=1e-12)
    assert noise.parameters == 0.0


@pytest.mark.parametrize("kind", ["by_firm", "full"])
def test_size_is_that_of_the_errors(kind):
    """Whatever the shape, weighted squares are one a degree of freedom."""
    errors = draw(25, DEVIATION)
    basis = helmert_basis(4)
    rows = errors @ basis.T
    of_rows = basis @ estimate_noise(kind, errors, used=7.0).covariance @ basis.T
    assert np.sum(rows * np.linalg.solve(of_rows, rows.T).T) == pytest.approx(75 - 7)


def test_a_firm_that_never_moved_is_an_average_one():
    errors = np.column_stack([draw(60, DEVIATION), np.full(60, np.nan)])
    found = deviations(estimate_noise("by_firm", errors))
    assert found[:4].min() < found[4] < found[:4].max()


@pytest.mark.parametrize("kind", ["homogeneous", "by_firm", "full"])
@pytest.mark.parametrize("errors", [np.zeros((5, 3)), np.full((5, 3), np.nan), np.zeros((5, 1))])
def test_without_errors_there_is_a_little_noise(kind, errors):
    noise = estimate_noise(kind, errors)
    assert np.all(np.isfinite(noise.covariance))
    assert 0.0 < noise.covariance[0, 0] < 1e-9
