import numpy as np
import pytest

from pipeline.fitting.uncertainty.covariance import correlation_of, covariance_of


def test_covariance_of_a_linear_regression():
    rng = np.random.default_rng(0)
    jacobian = rng.normal(size=(3, 50)) * np.array([[1.0], [1e-5], [1e5]])
    estimate = covariance_of(jacobian, 0.25)
    expected = 0.25 * np.linalg.inv(jacobian @ jacobian.T)
    np.testing.assert_allclose(estimate.matrix, expected, rtol=1e-8)
    assert estimate.rank == 3
    assert estimate.determined.all()
    assert np.all(np.abs(estimate.correlation) <= 1 + 1e-12)


def test_a_direction_without_data_has_no_standard_error():
    rng = np.random.default_rng(1)
    first, third = rng.normal(size=(2, 40))
    estimate = covariance_of(np.array([first, -2.0 * first, third, np.zeros(40)]), 1.0)
    assert estimate.determined.tolist() == [False, False, True, False]
    assert np.isnan(estimate.stderr).tolist() == [True, True, False, True]
    assert estimate.stderr[2] < 1.0
    assert estimate.rank == 2
    assert estimate.condition > 1e12


def test_fewer_residuals_than_parameters_determine_no_full_set():
    estimate = covariance_of(np.random.default_rng(2).normal(size=(5, 3)), 1.0)
    assert estimate.rank == 3
    assert not estimate.determined.any()


def test_nothing_free_has_an_empty_covariance():
    estimate = covariance_of(np.empty((0, 7)), 1.0)
    assert estimate.matrix.shape == (0, 0)
    assert estimate.rank == 0


def test_correlation_is_missing_where_the_variance_is():
    correlation = correlation_of(np.array([[4.0, 1.0, np.nan], [1.0, 1.0, np.nan], [np.nan, np.nan, np.nan]]))
    assert correlation[0, 1] == pytest.approx(0.5)
    assert np.isnan(correlation[2]).all()
