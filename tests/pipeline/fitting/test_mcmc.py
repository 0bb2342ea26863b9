"""Posterior draws agree with the covariance where the problem is nearly linear."""

import numpy as np
import pytest

from pipeline.config.sections.fit import FitSection
from pipeline.errors import PlanError
from pipeline.fitting.uncertainty.covariance import covariance_of
from pipeline.fitting.uncertainty.refits import mcmc as uncertainty_mcmc
from pipeline.fitting.uncertainty.refits.mcmc import sample_posterior
from pipeline.models.composing.build import build_model

pytest.importorskip("emcee")


@pytest.fixture
def fitted(markets):
    model = build_model(
        markets.variant("investment"),
        markets.noisy("investment", 2),
        markets.efforts,
        FitSection(gain=0.0),
        {},
    )
    theta = model.fit_many(model.start[np.newaxis], max_evaluations=300).value[0]
    residual = model.residual(theta)
    covariance = covariance_of(model.jacobian(theta), residual @ residual / (residual.size - model.n_free))
    stderr = np.full(theta.size, np.nan)
    stderr[model.vary] = covariance.stderr
    return model, theta, stderr


def test_draws_have_the_spread_of_the_covariance(fitted):
    model, theta, stderr = fitted
    posterior = sample_posterior(model, theta, stderr, steps=400, burn=100, walkers=16, seed=1)
    assert posterior.values.shape == (300 * 16, theta.size)
    assert 0.2 < posterior.acceptance < 0.9
    free = model.vary
    np.testing.assert_allclose(posterior.values[:, free].std(axis=0), stderr[free], rtol=0.25)
    np.testing.assert_allclose(
        posterior.values[:, free].mean(axis=0), theta[free], atol=0.4 * stderr[free].max()
    )
    assert np.all(posterior.values[:, ~free] == theta[~free])


def test_the_same_seed_draws_the_same(fitted):
    first, second = (sample_posterior(*fitted, steps=20, burn=5, seed=3).values for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_refusals(fitted, monkeypatch):
    model, theta, stderr = fitted
    with pytest.raises(ValueError, match="without any determined parameter"):
        sample_posterior(model, theta, np.full_like(stderr, np.nan))
    monkeypatch.setattr(uncertainty_mcmc, "has_emcee", lambda: False)
    with pytest.raises(PlanError, match=r"beed\[mcmc\]"):
        sample_posterior(model, theta, stderr)
