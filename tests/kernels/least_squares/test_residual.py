"""Residuals and Jacobian of a market model, from response to rows."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kernels.least_squares import residual as rs
from kernels.motion.shares import simulate_shares
from kernels.numeric.simplex import helmert_basis, ilr
from kernels.response.response import compose

FORMS = {"investment": rs.INVESTMENT, "proportional": rs.PROPORTIONAL, "scaled": rs.SCALED}
GAMMA = {"investment": 0.0, "proportional": 1.0, "scaled": 0.6}


class Problem:
    """A market with two efforts (Hill and linear) and firm effects, all of whose parameters are free."""

    def __init__(
        self, form, kind=rs.ILR, estimated=False, changing=False, gain=0.0, seed=0, corrected=6, entries=0
    ):
        n, n_times = 4, 7
        rng = np.random.default_rng(seed)
        self.form, self.kind = FORMS[form], kind
        active = np.ones((n_times, n), dtype=bool)
        if changing:
            # Firm 1 enters as firm 0 leaves, firm 2 comes back in the end.
            active[:3, 1] = active[4:, 0] = active[5, 2] = False
        efforts = rng.uniform(0.1, 1.0, (2, n_times, n))
        share = np.where(active, rng.dirichlet(np.full(n, 20.0), n_times), 0.0)
        share /= share.sum(axis=1, keepdims=True)
        share[~active] = np.nan
        self.data = rs.MarketData(
            efforts, active, share, rng.uniform(80, 120, n_times), rng.choice([1.0, 2.0], n_times), 100.0,
            0 if estimated else 1, kind, corrected, entries=entries,
        )  # fmt: skip
        self.response = compose(["hill", "linear"], efforts=efforts, active=active, effects="constant")
        natural = {"beta": 0.3, "h": 0.5, "n": 1.5}
        values = [natural.get(p.name, 0.2) for p in self.response.parameters]
        initial = list(rng.normal(0, 0.3, n - 1)) if estimated else []
        self.errors = np.array([0.3, -0.4])[:entries]
        self.theta = np.array([*values, 150.0, GAMMA[form], gain, *initial, *self.errors])
        self.free = np.ones(self.theta.size, dtype=bool)
        self.free[len(values) + 1] = form == "scaled"
        self.free[len(values) + 2] = 0.0 < gain < 1.0
        if estimated and changing:
            self.free[len(values) + 3 + 1] = False
        self.column = np.where(self.free, np.cumsum(self.free) - 1, -1)
        self.prior_mean = np.zeros(self.theta.size)
        self.prior_weight = np.zeros(self.theta.size)
        self.target = rs.observed_target(self.data)

    def evaluate(self, theta=None, derivatives=True):
        theta = self.theta if theta is None else theta
        column = self.column if derivatives else np.full_like(self.column, -1)
        n_columns = int(self.free.sum()) if derivatives else 0
        work = rs.make_market_workspace(self.response.spec, self.data, n_columns)
        rs.prepare_market(self.response.spec, self.data, work)
        n_rows = rs.n_rows(self.data, column, self.prior_weight)
        residual, jacobian = np.full(n_rows, np.nan), np.full((n_columns, n_rows), np.nan)
        status = rs.residual_jacobian(
            self.response.spec, self.data, self.target, self.prior_mean, self.prior_weight, self.form,
            theta, column, work, residual, jacobian,
        )  # fmt: skip
        return status, residual, jacobian

    def follow(self):
        """Go through the innovations form: period, who moves, modelled and observed shares, variance."""
        data, n_response = self.data, len(self.response.parameters)
        common, gamma, unknown = self.theta[n_response + 2], self.theta[n_response + 1], 0.0
        f = self.response.evaluate(self.theta, data.efforts, data.duration, data.active)
        if data.first == 0:
            initial = self.theta[n_response + 3 :][: data.active.shape[1] - 1]
            state = np.where(data.active[0], np.exp(np.append(initial, 0.0)), 0.0)
        else:
            state = np.nan_to_num(data.share[0])
        for t in range(data.first, len(data.active)):
            moving = data.active[t] & (data.active[t - 1] if t else True)
            state = np.where(moving, state, 0.0) / state[moving].sum()
            modelled = simulate_shares(
                state, np.where(moving, f[t], np.nan)[None], data.total_sales[[t]], data.duration[[t]],
                jump_price=self.theta[n_response], reference_sales=data.reference_sales,
                returns_to_scale=self.theta[n_response + 1],
            )[0]  # fmt: skip
            observed = np.where(moving, data.share[t], np.nan) / data.share[t][moving].sum()
            # What lasts of the errors of common periods that nobody saw.
            rate = 100.0 * (data.total_sales[t] / 100.0) ** gamma / self.theta[n_response]
            rate *= (1.0 - gamma) * np.sum(f[t][moving] * observed[moving] ** gamma)
            for _ in range(int(data.duration[t]) - 1 if t and data.corrected else 0):
                unknown = unknown * np.exp(-2.0 * rate) + common**2
            if t and data.corrected:
                unknown *= np.exp(-2.0 * rate)
            gain = (common + unknown) / (1.0 + unknown)
            yield t, moving, modelled, observed, 1.0 + unknown
            unknown = unknown * (1.0 - common) ** 2 / (1.0 + unknown)
            state = modelled
            if t + 1 < data.corrected and self.kind == rs.PLAIN:
                state = (1 - gain) * modelled + gain * observed
            elif t + 1 < data.corrected:
                state = modelled ** (1 - gain) * observed**gain
                state /= np.nansum(state)
            entering = data.active[t] & ~moving
            room = 1 - data.share[t][entering].sum()
            state = np.where(entering, data.share[t], np.nan_to_num(state) * room)
            for error in self.theta[self.theta.size - data.entries :][np.isin(ENTRIES, t)[: data.entries]]:
                state[entering] *= np.exp((1 - common if t + 1 < data.corrected else 1) * error)
            state /= state.sum()


# Periods that firms enter in where membership changes: firm 1 in the fourth, firm 2 in the last.
ENTRIES = [3, 6]
CASES = [
    (form, kind, estimated, changing)
    for form in FORMS
    for kind in (rs.ILR, rs.PLAIN)
    for estimated in (False, True)
    for changing in (False, True)
]
GAINS = (0.0, 0.4, 1.0)


def check_rows(problem):
    status, residual, _ = problem.evaluate()
    assert status == rs.OK
    expected, variances = [], []
    for _, moving, model, observed, variance in problem.follow():
        variances.append(np.full(moving.sum() - 1, variance))
        if problem.kind == rs.ILR:
            expected.append(ilr(model[moving]) - ilr(observed[moving]))
        else:
            expected.append(helmert_basis(moving.sum()) @ (model - observed)[moving])
    variance = np.concatenate(variances)
    scale = np.exp(0.5 * np.log(variance).mean()) / np.sqrt(variance)
    np.testing.assert_allclose(residual, scale * np.concatenate(expected), atol=1e-12)


def check_jacobian(problem):
    jacobian = problem.evaluate()[2]
    for p in np.flatnonzero(problem.free):
        step = 1e-3 * max(abs(problem.theta[p]), 0.1)
        rows = []
        for k in (1, -1, 2, -2):
            theta = problem.theta.copy()
            theta[p] += k * step
            rows.append(problem.evaluate(theta)[1])
        expected = (8 * (rows[0] - rows[1]) - (rows[2] - rows[3])) / (12 * step)
        found = jacobian[problem.column[p]]
        # A constant added to all f has no effect at gamma = 1: there both are zero but for rounding.
        assert np.abs(found - expected).max() <= 1e-7 * np.abs(expected).max() + 1e-11, p


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("case", CASES)
def test_rows_are_coordinates_of_shares_followed_from_the_corrected_state(case, gain):
    check_rows(Problem(*case, gain))


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("case", CASES)
def test_jacobian_against_differences(case, gain):
    check_jacobian(Problem(*case, gain))


@pytest.mark.parametrize("gain", GAINS)
@pytest.mark.parametrize("kind", [rs.ILR, rs.PLAIN])
@pytest.mark.parametrize("form", FORMS)
def test_firms_enter_with_shares_that_are_off_by_their_errors(form, kind, gain):
    problem = Problem(form, kind, True, True, gain, entries=2)
    check_rows(problem)
    check_jacobian(problem)


@pytest.mark.parametrize("form", FORMS)
def test_a_gain_of_zero_does_not_look_at_the_observed_shares(form):
    problem, other = Problem(form, gain=0.0), Problem(form, gain=0.0, corrected=0)
    np.testing.assert_allclose(problem.evaluate()[1], other.evaluate()[1], atol=1e-15)
    for found, expected in zip(problem.evaluate()[2], other.evaluate()[2], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-15)


@pytest.mark.parametrize("form", FORMS)
def test_residuals_alone_are_the_same(form):
    problem = Problem(form, changing=True)
    _, residual, _ = problem.evaluate()
    status, alone, jacobian = problem.evaluate(derivatives=False)
    assert status == rs.OK
    assert jacobian.shape == (0, residual.size)
    np.testing.assert_allclose(alone, residual, atol=1e-13)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("changing", [False, True])
def test_simulate_market_gives_the_fitted_trajectory(form, changing):
    problem = Problem(form, changing=changing)
    work = rs.make_market_workspace(problem.response.spec, problem.data, 0)
    rs.prepare_market(problem.response.spec, problem.data, work)
    share = np.empty_like(problem.data.share)
    column = np.full_like(problem.column, -1)
    status = rs.simulate_market(
        problem.response.spec, problem.data, problem.form, problem.theta, column, work, share
    )
    assert status == rs.OK
    np.testing.assert_array_equal(share[0], problem.data.share[0])
    for t, moving, model, *_ in problem.follow():
        entering = problem.data.active[t] & ~moving
        np.testing.assert_array_equal(share[t, entering], problem.data.share[t, entering])
        room = 1 - problem.data.share[t, entering].sum()
        np.testing.assert_allclose(share[t, moving], room * model[moving], atol=1e-13)
        assert np.isnan(share[t, ~problem.data.active[t]]).all()


def test_prior_rows():
    problem = Problem("scaled")
    without = problem.evaluate()
    problem.prior_weight[[0, 3]] = [2.0, 0.5]
    problem.prior_mean[[0, 3]] = [0.1, -1.0]
    problem.free[3] = False
    problem.column = np.where(problem.free, np.cumsum(problem.free) - 1, -1)
    status, residual, jacobian = problem.evaluate()
    assert status == rs.OK
    assert residual.size == without[1].size + 1
    assert residual[-1] == pytest.approx(2.0 * (problem.theta[0] - 0.1))
    np.testing.assert_array_equal(jacobian[:, -1], np.where(np.arange(len(jacobian)) == 0, 2.0, 0.0))
    np.testing.assert_allclose(residual[:-1], without[1], atol=1e-14)


def test_a_workspace_serves_another_market_and_other_free_parameters():
    """Nothing of an earlier call stays behind."""
    first, second = Problem("scaled", seed=1), Problem("scaled", seed=2, changing=True)
    work = rs.make_market_workspace(first.response.spec, first.data, int(first.free.sum()))
    found = None
    for problem, order in ((first, 1), (second, -1)):
        rs.prepare_market(problem.response.spec, problem.data, work)
        problem.column = np.where(problem.free, int(problem.free.sum()) - 1 - problem.column, -1)
        if order == 1:
            problem.column = np.where(problem.free, int(problem.free.sum()) - 1 - problem.column, -1)
        size = rs.n_rows(problem.data, problem.column, problem.prior_weight)
        found = np.empty(size), np.empty((int(problem.free.sum()), size))
        rs.residual_jacobian(
            problem.response.spec, problem.data, problem.target, problem.prior_mean, problem.prior_weight,
            problem.form, problem.theta, problem.column, work, *found,
        )  # fmt: skip
    _, residual, jacobian = second.evaluate()
    np.testing.assert_array_equal(found[0], residual)
    np.testing.assert_array_equal(found[1], jacobian)


def changed(problem, **values):
    names = [p.name for p in problem.response.parameters] + ["jump_price", "returns_to_scale", "gain"]
    theta = problem.theta.copy()
    for name, value in values.items():
        theta[names.index(name)] = value
    return theta


@pytest.mark.parametrize(
    ("form", "values", "status"),
    [
        ("investment", {"beta": -9.0}, rs.NEGATIVE_RESPONSE),
        ("scaled", {"beta": -9.0}, rs.NEGATIVE_RESPONSE),
        ("proportional", {"beta": -9.0}, rs.OK),
        ("proportional", {"beta": np.nan}, rs.NON_FINITE_RESPONSE),
        ("proportional", {"jump_price": 0.0}, rs.BAD_PARAMETER),
        ("investment", {"jump_price": np.inf}, rs.BAD_PARAMETER),
        ("scaled", {"returns_to_scale": -0.1}, rs.BAD_PARAMETER),
        ("scaled", {"gain": 1.1}, rs.BAD_PARAMETER),
        ("scaled", {"gain": np.nan}, rs.BAD_PARAMETER),
        ("scaled", {"returns_to_scale": 2.0, "jump_price": 1e-9}, rs.NO_CONVERGENCE),
        ("scaled", {"returns_to_scale": 2.0, "jump_price": 0.05}, rs.NO_CONVERGENCE),
        ("scaled", {"returns_to_scale": 2.0, "jump_price": 20.0}, rs.OK),
    ],
)
def test_status(form, values, status):
    problem = Problem(form)
    assert problem.evaluate(changed(problem, **values))[0] == status
    assert rs.STATUS[status].endswith(".")


def test_a_missing_target_is_seen():
    problem = Problem("investment")
    problem.target[3] = np.nan
    assert problem.evaluate()[0] == rs.NON_FINITE_RESIDUAL


@pytest.mark.parametrize(
    ("value", "kind", "fails"), [(0.0, rs.ILR, True), (0.0, rs.PLAIN, False), (np.nan, rs.PLAIN, True)]
)
def test_observed_target_names_the_share_it_cannot_use(value, kind, fails):
    problem = Problem("investment", kind)
    problem.data.share[2, 1] = value
    if fails:
        with pytest.raises(ValueError, match=f"share of firm 1 in period 2 is {value}"):
            rs.observed_target(problem.data)
    else:
        assert rs.observed_target(problem.data).size == rs.n_observations(problem.data)


def test_without_compilation():
    """The rows test and the gradient test, in a process with compilation switched off."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        pytest.skip("this process does not compile")
    program = [sys.executable, "-m", "pytest", "-q", "-x", str(Path(__file__))]
    run = subprocess.run(
        [*program, "-k", "coordinates or prior_rows or status"],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stdout
