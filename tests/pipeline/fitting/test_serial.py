"""Autocorrelation of errors, measured on residuals that a fit has flattened."""

import numpy as np
import pytest

from kernels.least_squares.residual import MarketData
from pipeline.fitting.uncertainty.residual_space import residual_space
from pipeline.fitting.uncertainty.serial import (
    SerialCorrelation,
    autocorrelation,
    correlation_matrix,
    measure_serial_correlation,
    unit_root,
    without_correlation,
)

PERIODS, FIRMS = 60, 4


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


def autoregression(space, rng, near, far, walk=False):
    errors = rng.standard_normal((PERIODS + 100, FIRMS))
    for period in range(2, len(errors)):
        errors[period] += near * errors[period - 1] + far * errors[period - 2]
    return space.to_rows(np.cumsum(errors[100:], axis=0) if walk else errors[100:])


@pytest.mark.parametrize(("near", "far", "order"), [(0.0, 0.0, 0), (0.6, 0.0, 1), (0.6, -0.4, 2)])
def test_the_order_is_found(space, near, far, order):
    rng = np.random.default_rng(9)
    taken = slow_design(space)
    found = []
    for _ in range(60):
        error = autoregression(space, rng, near, far)
        found.append(measure_serial_correlation(space, error - taken.T @ (taken @ error), taken))
    assert np.mean([serial.order == order for serial in found]) > 0.8
    if order == 2:
        assert np.mean([serial.partial for serial in found]) == pytest.approx(far, abs=0.05)
        assert np.mean([serial.coefficient for serial in found]) == pytest.approx(near / (1 - far), abs=0.05)


def test_random_walks_are_not_rejected_and_errors_that_return_are(space):
    rng = np.random.default_rng(10)
    taken = slow_design(space)[:3]
    held, rejected = [], []
    for near, walk, into in ((0.0, True, held), (0.6, False, rejected)):
        for _ in range(40):
            error = autoregression(space, rng, near, 0.0, walk)
            residual = error - taken.T @ (taken @ error)
            serial = measure_serial_correlation(space, residual, taken)
            into.append(unit_root(space, residual, taken, serial, rng) > 0.05)
    assert np.mean(held) > 0.8
    assert np.mean(rejected) < 0.1


@pytest.mark.parametrize("partial", [0.0, 0.3, -0.4, -0.16 / 1.16])
def test_correlations_of_order_two_follow_their_recursion_and_are_taken_out(partial):
    rho = 0.6
    serial = SerialCorrelation(rho, 1.0, 50.0, True, partial)
    near, far = serial.coefficients
    expected = [1.0, rho]
    for _ in range(10):
        expected.append(near * expected[-1] + far * expected[-2])
    np.testing.assert_allclose(autocorrelation(12, rho, partial), expected, atol=1e-6)
    matrix = correlation_matrix(np.arange(12.0), rho, partial)
    root = np.linalg.cholesky(matrix).T[:, :, None]
    # Errors with this correlation come out white, the first two included.
    white = without_correlation(root, rho, partial)[..., 0]
    np.testing.assert_allclose(white.T @ white, np.eye(12) * (1 - rho**2) * (1 - far**2), atol=1e-6)


@pytest.mark.parametrize(("rho", "partial"), [([0.5, -0.3], [0.0, 0.0]), ([0.9, 0.2, 0.0], [-0.4, 0.3, 0.0])])
def test_correlations_of_several_fits_are_those_of_each(rho, partial):
    found = autocorrelation(9, np.array(rho), np.array(partial))
    for row, first, second in zip(found, rho, partial, strict=True):
        np.testing.assert_allclose(row, autocorrelation(9, first, second), rtol=1e-12)
