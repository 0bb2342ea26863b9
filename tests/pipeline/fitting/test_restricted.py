"""Slow markets in which errors last: what corrects the speed, and the intervals that allow for it."""

import numpy as np
import pytest

from pipeline.config.sections.fit import FitSection
from pipeline.config.sections.types import FrozenMapping
from pipeline.config.sections.uncertainty import UncertaintySection
from pipeline.config.variants import ResponseChoice, Variant
from pipeline.fitting.calibrate import calibrate_market
from pipeline.fitting.uncertainty.refits.persistence import Persistence
from pipeline.fitting.uncertainty.refits.restricted import BIASED, rate_bias
from pipeline.fitting.uncertainty.residual_space import residual_space
from pipeline.panel.market import MarketArrays

FIRMS, PERIODS, SLOPE = 4, 104, 0.25
VARIANT = Variant(
    name="slow",
    form="investment",
    response=ResponseChoice("r", "r", "exp", FrozenMapping({"u": "linear"})),
    firm_effects="free",
    carry_over=FrozenMapping({"u": "none"}),
)


def simulate(seed, half_life, measured, lasting):
    """One market, by the closed form of the investment equation."""
    rng = np.random.default_rng(seed)
    effort = rng.normal(size=(PERIODS, FIRMS))
    f = np.exp(rng.normal(0.0, 0.2, FIRMS) + SLOPE * effort)
    f *= np.log(2.0) / half_life / (FIRMS * f.mean())
    state, share = rng.dirichlet(np.full(FIRMS, 8.0)), np.empty((PERIODS, FIRMS))
    for t in range(PERIODS):
        state = f[t] / f[t].sum() * -np.expm1(-f[t].sum()) + state * np.exp(-f[t].sum())
        state = state * np.exp(lasting * rng.normal(size=FIRMS))
        state /= state.sum()
        share[t] = state * np.exp(measured * rng.normal(size=FIRMS))
    return MarketArrays(
        market=seed,
        firms=np.array(list("ABCD")),
        times=np.arange(PERIODS),
        share=share / share.sum(axis=1, keepdims=True),
        total_sales=np.ones(PERIODS),
        duration=np.ones(PERIODS),
        efforts=effort[np.newaxis],
        active=np.ones((PERIODS, FIRMS), bool),
    )


def fit(market, asked=None, **settings):
    seed = np.random.SeedSequence(int(market.market))
    return calibrate_market(VARIANT, market, ("u",), FitSection(**settings), seed, uncertainty=asked)


@pytest.fixture(scope="module")
def one():
    record = fit(simulate(1, 20.0, 0.0, 0.05))
    space = residual_space(record.model.data)
    return record, space, Persistence(record.model, record.theta, space)


def test_the_series_is_the_trace_that_biases_the_score(one):
    """trace(P ∂A A⁻¹) with matrices, projections by least squares, and derivatives by differences."""
    record, space, persistence = one
    model, theta = record.model, record.theta
    held = [model.names.index(name) for name in ("gain", "autocorrelation")]
    rows = np.delete(model.jacobian(theta), model.column[held], axis=0)
    slope = np.delete(persistence.log_rate_slope(theta)[model.vary], model.column[held])
    other = np.linalg.svd(slope[np.newaxis])[2][1:] @ rows
    projection = (np.linalg.pinv(other) @ other)[: space.n_rows, : space.n_rows]

    def filtered(log_rate, gain, carried):
        rho = np.exp(-np.exp(log_rate))
        lag = np.eye(PERIODS, k=-1)
        one = np.eye(PERIODS)
        return np.linalg.solve(one - rho * (1.0 - gain) * lag, (one - rho * lag) @ (one - carried * lag))

    at = np.array([persistence.log_rate(theta), *theta[held]])
    inverse = np.linalg.inv(filtered(*at))
    biases = []
    for step in 1e-5 * np.eye(3):
        turned = (filtered(*(at + step)) - filtered(*(at - step))) / 2e-5 @ inverse
        biases.append(np.trace(projection @ np.kron(turned, np.eye(FIRMS - 1))))
    found = persistence.correction(theta).slope
    expected = -biases[0] * persistence.log_rate_slope(theta)
    expected[held] -= biases[1:]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_slope_is_that_of_the_value(one):
    record, _, persistence = one
    slope = persistence.correction(record.theta).slope
    for place in np.flatnonzero(record.model.vary):
        step = np.zeros(record.theta.size)
        step[place] = 1e-5
        difference = persistence.value(record.theta + step) - persistence.value(record.theta - step)
        assert slope[place] == pytest.approx(difference / 2e-5, abs=2e-4)


def test_speeds_are_overestimated_where_errors_last_and_nowhere_else(one):
    record, _, persistence = one
    assert rate_bias(record.theta, record.uncertainty.covariance, persistence) > 2.0 * BIASED
    measured = fit(simulate(1, 20.0, 0.05, 0.0))
    free = Persistence(measured.model, measured.theta, residual_space(measured.model.data))
    assert abs(rate_bias(measured.theta, measured.uncertainty.covariance, free)) < 0.5 * BIASED


def test_intervals_are_kept_where_errors_do_not_last():
    asked = UncertaintySection(levels=0.95)
    record = fit(simulate(2, 2.0, 0.05, 0.0), asked)
    plain, trusted = (record.uncertainty.interval[asked.methods.index(m)] for m in asked.methods[1:])
    np.testing.assert_array_equal(trusted[0], plain[0])


def test_intervals_hold_in_slow_markets_where_errors_last():
    """Of 24 markets, intervals that cover 93 % miss 5 or more in 2 of 100 runs; plain ones miss a quarter."""
    asked, held = UncertaintySection(levels=0.95), []
    for seed in range(24):
        ends = fit(simulate(seed, 20.0, 0.0, 0.05), asked).uncertainty.interval[:, 0, 0]
        held.append((ends[:, 0] <= SLOPE) & (ends[:, 1] >= SLOPE))
    count = dict(zip(asked.methods, np.sum(held, axis=0).tolist(), strict=True))
    assert count["recommended"] >= 20
    assert count["recommended"] > count["autoregressive"]
