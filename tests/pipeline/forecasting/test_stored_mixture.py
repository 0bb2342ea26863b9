"""What a store says of parameters: the fit composed again stands at its optimum, beliefs included."""

import numpy as np

from pipeline.results.stored_fit import read_fit, stored_mixture


def test_a_stored_fit_is_weighed_as_it_was_fitted(shops):
    for model in shops.variants:
        for market in shops.tables.labels("market").tolist()[:2]:
            fit = read_fit(shops, market, model)
            mixture, problem = stored_mixture(shops, fit, model), fit.problem
            residual, jacobian = problem.residual(fit.theta), problem.jacobian(fit.theta)
            cosine = (jacobian @ residual) / np.linalg.norm(jacobian, axis=1) / np.linalg.norm(residual)
            room = np.minimum(fit.theta - problem.lower, problem.upper - fit.theta)[problem.vary]
            assert problem.prior_weight.any()  # of the start and of the gain, at least
            np.testing.assert_allclose(cosine[room > 1e-6], 0.0, atol=1e-5)
            np.testing.assert_allclose(mixture.weight.sum(), 1.0)
