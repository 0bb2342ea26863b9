import numpy as np
import pytest

from pipeline.validation import n_training, share_errors, window_names


@pytest.mark.parametrize(
    ("n_times", "holdout", "expected"),
    [(100, 0.2, 80), (10, 0.0, 10), (10, 0.001, 9), (1, 0.5, 0), (3, 0.99, 0)],
)
def test_periods_to_train_on(n_times, holdout, expected):
    assert n_training(n_times, holdout) == expected


def test_windows():
    assert window_names(0.0) == ("all",)
    assert window_names(0.2) == ("all", "holdout")


def test_errors_look_at_present_firms_only():
    predicted, observed = np.array([[0.5, 0.5, 9.0]]), np.array([[0.8, 0.2, np.nan]])
    active = np.array([[True, True, False]])
    errors = share_errors(predicted, observed, active)
    assert errors["rmse"] == pytest.approx(0.3)
    assert errors["mae"] == pytest.approx(0.3)
    assert np.isnan(share_errors(predicted[:0], observed[:0], active[:0])["rmse"])
