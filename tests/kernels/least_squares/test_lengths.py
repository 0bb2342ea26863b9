"""Periods of other lengths, against the dense covariance of all observations of a state with two noises."""

import numpy as np
import pytest

from kernels.least_squares import residual as rs
from kernels.least_squares.batch import fit_batch
from kernels.least_squares.lengths import common_length, follow_lengths, lasting_sum
from kernels.response.response import compose

LENGTHS = np.array([1.0, 1.0, 3.0, 1.0, 2.0, 1.0, 1.0, 5.0, 1.0, 1.0])
SHORT = np.array([1.0, 0.3, 2.5, 0.7, 1.0, 1.4, 0.1, 1.0])
FORMS = {
    "investment": (rs.INVESTMENT, 0.0),
    "proportional": (rs.PROPORTIONAL, 1.0),
    "scaled": (rs.SCALED, 0.5),
}


def dense_covariance(gain, fade, length):
    """Of all observations of a state that fades and is disturbed, seen with errors of measurement.

    The two variances are those whose steady filter, once a common period, has errors of variance 1 and this
    gain; it has run for ever when the first period begins.
    """
    end, kept = np.cumsum(length), np.exp(-2.0 * fade)
    measured, known = 1.0 - gain, gain * (1.0 - gain)
    disturbed = gain - kept * known
    apart, start = np.abs(end[:, None] - end), end[:, None] + end
    if fade == 0.0:
        lasting = disturbed * np.minimum(end[:, None], end)
    else:
        lasting = disturbed / (1.0 - kept) * (np.exp(-fade * apart) - np.exp(-fade * start))
    return known * np.exp(-fade * start) + lasting + measured * np.eye(end.size)


@pytest.mark.parametrize("length", [LENGTHS, SHORT], ids=["gaps", "shorter too"])
@pytest.mark.parametrize("fade", [0.0, 1e-5, 0.1, 0.7])
@pytest.mark.parametrize("gain", [0.05, 0.4, 0.9])
def test_innovations_have_the_likelihood_of_the_dense_covariance(gain, fade, length):
    covariance = dense_covariance(gain, fade, length)
    seen = np.random.default_rng(0).normal(size=length.size)
    gains, variance = np.empty((2, length.size))
    follow_lengths(gain, fade * length, length, 1, gains, variance)
    state, likelihood = 0.0, 0.0
    for t, one in enumerate(length):
        expected = np.exp(-fade * one) * state
        error = seen[t] - expected
        state = expected + gains[t] * error
        likelihood += error**2 / variance[t] + np.log(variance[t])
    dense = seen @ np.linalg.solve(covariance, seen) + np.linalg.slogdet(covariance)[1]
    assert likelihood == pytest.approx(dense, rel=1e-10)


def test_a_period_after_a_common_one_that_does_not_fade():
    gains, variance = np.empty((2, 2))
    follow_lengths(0.3, np.zeros(2), np.array([1.0, 4.0]), 0, gains, variance)
    assert variance.tolist() == pytest.approx([1.0, 1.0 + 3 * 0.09])
    assert gains.tolist() == pytest.approx([0.3, (0.3 + 3 * 0.09) / (1.0 + 3 * 0.09)])


def test_without_what_lasts_and_where_all_does():
    gains, variance = np.empty((2, LENGTHS.size))
    follow_lengths(0.0, np.full(LENGTHS.size, 0.1), LENGTHS, 0, gains, variance)
    assert (gains == 0.0).all()
    assert (variance == 1.0).all()
    follow_lengths(1.0, np.zeros(LENGTHS.size), LENGTHS, 0, gains, variance)
    assert (gains == 1.0).all()
    np.testing.assert_allclose(variance, LENGTHS, rtol=1e-13)


@pytest.mark.parametrize("length", [0.5, 2.0, 7.0])
@pytest.mark.parametrize("fade", [-0.3, 0.0, 1e-4, 2e-4, 0.01, 1.0, 30.0])
def test_sum_of_what_lasts_and_its_slope(fade, length):
    value, slope = lasting_sum(fade, length)
    if length > 1.0:
        assert value == pytest.approx(np.exp(-2.0 * fade * np.arange(1, length)).sum(), rel=1e-9)
    above, below = (lasting_sum(fade + k * 1e-5, length)[0] for k in (1, -1))
    assert slope == pytest.approx((above - below) / 2e-5, rel=1e-6, abs=1e-9)


def test_common_length_is_that_between_most_observations():
    assert common_length(np.array([1.0, 7.0, 7.0, 21.0, 7.0])) == 7.0
    assert common_length(np.array([1.0])) == 1.0


