"""Derivatives of log-ratio shares against differences, and the laws shares obey."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.motion.shares import share_sensitivities, simulate_shares

GAMMAS = [0.0, 1e-9, 0.1, 0.5, 0.9, 0.999, 1 - 1e-9, 1.0, 1 + 1e-9, 1.2, 2.0, 3.0]


def centred_logs(share):
    logs = np.log(share)
    return np.nan_to_num(logs - np.nanmean(logs, axis=-1, keepdims=True))


def difference(function, step):
    """Central difference of fourth order."""
    near, far = function(step) - function(-step), function(2 * step) - function(-2 * step)
    return (8 * near - far) / (12 * step)


class Market:
    """Five periods, four firms, one of which enters late and one of which leaves."""

    def __init__(self, gamma, seed=1):
        rng = np.random.default_rng(seed)
        self.initial = rng.dirichlet(np.ones(4) * 2)
        self.starting = [0, 1, 3]
        self.initial[self.starting] /= self.initial[self.starting].sum()
        self.f = rng.uniform(0.15, 1.5, (5, 4))
        self.f[3:, 1] = np.nan
        self.f[:2, 2] = np.nan
        self.total_sales = rng.uniform(50, 150, 5)
        self.duration = rng.choice([1.0, 2.0], 5)
        self.scale = {"jump_price": 120.0, "reference_sales": 100.0, "returns_to_scale": gamma}

    def run(self, initial=None, f=None, **scale):
        initial = self.initial.copy() if initial is None else initial
        initial[self.starting] /= initial[self.starting].sum()
        f = self.f if f is None else f
        return centred_logs(
            simulate_shares(initial, f, self.total_sales, self.duration, **{**self.scale, **scale})
        )

    def sensitivities(self):
        return share_sensitivities(self.initial, self.f, self.total_sales, self.duration, **self.scale)


def shifted(array, index, step):
    changed = array.copy()
    changed[index] += step
    return changed


def assert_derivative(found, expected):
    assert np.abs(found - expected).max() <= 1e-7 * np.abs(expected).max()


@pytest.mark.parametrize("gamma", GAMMAS)
class TestDifferences:
    def test_by_response(self, gamma):
        market = Market(gamma)
        found = market.sensitivities().response
        for index in np.argwhere(~np.isnan(market.f)):
            t, i = index
            expected = difference(lambda h, t=t, i=i: market.run(f=shifted(market.f, (t, i), h)), 1e-3)
            assert_derivative(found[:, :, t, i], expected)
        assert (found[:, :, np.isnan(market.f)] == 0).all()

    def test_by_jump_price(self, gamma):
        market = Market(gamma)
        assert_derivative(
            market.sensitivities().jump_price, difference(lambda h: market.run(jump_price=120 + h), 0.1)
        )

    def test_by_initial_share(self, gamma):
        market = Market(gamma)
        found = market.sensitivities().initial_share
        for i in market.starting:
            expected = difference(lambda h, i=i: market.run(initial=shifted(market.initial, i, h)), 1e-4)
            assert_derivative(found[:, :, i], expected)

    def test_by_returns_to_scale(self, gamma):
        market = Market(gamma)
        found = market.sensitivities().returns_to_scale
        if gamma >= 0.01:
            assert_derivative(found, difference(lambda h: market.run(returns_to_scale=gamma + h), 1e-3))
        else:
            # One-sided at the edge: 4th order forward difference.
            runs = [market.run(returns_to_scale=gamma + k * 1e-3) for k in range(5)]
            expected = sum(w * run for w, run in zip((-25, 48, -36, 16, -3), runs, strict=True)) / 12e-3
            assert np.abs(found - expected).max() <= 1e-7 * np.abs(expected).max()


def test_long_stiff_periods_stay_finite():
    """Sub-steps, rest and lock-in in one market, with derivatives against differences where these exist."""
    for gamma in (0.3, 0.97, 1.02, 1.5):
        market = Market(gamma, seed=3)
        market.duration = np.array([1.0, 40.0, 3.0, 25.0, 1.0])
        found = market.sensitivities()
        assert all(
            np.isfinite(part).all() for part in (found.response, found.jump_price, found.returns_to_scale)
        )
        expected = difference(lambda h, market=market: market.run(jump_price=120 + h), 0.05)
        np.testing.assert_allclose(found.jump_price, expected, atol=1e-6 * np.abs(expected).max())


def test_gamma_one_is_a_cumulative_sum():
    rng = np.random.default_rng(0)
    f, duration, total = rng.normal(size=(3, 3)), np.array([1.0, 2.0, 1.0]), np.array([90.0, 100.0, 120.0])
    found = share_sensitivities(
        [0.2, 0.5, 0.3], f, total, duration, jump_price=50.0, reference_sales=100.0, returns_to_scale=1.0
    )
    centre = np.eye(3) - 1 / 3
    for s in range(3):
        for t in range(3):
            expected = centre * (duration[t] * total[t] / 50.0) if t <= s else np.zeros((3, 3))
            np.testing.assert_allclose(found.response[s, :, t, :], expected, atol=1e-13)


def test_sensitivities_refuse_leading_axes():
    with pytest.raises(ValueError, match="those of one market"):
        share_sensitivities(
            [0.5, 0.5], np.ones((2, 3, 2)), np.ones(3), np.ones(3),
            jump_price=1.0, reference_sales=1.0, returns_to_scale=0.0,
        )  # fmt: skip


@st.composite
def markets(draw):
    seed, n, n_times = draw(st.integers(0, 2**32 - 1)), draw(st.integers(2, 12)), draw(st.integers(1, 6))
    gamma = draw(st.sampled_from([0.0, 1.0]) | st.floats(0.0, 3.0))
    rng = np.random.default_rng(seed)
    return {
        "initial_share": rng.dirichlet(np.full(n, draw(st.sampled_from([0.3, 1.0, 20.0])))),
        "response": rng.uniform(0, 1, (n_times, n)) * draw(st.sampled_from([1e-3, 0.3, 3.0])),
        "total_sales": rng.uniform(50, 150, n_times),
        "duration": rng.choice([0.1, 1.0, 7.0], n_times),
        "jump_price": rng.uniform(50, 500),
        "reference_sales": 100.0,
        "returns_to_scale": gamma,
    }


law = settings(deadline=None, max_examples=60)
CLOSE = {"rtol": 0, "atol": 1e-11}


@law
@given(markets(), st.sampled_from(["end", "mean"]))
def test_law_simplex(market, observe):
    share = simulate_shares(**market, observe=observe)
    assert (share >= 0).all()
    assert np.abs(share.sum(axis=-1) - 1).max() <= 1e-12


@law
@given(markets(), st.sampled_from(["end", "mean"]), st.randoms())
def test_law_permuting_firms_permutes_shares(market, observe, random):
    order = list(range(len(market["initial_share"])))
    random.shuffle(order)
    permuted = {
        **market,
        "initial_share": market["initial_share"][order],
        "response": market["response"][:, order],
    }
    straight = simulate_shares(**market, observe=observe)[:, order]
    np.testing.assert_allclose(simulate_shares(**permuted, observe=observe), straight, **CLOSE)


@law
@given(markets(), st.floats(-3, 3))
def test_law_common_addend_of_f_is_a_gauge_at_gamma_one(market, addend):
    market["returns_to_scale"] = 1.0
    moved = {**market, "response": market["response"] + addend}
    np.testing.assert_allclose(simulate_shares(**moved), simulate_shares(**market), **CLOSE)


@law
@given(markets(), st.sampled_from(["end", "mean"]), st.floats(0.01, 100))
def test_law_scale_of_f_and_jump_price_is_a_gauge(market, observe, factor):
    scaled = {**market, "response": market["response"] * factor, "jump_price": market["jump_price"] * factor}
    straight = simulate_shares(**market, observe=observe)
    np.testing.assert_allclose(simulate_shares(**scaled, observe=observe), straight, **CLOSE)


@law
@given(markets(), st.floats(0.05, 0.95))
def test_law_splitting_periods_changes_nothing(market, part):
    twice = {name: np.repeat(market[name], 2, axis=0) for name in ("response", "total_sales", "duration")}
    twice["duration"][::2] *= part
    twice["duration"][1::2] *= 1 - part
    halves = {**market, **twice}
    np.testing.assert_allclose(simulate_shares(**halves)[1::2], simulate_shares(**market), **CLOSE)
    mean = simulate_shares(**halves, observe="mean")
    mean = part * mean[::2] + (1 - part) * mean[1::2]
    np.testing.assert_allclose(mean, simulate_shares(**market, observe="mean"), **CLOSE)
