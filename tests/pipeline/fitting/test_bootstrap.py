"""Errors drawn by each scheme, their order in time, and what replicates of a fit come to."""

import numpy as np
import pytest

from pipeline.config.sections.fit import FitSection
from pipeline.fitting.uncertainty.covariance import covariance_of
from pipeline.fitting.uncertainty.refits.bootstrap import (
    block_length,
    bootstrap,
    draw_errors,
    error_pool,
    percentile_intervals,
)
from pipeline.fitting.uncertainty.residual_space import residual_space
from pipeline.fitting.uncertainty.serial import SerialCorrelation, measure_serial_correlation
from pipeline.models.composing.build import build_model

WHITE = SerialCorrelation(0.0, 1.0, 100.0, False)


def test_blocks_are_pieces_of_the_series():
    pool = np.arange(30.0)[:, None] * np.ones(2)
    drawn = draw_errors(pool, 5, 23, "blocks", 4, WHITE, np.random.default_rng(0))
    assert drawn.shape == (5, 23, 2)
    steps = np.diff(drawn[:, :, 0], axis=1)
    inside = np.arange(22) % 4 != 3
    assert np.all(steps[:, inside] == 1.0)
    assert np.any(steps[:, ~inside] != 1.0)


def test_residual_scheme_draws_whole_periods():
    pool = np.arange(30.0)[:, None] + np.array([0.0, 100.0])
    drawn = draw_errors(pool, 50, 30, "residual", 1, WHITE, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn[..., 1] - drawn[..., 0], 100.0)
    assert len(np.unique(drawn[..., 0])) == 30


def test_autoregressive_scheme_keeps_variance_and_correlation():
    rng = np.random.default_rng(1)
    pool = rng.standard_normal((80, 3))
    for period in range(1, 80):
        pool[period] = 0.7 * pool[period - 1] + np.sqrt(1 - 0.49) * pool[period]
    serial = SerialCorrelation(0.7, 1.0, 50.0, True)
    drawn = draw_errors(pool, 400, 60, "autoregressive", 1, serial, rng)
    assert np.mean(drawn**2) == pytest.approx(np.mean(pool**2), rel=0.05)
    assert np.mean(drawn[:, 1:] * drawn[:, :-1]) / np.mean(drawn**2) == pytest.approx(0.7, abs=0.03)


def test_block_length_follows_the_correlation():
    assert block_length(100, 0.0) == 1
    assert block_length(100, np.nan) == 1
    assert block_length(104, 0.5) == 7  # (6 * 0.25 / 0.5625)^(1/3) * 104^(1/3) = 6.5
    assert block_length(30, 0.97) == 10


def test_errors_are_centred_and_made_larger(markets):
    market = markets.noisy("investment", 0)
    market.active[:20, 2] = False
    model = build_model(
        markets.variant("investment"), market, markets.efforts, FitSection(initial="estimated"), {}
    )
    space = residual_space(model.data)
    error = np.random.default_rng(2).normal(1.0, 1.0, space.n_rows)
    pool = error_pool(space, error, SerialCorrelation(0.0, 4.0, 50.0, False), np.random.default_rng(0))
    np.testing.assert_allclose(pool.mean(axis=0)[:2], 0.0, atol=1e-12)
    assert np.mean(space.to_rows(pool) ** 2) == pytest.approx(4.0)
    assert np.all(pool[:20, 2] != 0.0)


def test_percentiles_cover_on_average():
    """Ranks p (B + 1): of 19 draws the 90 % interval runs from the smallest to the largest."""
    values = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))[:, None]
    np.testing.assert_allclose(percentile_intervals(values, (0.9, 0.5))[0], [[1.0, 19.0], [5.0, 15.0]])
    lost = values.copy()
    lost[:12] = np.nan
    assert np.isnan(percentile_intervals(lost, (0.9,))).all()


@pytest.mark.parametrize("scheme", ["residual", "blocks", "autoregressive"])
@pytest.mark.parametrize("initial", ["observed", "estimated"])
def test_replicates_spread_as_the_covariance_says(markets, scheme, initial):
    fit = FitSection(initial=initial)
    model = build_model(
        markets.variant("investment"), markets.noisy("investment", 1), markets.efforts, fit, {}
    )
    theta = model.fit_many(model.start[np.newaxis], max_evaluations=300).value[0]
    residual, jacobian = model.residual(theta), model.jacobian(theta)
    space = residual_space(model.data)
    basis = np.linalg.qr(jacobian.T)[0].T
    serial = measure_serial_correlation(space, residual, basis)
    arguments = {"count": 300, "scheme": scheme, "block": "auto"}
    values = bootstrap(model, theta, space, serial, rng=np.random.default_rng(0), **arguments)
    again = bootstrap(model, theta, space, serial, rng=np.random.default_rng(0), **arguments)
    np.testing.assert_array_equal(values, again)
    stderr = covariance_of(jacobian, residual @ residual / (residual.size - model.n_free)).stderr
    spread = values[:, model.vary].std(axis=0)
    # With observed initial shares each replicate observes them anew, so they spread a little more.
    np.testing.assert_allclose(spread[:2], stderr[:2], rtol=0.25)
    np.testing.assert_array_equal(values[:, ~model.vary], np.tile(theta[~model.vary], (300, 1)))