class Market:
    """Four firms, one effort, slow enough that nothing much fades within the longest period."""

    def __init__(self, form, kind=rs.ILR, first=0, duration=LENGTHS, unit=1.0, gain=0.4):
        rng = np.random.default_rng(1)
        n_times, n = duration.size, 4
        efforts = rng.normal(size=(1, n_times, n))
        share = rng.dirichlet(np.full(n, 30.0), n_times)
        self.form, gamma = FORMS[form]
        self.response = compose(
            ["linear"], efforts=efforts, link="exp" if form != "proportional" else "identity",
            effects="zero-sum" if form == "proportional" else "constant",
        )  # fmt: skip
        self.data = rs.MarketData(
            efforts, np.ones((n_times, n), bool), share, rng.uniform(80.0, 120.0, n_times), duration, 100.0,
            first, kind, n_times, unit=unit,
        )  # fmt: skip
        values = [0.1 if p.name == "beta" else -0.2 + 0.1 * k for k, p in enumerate(self.response.parameters)]
        start = rng.normal(0.0, 0.3, n - 1) if first == 0 else []
        self.gain, self.place = gain, len(values) + 2
        self.theta = np.array([*values, 800.0, gamma, gain, *start])
        self.free = np.ones(self.theta.size, bool)
        self.free[len(values) + 1] = form == "scaled"

    def evaluate(self, theta, target=None):
        column = np.where(self.free, np.cumsum(self.free) - 1, -1)
        work = rs.make_market_workspace(self.response.spec, self.data, int(self.free.sum()))
        rs.prepare_market(self.response.spec, self.data, work)
        residual = np.empty(rs.n_observations(self.data))
        jacobian, nothing = np.empty((int(self.free.sum()), residual.size)), np.zeros(theta.size)
        target = rs.observed_target(self.data) if target is None else target
        status = rs.residual_jacobian(
            self.response.spec, self.data, target, nothing, nothing, self.form, theta, column, work, residual,
            jacobian,
        )  # fmt: skip
        assert status == rs.OK
        return residual, jacobian

    def with_gain(self, gain):
        return np.where(np.arange(self.theta.size) == self.place, gain, self.theta)

    def noise_free(self):
        work = rs.make_market_workspace(self.response.spec, self.data, 0)
        rs.prepare_market(self.response.spec, self.data, work)
        share, column = np.empty(self.data.share.shape), np.full(self.theta.size, -1)
        rs.simulate_market(self.response.spec, self.data, self.form, self.with_gain(0.0), column, work, share)
        return share


def seen_covariance(gain, length):
    """Of the ends of periods, from what every common period adds: its error, of which a part lasts."""
    periods = int(length.sum())
    every = np.tril(np.full((periods, periods), gain), -1) + np.eye(periods)
    seen = every[np.cumsum(length).astype(int) - 1]
    return seen @ seen.T


@pytest.mark.parametrize("unit", [1.0, 7.0])
def test_rows_of_a_slow_market_have_the_likelihood_of_the_dense_covariance(unit):
    """Exact for gamma = 1, where log-ratios are straight in the state."""
    market = Market("proportional", duration=unit * LENGTHS, unit=unit)
    dense = np.kron(seen_covariance(market.gain, LENGTHS), np.eye(3))
    errors = market.evaluate(market.with_gain(0.0))[0]
    rows = market.evaluate(market.theta)[0]
    volume = np.exp(np.linalg.slogdet(dense)[1] / rows.size)
    np.testing.assert_allclose(rows @ rows, volume * errors @ np.linalg.solve(dense, errors), rtol=1e-10)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("kind", [rs.ILR, rs.PLAIN])
@pytest.mark.parametrize("form", FORMS)
def test_derivatives_against_differences(form, kind, first):
    market = Market(form, kind, first, np.where(LENGTHS > 3.0, 0.4, LENGTHS))
    jacobian = market.evaluate(market.theta)[1]
    for row, place in enumerate(np.flatnonzero(market.free)):
        step = 1e-3 * max(abs(market.theta[place]), 0.1)
        move = step * (np.arange(market.theta.size) == place)
        near, far = (
            market.evaluate(market.theta + k * move)[0] - market.evaluate(market.theta - k * move)[0]
            for k in (1, 2)
        )
        expected = (8.0 * near - far) / (12.0 * step)
        assert np.abs(jacobian[row] - expected).max() <= 1e-7 * np.abs(expected).max() + 1e-11, place


@pytest.mark.parametrize("form", FORMS)
def test_periods_alike_are_common_ones_whatever_their_length(form):
    """As rows and gains were before lengths counted: those of the innovations form of one length."""
    market = Market(form, duration=np.full(8, 7.0), unit=7.0)
    plain = Market(form, duration=np.full(8, 7.0), unit=7.0)
    plain.data = plain.data._replace(by_length=0)
    for found, expected in zip(market.evaluate(market.theta), plain.evaluate(market.theta), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("form", FORMS)
def test_rows_without_a_gain_do_not_know_of_lengths(form):
    market = Market(form)
    found = market.evaluate(market.with_gain(0.0))[0]
    market.data = market.data._replace(corrected=0)
    np.testing.assert_allclose(found, market.evaluate(market.with_gain(0.0))[0], atol=1e-14)


@pytest.mark.parametrize("form", FORMS)
def test_parameters_and_gain_of_a_market_without_errors_are_recovered(form):
    market = Market(form)
    market.data = market.data._replace(share=market.noise_free())
    vary = market.free.copy()
    vary[[market.place - 2, market.place - 1]] = False
    start = market.theta + 0.05 * vary
    lower, upper = np.full(start.size, -10.0), np.full(start.size, 10.0)
    lower[market.place], upper[market.place] = 0.0, 1.0
    fit = fit_batch(
        market.response.spec, market.data, start[None], lower, upper, vary=vary, gamma_form=market.form,
        cost_tolerance=1e-15,
    )  # fmt: skip
    others = np.arange(start.size) != market.place
    np.testing.assert_allclose(fit.value[0][others], market.theta[others], atol=1e-6)
