"""Innovations of errors that hang together over time, against the dense covariance of an autoregression."""

import numpy as np
import pytest

from kernels.least_squares.serial_errors import kept_and_weight, take_out_correlation

MOVING = np.ones((7, 4), dtype=bool)
CHANGING = MOVING.copy()
CHANGING[:3, 1] = CHANGING[5:, 0] = False
DURATION = np.array([1.0, 1.0, 2.0, 1.0, 1.0, 3.0, 1.0])


def rows_of(moving, first, seed=0):
    count = int(np.maximum(moving[first:].sum(axis=1) - 1, 0).sum())
    return np.random.default_rng(seed).normal(size=count)


def innovations(rho, rows, moving, first, duration=DURATION, columns=0):
    residual, jacobian = rows.copy(), np.zeros((columns, rows.size))
    column = columns - 1
    take_out_correlation(rho, column, first, moving, duration, residual, jacobian)
    return residual, jacobian


def covariance(rho, moving, first, duration=DURATION):
    """Of rows by period: correlated within each stretch of periods with the same firms."""
    period = np.repeat(np.arange(first, len(moving)), np.maximum(moving[first:].sum(axis=1) - 1, 0))
    place = np.concatenate([np.arange((period == t).sum()) for t in range(first, len(moving))])
    changed = np.ones(len(moving), dtype=int)
    changed[1:] = (moving[1:] != moving[:-1]).any(axis=1)
    stretch, end = np.cumsum(changed)[period], np.cumsum(duration)[period]
    apart = np.abs(end[:, None] - end)
    together = (stretch[:, None] == stretch) & (place[:, None] == place)
    return np.where(together, rho**apart, 0.0)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("moving", [MOVING, CHANGING])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_squares_of_innovations_are_the_likelihood_of_the_dense_covariance(rho, moving, first):
    rows, dense = rows_of(moving, first), covariance(rho, moving, first)
    residual, _ = innovations(rho, rows, moving, first)
    volume = np.exp(np.linalg.slogdet(dense)[1] / rows.size)
    np.testing.assert_allclose(residual @ residual, volume * rows @ np.linalg.solve(dense, rows), rtol=1e-10)


@pytest.mark.parametrize("rho", [-0.6, 0.3, 0.9])
def test_slope_in_the_autocorrelation(rho):
    rows, step = rows_of(CHANGING, 0), 1e-6
    _, jacobian = innovations(rho, rows, CHANGING, 0, columns=1)
    above, below = (innovations(rho + k * step, rows, CHANGING, 0)[0] for k in (1, -1))
    np.testing.assert_allclose(jacobian[0], (above - below) / (2 * step), atol=1e-8)


def test_columns_of_the_jacobian_are_treated_as_the_residual_is():
    rows, other = rows_of(MOVING, 1), rows_of(MOVING, 1, seed=1)
    residual, jacobian = rows.copy(), np.stack([other, np.zeros_like(rows)])
    take_out_correlation(0.4, 1, 1, MOVING, DURATION, residual, jacobian)
    np.testing.assert_allclose(jacobian[0], innovations(0.4, other, MOVING, 1)[0], rtol=1e-13)


def test_without_autocorrelation_rows_stay_as_they_are():
    rows = rows_of(CHANGING, 0)
    np.testing.assert_allclose(innovations(0.0, rows, CHANGING, 0)[0], rows, rtol=1e-14)


@pytest.mark.parametrize("first", [0, 1])
def test_kept_and_weight_say_the_same_of_whole_periods(first):
    rows = rows_of(MOVING, first).reshape(-1, 3)
    kept, weight = kept_and_weight(0.7, first, MOVING, DURATION)
    before = np.vstack([np.zeros(3), rows[:-1]])
    expected = weight[first:, None] * (rows - kept[first:, None] * before)
    found, _ = innovations(0.7, rows.ravel(), MOVING, first)
    np.testing.assert_allclose(found.reshape(-1, 3), expected, rtol=1e-12)
