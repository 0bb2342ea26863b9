"""Trajectories: golden data, an independent integrator, extremes, membership, refusals."""

import json
import os
import subprocess
import sys

import numpy as np
import places
import pytest
from scipy.integrate import solve_ivp

from kernels.motion.shares import share_sensitivities, simulate_shares

GOLDEN = json.loads((places.GOLDEN).read_text())
SCALE = {"jump_price": 100.0, "reference_sales": 90.0}


def simulate_golden(case, observe):
    return simulate_shares(
        case["initial_share"], case["f"], case["total_sales"], case["duration"],
        jump_price=case["jump_price"], reference_sales=case["reference_sales"],
        returns_to_scale=case["gamma"], observe=observe,
    )  # fmt: skip


@pytest.mark.parametrize("observe", ["end", "mean"])
@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case['seed']}-gamma{case['gamma']}")
def test_golden_trajectories(case, observe):
    share = simulate_golden(case, observe)
    assert np.abs(share - np.array(case["share_" + observe])).max() <= 1e-12


def test_without_compilation():
    """The same numbers in pure Python: golden data in a process with compilation switched off."""
    program = (
        "import json, sys, numpy as np; from kernels.motion.shares import simulate_shares\n"
        "for c in json.load(open(sys.argv[1])):\n"
        "    for o in ('end', 'mean'):\n"
        "        s = simulate_shares(c['initial_share'], c['f'], c['total_sales'], c['duration'],\n"
        "            jump_price=c['jump_price'], reference_sales=c['reference_sales'],\n"
        "            returns_to_scale=c['gamma'], observe=o)\n"
        "        assert np.abs(s - np.array(c['share_' + o])).max() < 1e-12\n"
        "print('same')"
    )
    path = places.GOLDEN
    run = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.stdout.strip() == "same", run.stderr


def integrate(initial, f, total_sales, duration, gamma, jump_price, reference_sales):
    """Integrate the equation with DOP853, restarted at every period."""
    share, out = np.asarray(initial, float), []
    for t in range(len(f)):
        kappa = total_sales[t] ** gamma * reference_sales ** (1 - gamma) / jump_price

        def rate(_, s, t=t, kappa=kappa):
            investment = f[t] * np.maximum(s, 0) ** gamma
            return kappa * (investment - s * investment.sum())

        share = solve_ivp(rate, (0, duration[t]), share, method="DOP853", rtol=1e-12, atol=1e-14).y[:, -1]
        out.append(share)
    return np.array(out)


@pytest.mark.parametrize("gamma", [0.0, 0.15, 0.5, 0.95, 1.0, 1.3, 2.5])
def test_independent_integrator(gamma):
    rng = np.random.default_rng(int(100 * gamma))
    for _ in range(4):
        n, n_times = rng.integers(2, 8), 6
        arguments = (
            rng.dirichlet(np.ones(n)), rng.uniform(0.0, 1.0, (n_times, n)), rng.uniform(50, 150, n_times),
            rng.choice([0.3, 1.0, 5.0], n_times),
        )  # fmt: skip
        expected = integrate(*arguments, gamma, 80.0, 90.0)
        share = simulate_shares(*arguments, jump_price=80.0, reference_sales=90.0, returns_to_scale=gamma)
        assert np.abs(share - expected).max() < 1e-10


def test_negative_response_at_gamma_one():
    rng = np.random.default_rng(8)
    arguments = (rng.dirichlet(np.ones(4)), rng.normal(0, 0.5, (5, 4)), np.full(5, 100.0), np.ones(5))
    share = simulate_shares(*arguments, jump_price=80.0, reference_sales=90.0, returns_to_scale=1.0)
    assert np.abs(share - integrate(*arguments, 1.0, 80.0, 90.0)).max() < 1e-10


def extreme(name, n, rng):
    initial = np.maximum(rng.dirichlet(np.ones(n)), 1e-12)
    f = rng.uniform(0.05, 0.5, (3, n))
    if name == "equal":
        f[:] = 0.3
    elif name == "all zero":
        f[:] = 0.0
    elif name == "one zero":
        f[:, 0] = 0.0
    elif name == "one invests":
        f[:, 1:] = 0.0
    elif name == "nearly gone":
        initial[0] = 1e-300
    elif name == "strong":
        f *= 30
    return initial / initial.sum(), f


GAMMAS = [0.0, 1e-300, 1e-9, 0.3, 0.85, 0.99, 1 - 1e-9, 1.0, 1 + 1e-9, 1.01, 2.0, 5.0, 50.0]


