"""Errors of forecasts: by hand."""

import numpy as np
import pytest

from pipeline.models.predictive import PredictiveDistribution
from pipeline.validation.metrics import METRICS
from pipeline.validation.scores import Yardstick, changes_scale, fit_rmse, period_errors


def errors_of(predicted, observed, *, naive, scale, totals=(10.0, 10.0)):
    predicted, observed, naive = (np.array([row], float) for row in (predicted, observed, naive))
    active = ~np.isnan(observed)
    covariance = 0.01 * np.eye(observed.size)[None]
    predicted = PredictiveDistribution(predicted, covariance, np.array([totals[0]]))
    found = period_errors(
        predicted, observed, active, np.array([totals[1]]), Yardstick(np.array(scale, float), naive)
    )
    return dict(zip(METRICS, found[0], strict=True))


def test_measures_by_hand():
    found = errors_of([0.6, 0.4], [0.5, 0.5], naive=[0.7, 0.3], scale=[0.05, 0.2], totals=(12.0, 10.0))
    assert found["rmse"] == pytest.approx(0.1)
    assert found["mae"] == pytest.approx(0.1)
    assert found["mase"] == pytest.approx((0.1 / 0.05 + 0.1 / 0.2) / 2)
    assert found["gmrae"] == pytest.approx(0.5)
    # Sales 7.2 and 4.8 were forecast, 5 and 5 came.
    assert found["sales_mape"] == pytest.approx((0.44 + 0.04) / 2)


def test_absent_firms_do_not_count():
    found = errors_of([0.5, 0.5, np.nan], [0.8, 0.2, np.nan], naive=[0.8, 0.2, np.nan], scale=[1, 1, 1])
    assert found["rmse"] == found["mae"] == pytest.approx(0.3)


def test_relative_errors_are_winsorised():
    perfect_yardstick = errors_of([0.6, 0.4], [0.5, 0.5], naive=[0.5, 0.5], scale=[1, 1])
    assert perfect_yardstick["gmrae"] == pytest.approx(100.0)
    perfect_forecast = errors_of([0.5, 0.5], [0.5, 0.5], naive=[0.6, 0.4], scale=[1, 1])
    assert perfect_forecast["gmrae"] == pytest.approx(0.01)
    nothing_to_compare = errors_of([0.5, 0.5], [0.5, 0.5], naive=[0.5, 0.5], scale=[1, 1])
    assert np.isnan(nothing_to_compare["gmrae"])


def test_scale_is_the_mean_change_while_present():
    share = np.array([[0.5, 0.5, np.nan], [0.3, 0.3, 0.4], [0.4, 0.3, 0.3]])
    found = changes_scale(share, ~np.isnan(share))
    np.testing.assert_allclose(found, [0.15, 0.1, 0.1])
    # Without any change there is nothing to divide by.
    assert np.isnan(changes_scale(np.full((3, 2), 0.5), np.ones((3, 2), bool))).all()


def test_fit_error_looks_at_present_firms_only():
    predicted, observed = np.array([[0.5, 0.5, 9.0]]), np.array([[0.8, 0.2, np.nan]])
    active = np.array([[True, True, False]])
    assert fit_rmse(predicted, observed, active) == pytest.approx(0.3)
    assert np.isnan(fit_rmse(predicted[:0], observed[:0], active[:0]))
