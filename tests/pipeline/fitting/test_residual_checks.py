"""Tests of residuals: undisturbed ones are flagged as often as promised, disturbed ones nearly always."""

import numpy as np
import pytest

from kernels.least_squares.residual import MarketData
from pipeline.fitting.uncertainty.residual_checks import check_residuals
from pipeline.fitting.uncertainty.residual_space import residual_space
from pipeline.fitting.uncertainty.serial import measure_serial_correlation

PERIODS, FIRMS, MARKETS = 60, 4, 200
NAMES = ("p_size_firms", "p_size_time", "p_break")


def flagged(space, count, rho=0.0, disturb=None):
    """Part of markets flagged at 5 % by each test; ``disturb`` changes errors (T, N) and slopes (T,)."""
    rng = np.random.default_rng(11)
    hits = np.zeros(len(NAMES))
    for _ in range(count):
        effort = rng.standard_normal((PERIODS, FIRMS))
        levels = np.repeat(np.eye(FIRMS)[:-1, None, :], PERIODS, axis=1)
        jacobian = space.to_rows(np.concatenate([effort[None], levels]))
        error = rng.standard_normal((PERIODS, FIRMS))
        for period in range(1, PERIODS):
            error[period] = rho * error[period - 1] + np.sqrt(1.0 - rho**2) * error[period]
        rows = space.to_rows(error if disturb is None else disturb(error, effort))
        taken = np.linalg.qr(jacobian.T)[0].T
        residual = rows - taken.T @ (taken @ rows)
        serial = measure_serial_correlation(space, residual, taken)
        found = check_residuals(space, residual, taken, jacobian, serial, rng).statistic
        hits += [found[name] < 0.05 for name in NAMES]
    return dict(zip(NAMES, hits / count, strict=True))


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_undisturbed_markets_are_flagged_one_time_in_twenty(space, rho):
    # 200 markets: a standard error of 1.5 points.
    for name, part in flagged(space, MARKETS, rho).items():
        assert 0.01 <= part <= 0.10, name


@pytest.mark.parametrize(
    ("name", "disturb"),
    [
        ("p_size_firms", lambda error, effort: error * [1.0, 1.0, 1.0, 2.5]),
        ("p_size_time", lambda error, effort: error * np.linspace(0.5, 2.0, PERIODS)[:, None]),
        ("p_break", lambda error, effort: error + effort * (np.arange(PERIODS) >= 30)[:, None]),
    ],
)
def test_disturbed_markets_are_found(space, name, disturb):
    assert flagged(space, 30, 0.0, disturb)[name] > 0.85


def test_a_break_is_found_where_it_is(space):
    rng = np.random.default_rng(12)
    effort = rng.standard_normal((PERIODS, FIRMS))
    jacobian = space.to_rows(effort[None])
    rows = space.to_rows(
        0.3 * rng.standard_normal(effort.shape) + effort * (np.arange(PERIODS) >= 25)[:, None]
    )
    taken = jacobian / np.linalg.norm(jacobian)
    residual = rows - taken.T @ (taken @ rows)
    serial = measure_serial_correlation(space, residual, taken)
    found = check_residuals(space, residual, taken, jacobian, serial, rng).statistic
    assert found["p_break"] == pytest.approx(0.01)
    assert found["break_period"] == pytest.approx(25, abs=2)


def test_too_little_says_nothing():
    short = residual_space(
        MarketData(
            np.zeros((1, 8, 3)), np.ones((8, 3), bool), np.full((8, 3), 1 / 3), np.ones(8), np.ones(8), 1.0, 0
        )
    )
    rng = np.random.default_rng(0)
    residual = rng.standard_normal(short.n_rows)
    none = np.empty((0, residual.size))
    serial = measure_serial_correlation(short, residual, none)
    found = check_residuals(short, residual, none, none, serial, rng).statistic
    assert all(np.isnan(found[name]) for name in NAMES)
