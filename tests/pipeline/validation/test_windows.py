"""Windows: which periods are fitted, and which are forecast."""

import pytest

from pipeline.config.sections.fit import ValidationSection
from pipeline.validation.windows import kind_of, n_steps, n_training, windows_of


@pytest.mark.parametrize(
    ("n_times", "holdout", "expected"),
    [(100, 0.2, 80), (10, 0.0, 10), (10, 0.001, 9), (1, 0.5, 0), (3, 0.99, 0)],
)
def test_periods_to_train_on(n_times, holdout, expected):
    assert n_training(n_times, holdout) == expected


def test_a_holdout_is_forecast_whole():
    windows = windows_of(ValidationSection(holdout=0.2))
    assert [window.name for window in windows] == ["all", "holdout"]
    assert [(window.n_training(100), window.n_ahead(100)) for window in windows] == [(100, 0), (80, 20)]


def test_rolling_origins_cover_the_end():
    windows = windows_of(ValidationSection(origins=3, horizon=2))[1:]
    assert [window.name for window in windows] == ["rolling-1", "rolling-2", "rolling-3"]
    assert [window.n_training(20) for window in windows] == [17, 18, 19]
    assert [window.n_ahead(20) for window in windows] == [2, 2, 1]
    assert {kind_of(window.name) for window in windows} == {"rolling"}


def test_origins_a_horizon_apart_forecast_every_period_once():
    windows = windows_of(ValidationSection(origins=3, horizon=4, step=4))[1:]
    ahead = [
        t
        for window in windows
        for t in range(window.n_training(30), window.n_training(30) + window.n_ahead(30))
    ]
    assert ahead == list(range(18, 30))


def test_rolling_origins_never_see_the_holdout():
    windows = windows_of(ValidationSection(holdout=0.25, origins=4, horizon=6))
    start = windows[1].n_training(40)
    assert start == 30
    for window in windows[2:]:
        assert window.n_training(40) + window.n_ahead(40) <= start
    assert n_steps(windows, 40) == 10


def test_a_market_without_enough_periods_is_not_forecast():
    for window in windows_of(ValidationSection(origins=5))[1:]:
        if window.n_training(3) == 0:
            assert window.n_ahead(3) == 0
