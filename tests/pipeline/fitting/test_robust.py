"""Sandwich covariances against formulas written out, and against white noise."""

import numpy as np
import pytest

from kernels.least_squares.residual import MarketData
from pipeline.fitting.uncertainty.covariance import covariance_of
from pipeline.fitting.uncertainty.residual_space import residual_space
from pipeline.fitting.uncertainty.robust import autoregressive, newey_west
from pipeline.fitting.uncertainty.serial import SerialCorrelation, correlation_matrix

PERIODS, FIRMS = 30, 3


@pytest.fixture
def problem():
    active = np.ones((PERIODS, FIRMS), dtype=np.bool_)
    ones = np.ones(PERIODS)
    data = MarketData(np.zeros((1, *active.shape)), active, np.full(active.shape, 1 / 3), ones, ones, 1.0, 0)
    space = residual_space(data)
    rng = np.random.default_rng(0)
    jacobian = rng.normal(size=(2, space.n_rows)) * np.array([[1.0], [100.0]])
    return space, jacobian, rng.normal(size=space.n_rows)


def test_newey_west_is_the_sum_of_weighted_products_of_scores(problem):
    space, jacobian, residual = problem
    covariance = covariance_of(jacobian, 1.0)
    found = newey_west(covariance, space, jacobian, residual, lag=2)
    scores = [jacobian[:, 2 * t : 2 * t + 2] @ residual[2 * t : 2 * t + 2] for t in range(PERIODS)]
    middle = np.zeros((2, 2))
    for s, first in enumerate(scores):
        for t, second in enumerate(scores):
            middle += max(1.0 - abs(s - t) / 3.0, 0.0) * np.outer(first, second)
    bread = np.linalg.inv(jacobian @ jacobian.T)
    np.testing.assert_allclose(found.matrix, bread @ middle @ bread * PERIODS / (PERIODS - 1.0), rtol=1e-10)
    assert found.degrees == pytest.approx(1.5 * PERIODS / 3)


def test_no_lag_is_no_correction_for_correlation(problem):
    space, jacobian, residual = problem
    covariance = covariance_of(jacobian, 1.0)
    assert np.all(np.diag(newey_west(covariance, space, jacobian, residual).matrix) > 0)
    assert newey_west(covariance, space, jacobian, residual, lag=10**6).degrees < 2.0


def test_autoregressive_is_the_sandwich_of_its_correlation(problem):
    space, jacobian, _ = problem
    covariance = covariance_of(jacobian, 1.0)
    found = autoregressive(covariance, space, jacobian[None], [SerialCorrelation(0.5, 0.04, 20.0, True)])
    omega = 0.04 * np.kron(correlation_matrix(space.elapsed, 0.5), np.eye(FIRMS - 1))
    bread = np.linalg.inv(jacobian @ jacobian.T)
    np.testing.assert_allclose(found.matrix[0], bread @ jacobian @ omega @ jacobian.T @ bread, rtol=1e-10)
    assert found.degrees == 20.0


@pytest.mark.parametrize("coefficient", [0.0, np.nan])
def test_white_errors_give_the_plain_covariance(problem, coefficient):
    space, jacobian, _ = problem
    covariance = covariance_of(jacobian, 0.04)
    serial = SerialCorrelation(coefficient, 0.04, 20.0, False)
    found = autoregressive(covariance, space, jacobian[None], [serial])
    np.testing.assert_allclose(found.matrix[0], covariance.matrix, rtol=1e-10)


def test_what_is_not_determined_stays_so(problem):
    space, jacobian, residual = problem
    covariance = covariance_of(np.array([jacobian[0], -jacobian[0], jacobian[1]]), 1.0)
    doubled = np.array([jacobian[0], -jacobian[0], jacobian[1]])
    found = newey_west(covariance, space, doubled, residual).matrix
    assert np.isnan(np.diag(found)).tolist() == [True, True, False]
