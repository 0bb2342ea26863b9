"""Carry-over against plain recursions and sums, with entries and gaps."""

import numpy as np
import pytest

from kernels.response.carryover import carry_overs
from kernels.response.response import compose

RULES = {"geometric": [0.6], "delayed": [0.5, 1.4], "weibull": [1.7, 2.3]}
RNG = np.random.default_rng(7)
T, N = 14, 3
EFFORT = RNG.gamma(2.0, 0.1, (1, T, N))
ACTIVE = np.ones((T, N), bool)
ACTIVE[:4, 1] = False
ACTIVE[6:9, 2] = False
DURATION = np.array([1.0, 1, 2, 1, 1, 0.5, 1, 1, 3, 1, 1, 1, 1, 1])


def weight(rule, parameters, lag):
    if rule == "delayed":
        return parameters[0] ** ((lag - parameters[1]) ** 2)
    x = (lag + 1) / parameters[1]
    return x ** (parameters[0] - 1) * np.exp(-(x ** parameters[0]))


def expected(rule, parameters, duration, lags):
    """Carried effort by the definition; a lag is the time from the start of one period to that of another."""
    carried = np.full((T, N), np.nan)
    for i in range(N):
        for t in range(T):
            if not ACTIVE[t, i]:
                continue
            since = t
            while since > 0 and ACTIVE[since - 1, i]:
                since -= 1
            if rule == "geometric":
                q = parameters[0] ** duration[t]
                u = EFFORT[0, t, i]
                carried[t, i] = u if since == t else (1 - q) * u + q * carried[t - 1, i]
            else:
                past = range(max(since, t - lags), t + 1)
                w = np.array([weight(rule, parameters, duration[s:t].sum()) for s in past])
                carried[t, i] = w @ EFFORT[0, list(past), i] / w.sum()
    return carried


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("duration", [np.ones(T), DURATION], ids=["even", "gaps"])
def test_carried_effort_is_its_definition(rule, duration):
    response = compose(["linear"], efforts=EFFORT, active=ACTIVE, carry_over=[rule], lags=5)
    theta = np.array([1.0, *RULES[rule]])
    f = response.evaluate(theta, EFFORT, duration, ACTIVE)
    np.testing.assert_allclose(f, expected(rule, RULES[rule], duration, 5), rtol=1e-13)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("curve", ["linear", "hill", "ispline", "log"])
@pytest.mark.parametrize("duration", [np.ones(T), DURATION], ids=["even", "gaps"])
def test_gradient_goes_through_the_carried_effort(rule, curve, duration):
    response = compose([curve], efforts=EFFORT, active=ACTIVE, carry_over=[rule], lags=5, link="exp")
    theta = response.start()
    theta[-len(RULES[rule]) :] = RULES[rule]
    gradient = response.gradient(theta, EFFORT, duration, ACTIVE)
    for p in range(theta.size):
        step = np.zeros(theta.size)
        step[p] = 1e-6 * max(abs(theta[p]), 1e-2)
        up = response.evaluate(theta + step, EFFORT, duration, ACTIVE)
        down = response.evaluate(theta - step, EFFORT, duration, ACTIVE)
        difference = np.where(ACTIVE, (up - down) / (2 * step[p]), 0.0)
        assert np.abs(gradient[p] - difference).max() <= 1e-7 * max(np.abs(difference).max(), 1e-3)


def test_no_carry_over_at_delta_zero():
    response = compose(["hill"], efforts=EFFORT, carry_over=["geometric"])
    plain = compose(["hill"], efforts=EFFORT)
    theta = np.append(plain.start(), 0.0)
    np.testing.assert_array_equal(response.evaluate(theta, EFFORT), plain.evaluate(theta[:-1], EFFORT))
    assert np.isfinite(response.gradient(theta, EFFORT, DURATION)).all()


@pytest.mark.parametrize("rule", RULES)
def test_carried_effort_stays_in_the_range_of_the_effort_at_every_bound(rule):
    records = carry_overs(5)[rule].parameters
    response = compose(["linear"], efforts=EFFORT, carry_over=[rule], lags=5)
    for corner in np.ndindex(*(2,) * len(records)):
        values = [(p.minimum, p.maximum)[c] for p, c in zip(records, corner, strict=True)]
        theta = np.array([1.0, *values])
        f = response.evaluate(theta, EFFORT, DURATION)
        assert f.min() >= EFFORT.min() * (1 - 1e-12)
        assert f.max() <= EFFORT.max() * (1 + 1e-12)
        assert np.isfinite(response.gradient(theta, EFFORT, DURATION)).all()


def test_two_periods_of_geometric_carry_over_are_one_of_double_length():
    constant = np.full((1, 3, 1), 0.4)
    constant[0, 0] = 1.0
    response = compose(["linear"], efforts=constant, carry_over=["geometric"])
    theta = np.array([1.0, 0.7])
    twice = response.evaluate(theta, constant)[-1]
    once = response.evaluate(theta, constant[:, :2], np.array([1.0, 2.0]))[-1]
    np.testing.assert_allclose(twice, once, rtol=1e-14)
