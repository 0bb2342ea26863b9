"""Starts of one problem that end early: at optima that all starts reach, and never before their time."""

import runpy

import numpy as np
import pytest
from places import BENCHMARKS

from kernels.least_squares.batch import fit_batch
from kernels.least_squares.common_optimum import end_early
from kernels.least_squares.levenberg_marquardt import (
    FIRST_RADIUS,
    KNOWN_OPTIMUM,
    LEFT_BEHIND,
    RUNNING,
    Progress,
    Settings,
)
from kernels.least_squares.trust_region import make_scratch
from kernels.numeric.jit import jit_enabled

PROBLEMS = runpy.run_path(str(BENCHMARKS / "problems.py"))
MARKETS, STARTS = (12, 5) if jit_enabled() else (3, 3)
SHAPE = {"n_firms": 4, "n_times": 40, "n_efforts": 2} if jit_enabled() else {"n_firms": 3, "n_times": 12}


@pytest.mark.parametrize("form", list(PROBLEMS["FORMS"]))
def test_ended_starts_are_where_they_would_have_come_to(form):
    markets = PROBLEMS["random_markets"](form, MARKETS, seed=5, vary_scale=form == "scaled", **SHAPE)
    (spec, data, starts, lower, upper), named = markets.batch_arguments()
    problem = np.repeat(np.arange(MARKETS), STARTS)
    starts = starts[problem]
    free = markets.vary & (starts[0] > 0.0)
    starts[:, free] *= np.exp(np.random.default_rng(0).normal(0.0, 0.5, (len(starts), int(free.sum()))))
    starts = np.where(markets.vary, np.clip(starts, lower, np.minimum(upper, 1e3)), starts)
    alone, early = (
        fit_batch(spec, data, starts, lower, upper, **named, data_index=problem, groups=groups)
        for groups in (None, problem)
    )
    best = [fit.cost.reshape(MARKETS, STARTS).min(axis=1) for fit in (alone, early)]
    np.testing.assert_allclose(best[1], best[0], rtol=1e-9)
    ended = early.status == KNOWN_OPTIMUM
    assert ended.any()
    np.testing.assert_allclose(early.cost[ended], alone.cost[ended], rtol=1e-8)
    assert early.evaluations.sum() < alone.evaluations.sum()
    # The first one has none before it.
    np.testing.assert_array_equal(early.value[::STARTS], alone.value[::STARTS])


@pytest.mark.parametrize(
    ("fall", "known", "ends"),
    [(0.0, 1.0, True), (0.01, 1.0, True), (0.5, 1.0, False), (0.0, 9.0, False)],
    ids=["nothing", "too slow", "fast enough", "better already"],
)
def test_only_what_comes_down_too_slowly_is_given_up(fall, known, ends):
    settings = Settings(1e-10, 1e-10, 1e-12, 200, FIRST_RADIUS, 0.3)
    scratch, seen, one = make_scratch(1, 1), np.array([0.0, np.inf]), np.ones(1)
    cost, status, at = 5.0, RUNNING, 0
    for evaluations in range(1, 61):
        cost -= fall / 10.0
        progress = Progress(RUNNING, cost, evaluations, 1.0, 0.0, False, 1.0, 0.0, 0.0)
        found = end_early(
            progress, False, one, one, known, True, -one, 2.0 * one, settings, seen, scratch
        )  # fmt: skip
        if status == RUNNING and found.status != RUNNING:
            status, at = found.status, evaluations
    assert status == (LEFT_BEHIND if ends else RUNNING)
    # Not before it was looked at three times.
    assert at in (0, 30)


def test_starts_of_a_group_are_on_one_market():
    markets = PROBLEMS["random_markets"]("proportional", 2, n_firms=3, n_times=10, n_efforts=1)
    positional, named = markets.batch_arguments()
    with pytest.raises(ValueError, match="on several markets"):
        fit_batch(*positional, **named, groups=[0, 0])
