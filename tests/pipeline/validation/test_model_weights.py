"""Weights of models and the reading of γ."""

import numpy as np
import pytest

from pipeline.errors import QueryError
from pipeline.validation.model_weights import akaike_weights, regime, stacking_weights


def test_akaike_weights_by_hand():
    weights = akaike_weights(np.array([[10.0, np.nan], [12.0, 5.0], [np.nan, np.nan]]))
    expected = np.exp(-1.0) / (1 + np.exp(-1.0))
    np.testing.assert_allclose(weights, [[1 - expected, 0.0], [expected, 1.0], [0.0, 0.0]])
    assert np.isnan(akaike_weights(np.array([[np.nan], [np.nan]]))).all()


def test_stacking_of_two_forecasts_is_the_best_mixture_on_a_grid():
    rng = np.random.default_rng(0)
    density = rng.exponential(size=(2, 40)) * np.array([[1.0], [1.2]])
    grid = np.linspace(0, 1, 10_001)
    mixture = np.log(grid[:, None] * density[0] + (1 - grid[:, None]) * density[1]).mean(axis=1)
    weights = stacking_weights(np.log(density))
    assert weights[0] == pytest.approx(grid[np.argmax(mixture)], abs=1e-3)
    assert weights.sum() == pytest.approx(1.0)


def test_stacking_gives_nothing_to_a_forecast_that_is_always_worse():
    log_density = np.stack([np.zeros(20), np.full(20, -3.0)])
    np.testing.assert_allclose(stacking_weights(log_density), [1.0, 0.0], atol=1e-8)
    # Densities far below the smallest number count as well as others.
    np.testing.assert_allclose(stacking_weights(log_density - 1e5), [1.0, 0.0], atol=1e-8)
    with pytest.raises(QueryError, match="at least one period"):
        stacking_weights(np.empty((2, 0)))


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.2, 0.8, "coexistence"),
        (0.9, 1.1, "neutral"),
        (1.1, 1.4, "lock-in"),
        (np.nan, np.nan, "undetermined"),
    ],
)
def test_regimes(low, high, word):
    assert regime(low, high) == word