@pytest.mark.parametrize("observe", ["end", "mean"])
@pytest.mark.parametrize(
    "name", ["usual", "equal", "all zero", "one zero", "one invests", "nearly gone", "strong"]
)
@pytest.mark.parametrize("n", [2, 200])
def test_extremes(name, n, observe):
    rng = np.random.default_rng(n)
    initial, f = extreme(name, n, rng)
    duration = np.array([1e-9, 1.0, 100.0, 1e4])[:, None] * np.ones(3)
    share = simulate_shares(
        initial,
        f,
        np.full(3, 100.0),
        duration,
        returns_to_scale=np.array(GAMMAS)[:, None],
        observe=observe,
        **SCALE,
    )
    assert share.shape == (len(GAMMAS), 4, 3, n)
    assert np.isfinite(share).all()
    assert (share >= 0).all()
    assert np.abs(share.sum(axis=-1) - 1).max() <= 1e-12
    if name in ("equal", "all zero"):
        still = np.array([gamma == 1.0 or name == "all zero" for gamma in GAMMAS])
        np.testing.assert_allclose(share[still], np.broadcast_to(initial, share[still].shape), rtol=1e-12)


def test_shares_fall_to_1e_300():
    """gamma = 1: the log-ratio falls at a known rate down to the edge of the numbers."""
    duration = np.full(30, 23.0)
    share = simulate_shares(
        [0.5, 0.5], np.tile([1.0, 0.0], (30, 1)), np.full(30, 1.0), duration,
        jump_price=1.0, reference_sales=1.0, returns_to_scale=1.0,
    )  # fmt: skip
    assert share[-1, 1] == pytest.approx(np.exp(-690.0), rel=1e-12)
    assert share[-1, 1] < 1e-299


def test_mean_is_the_average_of_many_short_ends():
    """A stiff period: the lead changes within it in a small part of the time."""
    initial, f = [1 - 1e-6, 1e-6], [[0.1, 0.9]]
    for gamma in (0.0, 0.5, 0.97, 1.0, 1.02):
        scale = {"jump_price": 1.0, "reference_sales": 1.0, "returns_to_scale": gamma}
        mean = simulate_shares(initial, f, [1.0], [60.0], observe="mean", **scale)[0, 0]
        n = 6000
        ends = simulate_shares(initial, np.repeat(f, n, axis=0), np.ones(n), np.full(n, 60.0 / n), **scale)[
            :, 0
        ]
        path = np.concatenate([[initial[0]], ends])
        simpson = (path[:-1:2] + 4 * path[1::2] + path[2::2]).sum() / (3 * n)
        assert mean == pytest.approx(simpson, abs=1e-7)


def test_leading_axes_broadcast():
    rng = np.random.default_rng(4)
    initial = rng.dirichlet(np.ones(3), size=(2, 1))
    f = rng.uniform(0, 1, (5, 4, 3))
    gamma = np.array([0.0, 0.5, 1.0, 1.0, 2.0])
    share = simulate_shares(initial, f, np.full(4, 100.0), np.ones(4), returns_to_scale=gamma, **SCALE)
    assert share.shape == (2, 5, 4, 3)
    for a in range(2):
        for b in range(5):
            one = simulate_shares(
                initial[a, 0], f[b], np.full(4, 100.0), np.ones(4), returns_to_scale=gamma[b], **SCALE
            )
            np.testing.assert_array_equal(share[a, b], one)


