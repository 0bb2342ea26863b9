"""Tests of residuals: undisturbed ones are flagged as often as promised, disturbed ones nearly always."""

from dataclasses import astuple

import numpy as np
import pytest
from statsmodels.api import OLS, add_constant
from statsmodels.stats.multivariate import test_mvmean as hotelling

from kernels.least_squares.residual import MarketData
from pipeline.fitting.uncertainty.residual_checks import check_residuals, check_residuals_together
from pipeline.fitting.uncertainty.residual_space import residual_space
from pipeline.fitting.uncertainty.serial import (
    SerialCorrelation,
    measure_serial_correlation,
    measure_serial_correlations,
)

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


def layout(periods, firms, absent=(), duration=1.0):
    active = np.ones((periods, firms), np.bool_)
    for period, firm in absent:
        active[period, firm] = False
    share, length = np.full(active.shape, 1.0 / firms), np.full(periods, duration)
    data = MarketData(np.zeros((1, *active.shape)), active, share, length, np.ones(periods), 1.0, 0)
    return residual_space(data)


def fits_of(space, count, parameters, rng):
    """Fits that lose directions, hang together, swing, or leave nothing."""
    residual = np.zeros((count, space.n_rows))
    directions = np.zeros((count, parameters, space.n_rows))
    jacobian = rng.standard_normal(directions.shape)
    counts = np.full(count, parameters)
    for fit in range(count):
        if fit % 3 == 1:
            jacobian[fit, 1:] = jacobian[fit, :1] * np.arange(2.0, parameters + 1)[:, None]
            counts[fit] = 1
        basis = np.linalg.qr(jacobian[fit, : counts[fit]].T)[0].T
        error = rng.standard_normal(space.active.shape)
        for period in range(2, len(error)):
            near, far = (0.9, 0.0) if fit % 4 == 1 else (0.5, -0.5)
            error[period] += near * error[period - 1] + far * error[period - 2]
        rows = space.to_rows(error)
        residual[fit] = 0.0 if fit == 5 else rows - basis.T @ (basis @ rows)
        directions[fit, : counts[fit]] = basis
        if fit == 6:
            # Drawn to a belief: the fit could not follow it all the way.
            directions[fit, 0] *= 0.7
    return residual, directions, counts, jacobian


@pytest.mark.parametrize(
    ("space", "parameters"),
    [
        (layout(26, 4), 3),
        (layout(40, 3, [(period, 0) for period in range(12)] + [(30, 1), (30, 2)]), 4),
        (layout(30, 2, [(7, 1)]), 2),
        (layout(8, 3), 2),
        (layout(4, 4), 2),
    ],
    ids=["whole", "absent", "two firms", "few periods", "fewest"],
)
def test_a_fit_does_not_depend_on_those_beside_it(space, parameters, monkeypatch):
    residual, directions, counts, jacobian = fits_of(space, 9, parameters, np.random.default_rng(3))
    rngs = [np.random.default_rng([4, fit]) for fit in range(9)]
    # Slices of few fits, so that there are several.
    monkeypatch.setattr("pipeline.fitting.uncertainty.residual_checks._AT_ONCE", 4 * residual.shape[1] * 8)
    serials = measure_serial_correlations(space, residual, directions, counts)
    found = check_residuals_together(space, residual, directions, counts, jacobian, serials, rngs)
    for fit in range(9):
        taken = directions[fit, : counts[fit]]
        serial = measure_serial_correlation(space, residual[fit], taken)
        np.testing.assert_allclose(astuple(serials[fit]), astuple(serial), rtol=1e-9)
        rng = np.random.default_rng([4, fit])
        alone = check_residuals(space, residual[fit], taken, jacobian[fit], serial, rng).statistic
        np.testing.assert_allclose(list(found[fit].statistic.values()), list(alone.values()), rtol=1e-8)
        assert list(found[fit].statistic) == list(alone)


def test_a_break_is_the_largest_score_over_all_that_could_be():
    """By regressions: every derivative up to every period, freed of the derivatives themselves."""
    space, rng = layout(40, 3), np.random.default_rng(5)
    residual, directions, counts, jacobian = fits_of(space, 1, 3, rng)
    serial = SerialCorrelation(0.0, 1.0, 50.0, False)
    found = check_residuals_together(
        space, residual, directions, counts, jacobian, [serial], [np.random.default_rng(6)]
    )
    basis, period = directions[0], np.repeat(np.arange(40), 2)
    flips = np.random.default_rng(6).choice([-1.0, 1.0], (99, 40))
    rows = np.vstack([residual[0], residual[0] * flips[:, period]])
    rows -= (rows @ basis.T) @ basis
    score = np.zeros((28, 3, 100))
    for after in range(6, 34):
        changed = np.where(period < after, jacobian[0], 0.0)
        changed -= (changed @ basis.T) @ basis
        score[after - 6] = np.abs(changed @ rows.T) / np.linalg.norm(changed, axis=1)[:, None]
    largest = score.max(axis=(0, 1)) / np.linalg.norm(rows, axis=1)
    assert found[0].statistic["p_break"] == np.mean(largest >= largest[0])
    assert found[0].statistic["break_period"] == 6 + np.argmax(score[..., 0].max(axis=1))


def test_sizes_are_compared_as_others_compare_them():
    """With nothing fitted, against statsmodels: Hotelling's T², and the F test of a regression on waves."""
    space, rng = layout(60, 4), np.random.default_rng(7)
    firms = space.to_firms(rng.standard_normal(space.n_rows) * np.repeat(np.linspace(1.0, 1.5, 60), 3))
    none = np.empty((0, space.n_rows))
    serial = SerialCorrelation(0.0, 1.0, 180.0, False)
    found = check_residuals(space, space.to_rows(firms), none, none, serial, rng).statistic
    size = np.abs(firms)
    apart = (size - size.mean(axis=1, keepdims=True))[:, :-1]
    assert found["p_size_firms"] == pytest.approx(hotelling(apart, np.zeros(3)).pvalue)
    waves = np.cos(np.pi * np.outer((np.arange(60) + 0.5) / 60, np.arange(1, 5)))
    assert found["p_size_time"] == pytest.approx(OLS(size.mean(axis=1), add_constant(waves)).fit().f_pvalue)


def test_two_firms_are_never_of_different_size():
    """What one firm wins the other one loses: there is nothing to compare but rounding."""
    space = layout(60, 2)
    residual, directions, counts, jacobian = fits_of(space, 4, 2, np.random.default_rng(8))
    serials = measure_serial_correlations(space, residual, directions, counts)
    rngs = [np.random.default_rng(fit) for fit in range(4)]
    found = check_residuals_together(space, residual, directions, counts, jacobian, serials, rngs)
    assert all(np.isnan(checks.statistic["p_size_firms"]) for checks in found)
    assert all(checks.statistic["p_size_time"] > 0.0 for checks in found)
