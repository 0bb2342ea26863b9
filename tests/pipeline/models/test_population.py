"""Empirical Bayes: the population is found again, whatever priors and blind markets were in between."""

import numpy as np
import pytest

from pipeline.models.population import Evidence, estimate_population, evidence_of

MEAN, SPREAD = np.array([-2.0, 0.5, 1.0]), np.array([0.4, 0.1, 1.0])


def draw(n_markets, noise, seed=0):
    """True parameters of markets, and estimates of them with known covariances, different in every market."""
    random = np.random.default_rng(seed)
    theta = MEAN + SPREAD * random.standard_normal((n_markets, 3))
    root = noise * random.uniform(0.5, 2.0, (n_markets, 1, 1)) * (np.eye(3) + 0.3)
    covariance = root @ root.transpose(0, 2, 1)
    value = theta + np.einsum("kij,kj->ki", root, random.standard_normal((n_markets, 3)))
    return theta, value, covariance


def estimate(evidence):
    return estimate_population(evidence, np.zeros(3), np.ones(3))


def test_the_population_is_recovered():
    _, value, covariance = draw(2000, 0.3)
    found = estimate(evidence_of(value, covariance))
    np.testing.assert_allclose(found.mean, MEAN, atol=0.06)
    np.testing.assert_allclose(found.spread, SPREAD, rtol=0.2)
    # The plain spread of the estimates holds their errors too, and is much too large.
    assert (value.std(axis=0)[:2] > 1.2 * SPREAD[:2]).all()


def test_taking_off_a_prior_gives_the_same_population():
    """An estimate under a prior is the data and the prior together; the prior must leave no trace."""
    _, value, covariance = draw(50, 0.3)
    mean, spread = np.array([5.0, -5.0, 0.0]), np.array([0.5, 2.0, np.inf])
    held = np.diag(1.0 / spread**2)
    shrunk = np.linalg.inv(np.linalg.inv(covariance) + held)
    drawn = np.einsum(
        "kij,kj->ki", shrunk, np.einsum("kij,kj->ki", np.linalg.inv(covariance), value) + held @ mean
    )
    plain = evidence_of(value, covariance)
    taken_off = evidence_of(drawn, shrunk, mean, np.tile(spread, (50, 1)))
    np.testing.assert_allclose(taken_off.precision, plain.precision, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(taken_off.shift, plain.shift, rtol=1e-8, atol=1e-7)


def test_markets_that_know_nothing_change_nothing():
    _, value, covariance = draw(300, 0.3)
    expected = estimate(evidence_of(value, covariance))
    blind = np.full_like(value[:40], np.nan)
    found = estimate(
        evidence_of(np.concatenate([value, blind]), np.concatenate([covariance, np.full((40, 3, 3), np.nan)]))
    )
    np.testing.assert_allclose(found.mean, expected.mean, rtol=0.05)
    np.testing.assert_allclose(found.spread, expected.spread, rtol=0.1)


def test_what_nobody_has_seen_stays_with_its_belief():
    evidence = Evidence(np.zeros((9, 2, 2)), np.zeros((9, 2)))
    evidence.precision[:, 0, 0], evidence.shift[:, 0] = 100.0, 300.0
    found = estimate_population(
        evidence, np.array([0.0, 0.7]), np.array([1.0, 0.2]), prior_spread=np.array([10.0, 0.2])
    )
    assert found.mean[0] == pytest.approx(3.0, abs=0.01)
    assert found.spread[0] < 0.1
    assert found.mean[1] == pytest.approx(0.7)
    assert found.spread[1] == pytest.approx(0.2, rel=0.05)
