"""Logistic-normal forecasts against scikit-learn, scipy and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm
from sklearn.covariance import OAS

from kernels.numeric.simplex import helmert_basis, ilr
from pipeline.models.predictive import PredictiveDistribution, crps, draw_shares, error_covariance, log_score


def centred(rng, shape):
    errors = rng.normal(size=shape) * np.linspace(0.5, 2.0, shape[1])
    return errors - errors.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("shape", [(30, 4), (6, 9), (200, 3)])
def test_shrinkage_is_that_of_scikit_learn(shape):
    errors = centred(np.random.default_rng(0), shape)
    basis = helmert_basis(shape[1])
    expected = OAS(assume_centered=True).fit(errors @ basis.T).covariance_
    np.testing.assert_allclose(basis @ error_covariance(errors) @ basis.T, expected, rtol=1e-6, atol=1e-9)


def test_a_firm_never_seen_varies_as_the_others_do():
    errors = centred(np.random.default_rng(1), (40, 3))
    with_new = np.column_stack([errors, np.full(40, np.nan)])
    covariance = error_covariance(with_new)
    assert covariance[3, 3] == pytest.approx(np.diag(covariance)[:3].mean(), rel=1e-6)
    assert np.linalg.eigvalsh(covariance).min() > 0.0


def predicted(share, covariance):
    share = np.atleast_2d(share)
    return PredictiveDistribution(share, np.tile(covariance, (len(share), 1, 1)), np.ones(len(share)))


def test_log_score_is_the_gaussian_density_of_log_ratios():
    rng = np.random.default_rng(2)
    expected, observed = rng.dirichlet(np.ones(4), 2)
    covariance = error_covariance(centred(rng, (50, 4)))
    basis = helmert_basis(4)
    density = multivariate_normal(ilr(expected), basis @ covariance @ basis.T).logpdf(ilr(observed))
    active = np.ones((1, 4), bool)
    assert log_score(predicted(expected, covariance), observed[None], active)[0] == pytest.approx(-density)


def test_log_score_does_not_exist_without_sales():
    active = np.ones((1, 3), bool)
    assert np.isnan(log_score(predicted([0.2, 0.3, 0.5], np.eye(3)), np.array([[0.0, 0.5, 0.5]]), active)[0])


def test_crps_of_nearly_gaussian_shares_is_the_closed_form():
    spread = 0.01
    forecast = predicted([0.5, 0.5], spread**2 * np.eye(2))
    observed = np.array([[0.503, 0.497]])
    # d share = share (1 - share) d log-ratio, which has the variance of two firms.
    sigma = 0.25 * spread * np.sqrt(2.0)
    z = 0.003 / sigma
    expected = sigma * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))
    found = crps(forecast, observed, np.ones((1, 2), bool))
    np.testing.assert_allclose(found, expected, rtol=0.05)


def test_crps_of_a_certain_forecast_is_the_absolute_error():
    forecast = predicted([0.5, 0.3, 0.2], np.zeros((3, 3)))
    found = crps(forecast, np.array([[0.4, 0.4, 0.2]]), np.ones((1, 3), bool))
    np.testing.assert_allclose(found, [[0.1, 0.1, 0.0]], atol=1e-12)


def test_draws_repeat_and_have_the_covariance():
    covariance = np.array([[0.04, 0.01, 0.0], [0.01, 0.02, 0.0], [0.0, 0.0, 0.01]])
    active = np.ones((1, 3), bool)
    draws = draw_shares(predicted([0.5, 0.3, 0.2], covariance), active, 20_000)
    np.testing.assert_array_equal(draws, draw_shares(predicted([0.5, 0.3, 0.2], covariance), active, 20_000))
    basis = helmert_basis(3)
    np.testing.assert_allclose(np.cov(ilr(draws[:, 0]).T), basis @ covariance @ basis.T, atol=1.5e-3)


def test_absent_firms_have_no_forecast_and_disturb_no_other():
    share = np.array([0.6, 0.4, np.nan])
    active = np.array([[True, True, False]])
    draws = draw_shares(predicted(share, np.eye(3) * 0.01), active)
    assert np.isnan(draws[..., 2]).all()
    np.testing.assert_allclose(draws[..., :2].sum(axis=-1), 1.0)
    observed = np.array([[0.6, 0.4, np.nan]])
    assert np.isfinite(log_score(predicted(share, np.eye(3) * 0.01), observed, active)[0])


def test_a_mixture_over_courses_has_the_mean_of_their_densities():
    rng = np.random.default_rng(11)
    courses = rng.dirichlet(np.full(3, 30.0), size=(5, 2))
    covariance = np.tile(0.02 * np.eye(3), (2, 1, 1))
    plain = PredictiveDistribution(courses[0], covariance, np.ones(2))
    observed, active = rng.dirichlet(np.full(3, 30.0), size=2), np.ones((2, 3), bool)
    each = np.array(
        [log_score(PredictiveDistribution(c, covariance, np.ones(2)), observed, active) for c in courses]
    )
    mixed = plain.over(courses)
    np.testing.assert_allclose(
        log_score(mixed, observed, active), -np.log(np.exp(-each).mean(axis=0)), rtol=1e-12
    )
    np.testing.assert_allclose(mixed.share.sum(axis=1), 1.0)
    same = plain.over(np.tile(courses[0], (4, 1, 1)))
    np.testing.assert_allclose(crps(same, observed, active), crps(plain, observed, active), rtol=1e-12)
    assert draw_shares(mixed, active).std(axis=0).min() > draw_shares(plain, active).std(axis=0).min()


@pytest.mark.parametrize(("firms", "small"), [(3, 0.3), (4, 0.1), (11, 0.1)])
def test_the_density_over_courses_is_that_of_what_they_are_drawn_from(firms, small):
    """Log shares that are normal under efforts that are normal: 64 courses score like the closed form."""
    rng = np.random.default_rng(5)
    active, over = np.ones((1, firms), bool), []
    for _ in range(60):
        logs = rng.standard_normal((65, 1, firms))
        logs[0] += small * rng.standard_normal((1, firms))
        shares = np.exp(logs) / np.exp(logs).sum(axis=-1, keepdims=True)
        level = np.full((1, firms), 1.0 / firms)
        exact = PredictiveDistribution(level, (1.0 + small**2) * np.eye(firms)[None], np.ones(1))
        narrow = PredictiveDistribution(level, small**2 * np.eye(firms)[None], np.ones(1))
        over.append(
            log_score(narrow.over(shares[1:]), shares[0], active) - log_score(exact, shares[0], active)
        )
    assert -0.1 < np.mean(over) < 0.15 * (firms - 1)


def test_courses_with_few_values_are_not_blurred():
    """An effort that is on or off, and small errors: each of 64 courses is one of two."""
    rng = np.random.default_rng(6)
    two = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
    courses = two[rng.permutation(np.arange(64) % 2)][:, None]
    plain = PredictiveDistribution(two[:1], 1e-4 * np.eye(3)[None], np.ones(1))
    active = np.ones((1, 3), bool)
    each = [log_score(replace(plain, share=one[None]), two[:1], active) for one in two]
    expected = -np.log(0.5 * np.exp(-np.array(each)).sum(axis=0))
    np.testing.assert_allclose(log_score(plain.over(courses), two[:1], active), expected, rtol=1e-9)


def test_a_course_that_leaves_a_firm_nothing_has_no_density():
    courses = np.array([[[0.2, 0.3, 0.5]], [[0.0, 0.4, 0.6]]])
    plain = PredictiveDistribution(courses[0], 0.02 * np.eye(3)[None], np.ones(1))
    observed, active = np.array([[0.25, 0.3, 0.45]]), np.ones((1, 3), bool)
    alone = log_score(plain, observed, active)
    np.testing.assert_allclose(log_score(plain.over(courses), observed, active), alone + np.log(2.0))
