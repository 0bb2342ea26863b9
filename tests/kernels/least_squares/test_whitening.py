"""Rows in units of the covariance of their errors, and its likelihood."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from kernels.least_squares.whitening import firm_roots, make_whitening, scaled_covariance, whiten
from kernels.numeric.simplex import helmert_basis

FIRMS = 4


@pytest.fixture
def moving():
    """Firms come and go: five memberships, one of a single firm."""
    moving = np.ones((9, FIRMS), dtype=np.bool_)
    moving[2:4, 1] = moving[5, [0, 2]] = moving[6, :3] = moving[8, 3] = False
    return moving


@pytest.fixture
def covariance():
    root = np.random.default_rng(3).normal(size=(FIRMS, FIRMS + 2))
    return 0.01 * root @ root.T


def rows_of(errors, moving):
    return np.concatenate(
        [helmert_basis(there.sum()) @ row[there] for row, there in zip(errors, moving, strict=True)]
    )


def whitened(covariance, errors, moving, first=0):
    rows = rows_of(errors[first:], moving[first:])
    factor, membership = make_whitening(covariance, moving)
    whiten(factor, membership, first, moving, rows, np.empty(FIRMS))
    return rows


@pytest.mark.parametrize("first", [0, 1])
def test_sum_of_whitened_squares_is_the_likelihood(moving, covariance, first):
    errors = np.random.default_rng(4).normal(size=moving.shape)
    expected = 0.0
    for row, there in zip(errors[first:], moving[first:], strict=True):
        if there.sum() > 1:
            basis = helmert_basis(there.sum())
            of_rows = basis @ covariance[np.ix_(there, there)] @ basis.T
            expected += multivariate_normal(cov=of_rows).logpdf(basis @ row[there])
    scaled = scaled_covariance(covariance, moving, first)
    rows = whitened(scaled, errors, moving, first)
    # No determinant: scaled, they multiply to 1. What is left is the common variance.
    variance = covariance[0, 0] / scaled[0, 0]
    likelihood = -0.5 * (rows.size * np.log(2.0 * np.pi * variance) + rows @ rows / variance)
    assert likelihood == pytest.approx(expected, rel=1e-12)


def test_errors_alike_are_left_as_they_are(moving):
    errors = np.random.default_rng(5).normal(size=moving.shape)
    alike = scaled_covariance(7.0 * np.eye(FIRMS), moving, 0)
    np.testing.assert_allclose(whitened(alike, errors, moving), rows_of(errors, moving), rtol=1e-13)


def test_a_common_term_of_all_firms_does_not_matter(moving, covariance):
    errors = np.random.default_rng(6).normal(size=moving.shape)
    np.testing.assert_allclose(
        whitened(covariance + 5.0, errors, moving), whitened(covariance, errors, moving), rtol=1e-9, atol=1e-9
    )


def test_the_order_of_the_firms_does_not_matter(moving, covariance):
    order = np.array([2, 0, 3, 1])
    errors = np.random.default_rng(7).normal(size=moving.shape)
    turned = whitened(covariance[np.ix_(order, order)], errors[:, order], moving[:, order])
    rows, position = whitened(covariance, errors, moving), 0
    for there in moving:
        part = slice(position, position + there.sum() - 1)
        position = part.stop
        # Deviations of the firms themselves, not only their sum of squares.
        back = np.zeros(FIRMS)
        back[order[there[order]]] = turned[part] @ helmert_basis(there.sum())
        np.testing.assert_allclose(back[there], rows[part] @ helmert_basis(there.sum()), atol=1e-12)


def test_roots_take_whitened_deviations_back(moving, covariance):
    errors = np.where(moving, np.random.default_rng(8).normal(size=moving.shape), 0.0)
    errors -= np.where(moving, errors.sum(axis=1, keepdims=True) / moving.sum(axis=1, keepdims=True), 0.0)
    rows, position = whitened(covariance, errors, moving), 0
    roots = firm_roots(make_whitening(covariance, moving), moving)
    for t, there in enumerate(moving):
        part = slice(position, position + there.sum() - 1)
        position = part.stop
        deviation = np.zeros(FIRMS)
        deviation[there] = rows[part] @ helmert_basis(there.sum())
        np.testing.assert_allclose(roots[t] @ deviation, errors[t], atol=1e-12)


def test_a_log_ratio_without_variance_is_refused(moving):
    with pytest.raises(ValueError, match="without any variance"):
        scaled_covariance(np.diag([1.0, 0.0, 0.0, 1.0]), moving, 0)
