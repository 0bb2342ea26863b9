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

    def __init__(self, form, kind=rs.ILR, estimated=False, changing=False, restart=0, seed=0, n=4, n_times=7):
        rng = np.random.default_rng(seed)
        self.form, self.kind = FORMS[form], kind
        active = np.ones((n_times, n), dtype=bool)
        if changing:
            active[:3, 1] = active[5:, 0] = False
        efforts = rng.uniform(0.1, 1.0, (2, n_times, n))
        share = np.where(active, rng.dirichlet(np.full(n, 20.0), n_times), 0.0)
        share /= share.sum(axis=1, keepdims=True)
        share[~active] = np.nan
        self.data = rs.MarketData(
            efforts, active, share, rng.uniform(80, 120, n_times), rng.choice([1.0, 2.0], n_times), 100.0,
            0 if estimated else 1, restart,
        )  # fmt: skip
        self.response = compose(["hill", "linear"], efforts=efforts, active=active, effects="constant")
        natural = {"beta": 0.3, "h": 0.5, "n": 1.5}
        values = [natural.get(p.name, 0.2) for p in self.response.parameters]
        initial = list(rng.normal(0, 0.3, n - 1)) if estimated else []
        self.theta = np.array([*values, 150.0, GAMMA[form], *initial])
        self.free = np.ones(self.theta.size, dtype=bool)
        self.free[len(values) + 1] = form == "scaled"
        if estimated and changing:
            self.free[len(values) + 2 + 1] = False
        self.column = np.where(self.free, np.cumsum(self.free) - 1, -1)
        self.prior_mean = np.zeros(self.theta.size)
        self.prior_weight = np.zeros(self.theta.size)
        self.target = rs.observed_target(self.data, kind)

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
            self.kind, theta, column, work, residual, jacobian,
        )  # fmt: skip
        return status, residual, jacobian

    def shares(self):
        """The model's shares by the public function, as `first` says."""
        data, n_response = self.data, len(self.response.parameters)
        f = self.response.evaluate(self.theta, data.efforts, data.duration, data.active)
        if data.first == 0:
            logs = np.append(self.theta[n_response + 2 :], 0.0)
            initial = np.where(data.active[0], np.exp(logs), 0.0)
            initial /= initial.sum()
            whole = slice(None)
        else:
            initial, whole = data.share[0], slice(1, None)
            f[0] = np.where(data.active[0], 0.3, np.nan)
        duration = data.duration.copy()
        if data.first == 1:
            duration[0] = 1e-300
        return simulate_shares(
            np.nan_to_num(initial), f, data.total_sales, duration, jump_price=self.theta[n_response],
            reference_sales=data.reference_sales, returns_to_scale=self.theta[n_response + 1],
            entry_share=data.share,
        )[whole]  # fmt: skip


CASES = [
    (form, kind, estimated, changing)
    for form in FORMS
    for kind in (rs.ILR, rs.PLAIN)
    for estimated in (False, True)
    for changing in (False, True)
]


@pytest.mark.parametrize("case", CASES)
def test_rows_are_coordinates_of_simulated_shares(case):
    problem = Problem(*case)
    status, residual, _ = problem.evaluate()
    assert status == rs.OK
    expected = []
    for model, observed in zip(problem.shares(), problem.data.share[problem.data.first :], strict=True):
        there = ~np.isnan(observed)
        if problem.kind == rs.ILR:
            expected.append(ilr(model[there]) - ilr(observed[there]))
        else:
            expected.append(helmert_basis(there.sum()) @ (model - observed)[there])
    np.testing.assert_allclose(residual, np.concatenate(expected), atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_rows_of_periods_that_restart_are_those_of_one_period_from_the_observed_shares(case):
    problem = Problem(*case, restart=5)
    status, residual, _ = problem.evaluate()
    assert status == rs.OK
    data, rows = problem.data, []
    for t in range(data.first, 7):
        one = Problem(*case)
        if t == 0:
            one.data = cut(data, 0, 1)._replace(first=0)
        elif t < 5:
            one.data = cut(data, t - 1, t + 1)
        else:  # from the last restart on, the modelled shares lead on
            one.data = cut(data, 3, t + 1)
        one.target = rs.observed_target(one.data, one.kind)
        present = data.active[t].sum()
        rows.append(one.evaluate()[1][-(present - 1) :])
    np.testing.assert_allclose(residual, np.concatenate(rows), atol=1e-12)


def cut(data, start, stop):
    """Periods of a market, from the observed shares of the first one on."""
    part = {name: getattr(data, name)[start:stop] for name in ("active", "share", "total_sales", "duration")}
    return data._replace(efforts=data.efforts[:, start:stop].copy(), first=1, restart=0, **part)


@pytest.mark.parametrize("restart", [0, 5])
@pytest.mark.parametrize("case", CASES)
def test_jacobian_against_differences(case, restart):
    problem = Problem(*case, restart=restart)
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
    np.testing.assert_allclose(share[1:], problem.shares(), atol=1e-13)


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
            problem.form, problem.kind, problem.theta, problem.column, work, *found,
        )  # fmt: skip
    _, residual, jacobian = second.evaluate()
    np.testing.assert_array_equal(found[0], residual)
    np.testing.assert_array_equal(found[1], jacobian)


def changed(problem, **values):
    names = [p.name for p in problem.response.parameters] + ["jump_price", "returns_to_scale"]
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
    problem = Problem("investment")
    problem.data.share[2, 1] = value
    if fails:
        with pytest.raises(ValueError, match=f"share of firm 1 in period 2 is {value}"):
            rs.observed_target(problem.data, kind)
    else:
        assert rs.observed_target(problem.data, kind).size == rs.n_observations(problem.data)


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
