"""Pooling of errors: by hand."""

import numpy as np
import pytest

from pipeline.validation.metrics import METRICS, additive, pool

NAMES = tuple(METRICS)


def test_pooling_by_hand():
    errors = np.full((2, len(NAMES)), np.nan)
    for name, values in {"rmse": (3.0, 4.0), "mae": (1.0, 2.0), "gmrae": (0.5, 8.0)}.items():
        errors[:, NAMES.index(name)] = values
    pooled = dict(zip(NAMES, pool(errors, NAMES), strict=True))
    assert pooled["rmse"] == pytest.approx(np.sqrt(12.5))
    assert pooled["mae"] == pytest.approx(1.5)
    assert pooled["gmrae"] == pytest.approx(2.0)
    assert np.isnan(pooled["crps"])


def test_pooling_leaves_out_what_is_missing():
    errors = np.array([[[1.0], [np.nan]], [[3.0], [5.0]]])
    np.testing.assert_allclose(pool(errors, ("mae",), (0, 1)), [3.0])
    np.testing.assert_allclose(pool(errors, ("rmse",), 0), [[np.sqrt(5.0)], [5.0]])


@pytest.mark.parametrize("metric", ["rmse", "mae", "gmrae"])
def test_the_mean_of_additive_losses_is_what_is_pooled(metric):
    errors = np.array([0.2, 0.7, 1.3])
    mean = additive(errors, metric).mean()
    pooled = pool(errors[:, None], (metric,))[0]
    assert additive(np.array([pooled]), metric)[0] == pytest.approx(mean)
