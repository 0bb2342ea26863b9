"""Priors by name, and degrees of freedom that count what the data decide."""

import numpy as np
import pytest

from pipeline.models.priors import Prior, effective_parameters, family_of, prior_of


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("price", "price"),
        ("price.h", "price.h"),
        ("price.lag2", "price.lag2"),
        ("price.own.Dr. Own. Brand", "price.own"),
        ("price.lag1.cross.A.B", "price.lag1.cross"),
        ("constant.A.own.B", "constant"),
        ("initial.A", "initial"),
    ],
)
def test_parameters_belong_to_families(name, family):
    assert family_of(name) == family


def test_the_nearest_belief_counts():
    prior = prior_of(
        ("price", "price.own.A", "price.own.B", "deal"), {"price.own": (0, 1), "price.own.B": (2, 3)}
    )
    np.testing.assert_array_equal(prior.mean, [0, 0, 2, 0])
    np.testing.assert_array_equal(prior.spread, [np.inf, 1, 3, np.inf])
    np.testing.assert_array_equal(prior.weight(0.5), [0, 0.5, 0.5 / 3, 0])
    np.testing.assert_array_equal(prior.scaled(2.0).spread, [np.inf, 2, 6, np.inf])
    assert not prior.empty
    assert Prior(np.zeros(2), np.full(2, np.inf)).empty


def test_effective_parameters_are_the_trace_of_the_hat_matrix():
    random = np.random.default_rng(0)
    jacobian = random.standard_normal((4, 30)) * np.array([[1.0], [1e-4], [1e4], [1.0]])
    weight = np.array([0.0, 2e-4, 3e4, 5.0])
    hat = jacobian.T @ np.linalg.inv(jacobian @ jacobian.T + np.diag(weight**2)) @ jacobian
    assert effective_parameters(jacobian, weight) == pytest.approx(np.trace(hat), rel=1e-9)


def test_effective_parameters_run_from_none_to_all():
    jacobian = np.random.default_rng(0).standard_normal((4, 30))
    count = [effective_parameters(jacobian, np.full(4, weight)) for weight in (0.0, 1.0, 10.0, 1e3, 1e8)]
    assert count[0] == 4.0
    assert count == sorted(count, reverse=True)
    assert count[-1] == pytest.approx(0.0, abs=1e-10)


def test_a_direction_that_only_the_prior_sees_costs_nothing():
    jacobian = np.random.default_rng(0).standard_normal((3, 30))
    jacobian[2] = 0.0
    assert effective_parameters(jacobian, np.array([0.0, 0.0, 1.0])) == pytest.approx(2.0)
    twins = np.concatenate([jacobian[:1], jacobian[:1]])
    assert effective_parameters(twins, np.array([0.0, 1e-6])) == pytest.approx(1.0, abs=1e-6)