@pytest.mark.parametrize("gamma", [0.0, 0.6, 1.0, 1.7])
class TestMembership:
    initial = np.array([0.5, 0.3, 0.2, 0.25])

    def run(self, f, gamma, initial=None, **options):
        n = len(f)
        initial = self.initial if initial is None else initial
        return simulate_shares(
            initial, f, np.full(n, 100.0), np.ones(n), returns_to_scale=gamma, **SCALE, **options
        )

    def response(self):
        f = np.random.default_rng(2).uniform(0.1, 0.5, (6, 4))
        f[:2, 3] = np.nan
        f[4:, 0] = np.nan
        return f

    def test_entry_and_exit_follow_the_rule(self, gamma):
        f = self.response()
        share = self.run(f, gamma)
        np.testing.assert_array_equal(np.isnan(share), np.isnan(f))
        np.testing.assert_allclose(np.nansum(share, axis=1), 1.0, atol=1e-13)
        before = self.run(f[:2, :3], gamma, self.initial[:3])
        start = np.append(before[-1] * 0.75, 0.25)
        between = self.run(f[2:4], gamma, start)
        after = self.run(f[4:, 1:], gamma, between[-1, 1:] / between[-1, 1:].sum())
        np.testing.assert_allclose(share[:2, :3], before, rtol=1e-13)
        np.testing.assert_allclose(share[2:4], between, rtol=1e-13)
        np.testing.assert_allclose(share[4:, 1:], after, rtol=1e-13)

    def test_a_firm_may_come_back_with_another_share(self, gamma):
        f = self.response()
        f[:, 0] = [0.3, 0.3, np.nan, np.nan, 0.3, 0.3]
        entry = np.full((6, 4), np.nan)
        entry[2, 3] = 0.25
        entry[4, 0] = 0.125
        short = np.full((6,), 1e-12)
        share = simulate_shares(
            self.initial, f, np.full(6, 100.0), short, returns_to_scale=gamma, entry_share=entry, **SCALE
        )
        assert share[2, 3] == pytest.approx(0.25, rel=1e-9)
        assert share[4, 0] == pytest.approx(0.125, rel=1e-9)
        assert share[4, 1] == pytest.approx(0.875 * share[3, 1], rel=1e-9)

    def test_all_may_be_replaced_at_once(self, gamma):
        f = np.full((4, 4), 0.3)
        f[:2, 2:] = np.nan
        f[2:, :2] = np.nan
        share = self.run(f, gamma, np.array([0.5, 0.5, 0.2, 0.6]))
        np.testing.assert_allclose(share[2:, 2:].sum(axis=1), 1.0)
        assert share[2, 3] > share[2, 2]

    def test_one_firm_alone_has_everything(self, gamma):
        f = self.response()
        f[3:, 1:] = np.nan
        f[3:, 0] = 0.2
        np.testing.assert_allclose(self.run(f, gamma)[3:, 0], 1.0)


def arguments(**changes):
    base = {
        "initial_share": [0.6, 0.4], "response": [[0.1, 0.2], [0.3, 0.1]], "total_sales": [100.0, 110.0],
        "duration": [1.0, 1.0], "jump_price": 100.0, "reference_sales": 100.0, "returns_to_scale": 0.5,
    }  # fmt: skip
    return {**base, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"response": [0.1, 0.2]}, r"response must have shape \(\.\.\., time, firm\)"),
        ({"initial_share": [0.5, 0.3, 0.2]}, r"initial_share must have shape \(\.\.\., firm=2\).*got \(3,\)"),
        ({"duration": [1.0]}, r"duration must have shape \(\.\.\., time=2\)"),
        ({"duration": [1.0, 0.0]}, r"duration must be positive and finite; got 0\.0 at index \(1,\)"),
        ({"total_sales": [np.nan, 1.0]}, r"total_sales must be positive and finite; got nan at index \(0,\)"),
        ({"jump_price": -1.0}, r"jump_price must be positive and finite; got -1\.0\."),
        ({"returns_to_scale": -0.1}, "returns_to_scale must be finite and at least 0"),
        ({"initial_share": [0.6, 0.5]}, r"must sum to 1 .*got 1\.1"),
        ({"initial_share": [1.2, -0.2]}, "between 0 and 1"),
        ({"response": [[0.1, 0.2], [-0.3, 0.1]]}, r"must not be negative .*got -0\.3 at \(1, 0\)"),
        ({"response": [[0.1, np.inf], [0.3, 0.1]]}, "response must be finite"),
        ({"response": [[0.1, 0.2], [np.nan, np.nan]]}, r"none is at \(1,\)"),
        (
            {"initial_share": [1.0, np.nan], "response": [[0.1, np.nan], [0.3, 0.1]]},
            r"needs a share to enter with; it is missing at \(1, 1\)",
        ),
        (
            {"initial_share": [1.0, 1.0], "response": [[0.1, np.nan], [0.3, 0.1]]},
            r"sum to 1\.0; expected less",
        ),
        (
            {"jump_price": [1.0, 2.0], "reference_sales": [1.0, 2.0, 3.0]},
            r"do not broadcast.*jump_price \(2,\)",
        ),
        ({"observe": "start"}, "observe must be 'end' or 'mean'; got 'start'"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(ValueError, match=message):
        simulate_shares(**arguments(**changes))


def test_too_many_steps_is_an_error():
    """Derivatives of a market that locks in follow every step."""
    with pytest.raises(ArithmeticError, match=r"could not be resolved at returns_to_scale = 1\.5"):
        share_sensitivities(**arguments(returns_to_scale=1.5, response=[[1e9, 1e9 + 1], [1e9, 1e9]]))


def test_fitness_beyond_the_range_of_numbers_is_refused():
    f = np.full((2, 3), 1e150)
    f[:, 0] = 1.7e308
    with pytest.raises(ArithmeticError, match="too many steps"):
        simulate_shares(
            np.array([1e-290, 0.5, 0.5]), f, np.full(2, 100.0), np.ones(2), returns_to_scale=0.01, **SCALE
        )
