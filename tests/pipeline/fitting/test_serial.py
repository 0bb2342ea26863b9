"""Autocorrelation of errors, measured on residuals that a fit has flattened."""

import numpy as np
import pytest

from kernels.least_squares.residual import MarketData
from pipeline.fitting.uncertainty.residual_space import residual_space
from pipeline.fitting.uncertainty.serial import correlation_matrix, measure_serial_correlation

PERIODS, FIRMS = 60, 4


@pytest.fixture(scope="module")
def space():
    active = np.ones((PERIODS, FIRMS), dtype=np.bool_)
    share = np.full(active.shape, 1.0 / FIRMS)
    ones = np.ones(PERIODS)
    return residual_space(MarketData(np.zeros((1, *active.shape)), active, share, ones, ones, 1.0, 0))


def draw(space, rng, rho):
    errors = rng.standard_normal((PERIODS, FIRMS))
    for period in range(1, PERIODS):
        errors[period] = rho * errors[period - 1] + np.sqrt(1.0 - rho**2) * errors[period]
    return space.to_rows(errors)


def slow_design(space):
    """Trends and slow waves of every coordinate, orthonormal: they take most of a slow error away."""
    time = np.linspace(-1.0, 1.0, PERIODS)
    waves = [np.ones(PERIODS), time, time**2, np.sin(3 * time), np.cos(5 * time)]
    rows = [np.outer(wave, np.eye(FIRMS - 1)[k]).ravel() for wave in waves for k in range(FIRMS - 1)]
    return np.linalg.qr(np.array(rows).T)[0].T


@pytest.mark.parametrize("rho", [-0.4, 0.0, 0.5, 0.8])
def test_the_correlation_of_errors_is_found_without_bias(space, rho):
    rng = np.random.default_rng(7)
    taken = slow_design(space)
    found, naive, variance = [], [], []
    for _ in range(150):
        error = draw(space, rng, rho)
        residual = error - taken.T @ (taken @ error)
        serial = measure_serial_correlation(space, residual, taken)
        found.append(serial.coefficient)
        variance.append(serial.variance)
        firms = space.to_firms(residual)
        naive.append(np.sum(firms[1:] * firms[:-1]) / np.sum(firms**2))
    spread = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(rho, abs=max(4 * spread, 0.02))
    # What everyone computes is too small, the more the slower errors are.
    assert np.mean(naive) < rho - 0.1 * max(rho, 0.3)
    assert np.median(variance) == pytest.approx(1.0, abs=0.15)


def test_significance_has_its_size(space):
    rng = np.random.default_rng(8)
    taken = slow_design(space)
    hits = 0
    for _ in range(200):
        error = draw(space, rng, 0.0)
        hits += measure_serial_correlation(space, error - taken.T @ (taken @ error), taken).significant
    assert 0 < hits < 24  # 10 expected
    error = draw(space, rng, 0.6)
    assert measure_serial_correlation(space, error, np.empty((0, error.size))).significant


def test_too_little_to_measure(space):
    short = residual_space(
        MarketData(
            np.zeros((1, 3, 2)), np.ones((3, 2), bool), np.full((3, 2), 0.5), np.ones(3), np.ones(3), 1.0, 0
        ),
    )
    assert np.isnan(measure_serial_correlation(short, np.ones(3), np.empty((0, 3))).coefficient)
    perfect = measure_serial_correlation(space, np.zeros(space.n_rows), np.empty((0, space.n_rows)))
    assert np.isnan(perfect.coefficient)
    assert perfect.variance == 0.0


def test_correlation_falls_with_time_between():
    matrix = correlation_matrix(np.array([1.0, 2.0, 5.0]), 0.5)
    np.testing.assert_allclose(matrix[0], [1.0, 0.5, 0.5**4])
    np.testing.assert_allclose(correlation_matrix(np.array([1.0, 2.0, 3.0]), -0.5)[0], [1.0, -0.5, 0.25])
