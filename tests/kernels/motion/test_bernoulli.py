"""The general form: rules, time change, limits, steps."""

import numpy as np
import pytest
from scipy.integrate import quad

from kernels.motion import bernoulli, bernoulli_work
from kernels.motion.bernoulli_rules import (
    COUNTS,
    END_SLOPE,
    END_VALUE,
    LARGE,
    NODES,
    SMALL,
    SPECTRUM,
    WEIGHTS,
)
from kernels.motion.shares import simulate_shares


@pytest.mark.parametrize("rule", [SMALL, LARGE])
def test_rules_integrate_and_extrapolate_polynomials(rule):
    n = COUNTS[rule]
    x = NODES[rule, :n]
    for degree in range(2 * n):
        assert WEIGHTS[rule, :n] @ x**degree == pytest.approx(1.0 / (degree + 1), rel=1e-13)
    for degree in range(n):
        assert END_VALUE[rule, :n] @ x**degree == pytest.approx(1.0, abs=1e-11)
        assert END_SLOPE[rule, :n] @ x**degree == pytest.approx(degree, abs=1e-10)
    top = np.polynomial.legendre.Legendre.basis(n - 1)(2 * x - 1)
    np.testing.assert_allclose(SPECTRUM[rule, :, :n] @ top, [0, 0, 0, 1], atol=1e-13)


def random_step(seed, a, n=6, tau=0.4):
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(n))
    f = rng.uniform(0.05, 1.0, (1, n))
    work = bernoulli_work.make_bernoulli_work(n)
    work.firm[bernoulli_work.SHARE] = share
    work.firm[bernoulli_work.LOG] = np.log(share)
    bernoulli.set_power(a, work.firm)
    return share, f[0], tau, work, bernoulli.set_fitness(a, 0, f, work.firm)


@pytest.mark.parametrize("a", [0.9, 0.5, 0.1, 1e-9, -0.5, -2.0])
@pytest.mark.parametrize("seed", range(5))
def test_time_change_solves_its_integral_equation(a, seed):
    share, f, tau, work, (m, *moments) = random_step(seed, a)
    w, part, delta, rule = bernoulli.find_step(a, m, *moments, tau, *work)
    assert 0 < part <= tau
    eta, total = bernoulli.set_end(
        a, m, delta, rule, work.firm, work.node, work.growth, work.rise, work.inverse
    )
    assert eta == pytest.approx(-np.expm1(-a * m * w) / (a * m), rel=1e-13)

    def height(v):
        eta = -np.expm1(-a * m * v) / (a * m)
        excess = f * share**-a - m
        return (share * np.exp(np.log1p(a * eta * excess) / a)).sum() ** -a

    assert quad(height, 0.0, w, epsabs=0, epsrel=1e-12)[0] == pytest.approx(part, rel=3e-13)
    assert total**-a == pytest.approx(height(w), rel=1e-13)


def test_weekly_step_needs_one_pass():
    """A market that moves by a few percent a week is solved by the series and one pass over four nodes."""
    _, _, tau, work, (m, *moments) = random_step(3, 0.5, tau=0.02)
    guess = bernoulli.first_guess(0.5, m, *moments[:3], tau)
    w, part, delta, rule = bernoulli.find_step(0.5, m, *moments, tau, *work)
    assert part == tau
    assert rule == SMALL
    assert abs(delta) < 1e-7 * tau
    assert w == pytest.approx(guess, rel=1e-7)


@pytest.mark.parametrize("gamma", [1e-9, 1 - 1e-9, 1 + 1e-9])
@pytest.mark.parametrize("observe", ["end", "mean"])
def test_limits_of_the_general_form(gamma, observe):
    rng = np.random.default_rng(5)
    arguments = (
        rng.dirichlet(np.ones(6)),
        rng.uniform(0, 0.5, (20, 6)),
        rng.uniform(50, 150, 20),
        np.ones(20),
    )
    scale = {"jump_price": 90.0, "reference_sales": 100.0, "observe": observe}
    near = simulate_shares(*arguments, returns_to_scale=gamma, **scale)
    limit = simulate_shares(*arguments, returns_to_scale=round(gamma), **scale)
    assert 0 < np.abs(near - limit).max() < 1e-7


@pytest.mark.parametrize("gamma", [0.3, 0.8])
def test_long_run_of_coexistence(gamma):
    f = np.array([0.1, 0.2, 0.3, 0.05])
    end = simulate_shares(
        np.array([0.97, 0.01, 0.01, 0.01]), f[None], [100.0], [1e4],
        jump_price=100.0, reference_sales=100.0, returns_to_scale=gamma,
    )  # fmt: skip
    rest = f ** (1 / (1 - gamma))
    np.testing.assert_allclose(end[0], rest / rest.sum(), rtol=1e-11)


def test_lock_in_depends_on_the_start():
    """With gamma > 1 a large firm beats one with a better response."""
    end = simulate_shares(
        [0.8, 0.2],
        [[0.2, 0.3]],
        [100.0],
        [1e4],
        jump_price=100.0,
        reference_sales=100.0,
        returns_to_scale=2.0,
    )
    np.testing.assert_allclose(end[0], [1.0, 0.0], atol=1e-15)


def test_two_firms_at_half_scale_in_closed_form():
    """gamma = 1/2 and equal f: sqrt(share) rotates towards 1/2 along an explicit curve."""
    start, f, tau = np.array([0.9, 0.1]), 0.4, 1.7
    end = simulate_shares(
        start, [[f, f]], [100.0], [tau], jump_price=100.0, reference_sales=100.0, returns_to_scale=0.5
    )
    # With z_i = sqrt(share_i): z_i' = (f/2)(1 - z_i sum z), so the angle of (z_1, z_2) obeys
    # angle' = (f/2)(cos - sin): sec-type integral, inverted through the tangent half-angle from pi/4.
    angle = np.arctan2(np.sqrt(start[1]), np.sqrt(start[0]))
    offset = np.tan((np.pi / 4 - angle) / 2) * np.exp(-f / 2 * np.sqrt(2.0) * tau)
    expected = np.cos(np.pi / 4 - 2 * np.arctan(offset)) ** 2
    assert end[0, 0] == pytest.approx(expected, rel=1e-13)
