"""Batches of fits against lmfit, and what a batch promises whatever it is given."""

import runpy
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from places import BENCHMARKS

from kernels.least_squares.batch import fit_batch
from kernels.least_squares.batch_inputs import check_targets, one_market
from kernels.least_squares.levenberg_marquardt import EVALUATIONS_EXHAUSTED, START_FAILED
from kernels.least_squares.residual import ILR, PLAIN, MarketData, observed_target
from kernels.numeric.jit import jit_enabled

PROBLEMS = runpy.run_path(str(BENCHMARKS / "problems.py"))
FORMS = list(PROBLEMS["FORMS"])
# Plain Python is a thousand times slower: fewer and smaller problems there.
COUNT, SHAPE = (
    (40, {"n_firms": 5, "n_times": 60, "n_efforts": 2})
    if jit_enabled()
    else (2, {"n_firms": 3, "n_times": 12, "n_efforts": 1})
)


def make(form, n_markets=COUNT, **settings):
    return PROBLEMS["random_markets"](form, n_markets, **{**SHAPE, **settings})


def fit(markets, **changes):
    positional, named = markets.batch_arguments()
    return fit_batch(*positional, **{**named, **changes})


@pytest.fixture(scope="module")
def fit_lmfit():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield runpy.run_path(str(BENCHMARKS / "references.py"))["fit_lmfit"]
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize("method", ["leastsq", "least_squares"])
@pytest.mark.parametrize("form", FORMS)
def test_costs_agree_with_lmfit_from_the_same_starts(form, method, fit_lmfit):
    markets = make(form, seed=11, vary_scale=form == "scaled")
    ours = fit(markets)
    theirs = np.array(
        [
            0.5 * fit_lmfit(markets, index, method, covariance=False, ftol=1e-13, xtol=1e-13).chisqr
            for index in range(COUNT)
        ]
    )
    agree = np.abs(ours.cost / theirs - 1.0) <= 1e-8
    assert np.mean(agree | (ours.cost < theirs)) >= 0.99 * np.mean(ours.converged)
    assert np.mean(agree) >= 0.95
    assert np.mean(ours.converged) >= 0.95


@pytest.mark.parametrize("form", FORMS)
def test_parameters_are_recovered_from_shares_without_noise(form):
    markets = make(form, 2, noise=0.0)
    result = fit(markets)
    assert np.all(result.converged)
    np.testing.assert_allclose(result.value, markets.truth, rtol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_a_problem_gets_the_same_numbers_in_any_batch(form):
    markets = make(form)
    together = fit(markets)
    order = np.random.default_rng(3).permutation(COUNT)
    shuffled = fit(replace(markets, starts=markets.starts[order]), data_index=order)
    for name in ("value", "cost", "status", "evaluations"):
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(together, name)[order])
    alone = fit(replace(markets, starts=markets.starts[1:2], data=one_market(markets.data, 1)))
    np.testing.assert_array_equal(alone.value[0], together.value[1])
    assert alone.cost[0] == together.cost[1]


def test_bounds_are_kept_and_the_constrained_optimum_is_found(fit_lmfit):
    markets = make("proportional", seed=5)
    free = fit(markets)
    # The middle of each coefficient's optima: about half of the problems run into it.
    upper = markets.upper.copy()
    upper[markets.vary] = np.maximum(np.median(free.value[:, markets.vary], axis=0), 0.02)
    starts = np.where(markets.vary, np.minimum(markets.starts, 0.9 * upper), markets.starts)
    bounded = replace(markets, starts=starts, upper=upper)
    result = fit(bounded)
    assert np.all(result.value[:, markets.vary] <= upper[markets.vary])
    assert np.all(result.value[:, markets.vary] >= markets.lower[markets.vary])
    on_bound = np.any(result.value[:, markets.vary] == upper[markets.vary], axis=1)
    assert on_bound.any()
    for index in np.flatnonzero(on_bound & result.converged)[:5]:
        reference = fit_lmfit(
            bounded, index, "least_squares", covariance=False, ftol=1e-15, xtol=1e-15, gtol=1e-15
        )
        assert result.cost[index] <= 0.5 * reference.chisqr * (1.0 + 1e-8)


def test_fixed_parameters_stay_exactly_where_they_are():
    markets = make("proportional")
    vary = markets.vary.copy()
    vary[np.flatnonzero(vary)[0]] = False
    result = fit(replace(markets, vary=vary))
    np.testing.assert_array_equal(result.value[:, ~vary], markets.starts[:, ~vary])
    assert np.all(result.value[:, vary] != markets.starts[:, vary])


def test_nothing_free_is_an_evaluation():
    markets = make("proportional", 2)
    result = fit(replace(markets, vary=np.zeros_like(markets.vary), starts=markets.truth))
    np.testing.assert_array_equal(result.evaluations, 1)
    np.testing.assert_array_equal(result.value, markets.truth)
    assert np.all(result.converged & (result.cost > 0.0))


def test_a_start_without_a_finite_residual_is_a_status_not_a_nan():
    markets = make("investment", 2)
    starts, lower = markets.starts.copy(), np.tile(markets.lower, (2, 1))
    starts[0, markets.vary] = -0.5
    lower[0, markets.vary] = -1.0
    lower[0, 1] = 1e-2
    starts[0, 1] = 1.0
    result = fit(replace(markets, starts=starts, lower=lower))
    assert (result.status[0], result.cost[0]) == (START_FAILED, np.inf)
    np.testing.assert_array_equal(result.value[0], starts[0])
    assert result.converged[1]
    assert np.isfinite(result.cost[1])


def test_the_limit_of_evaluations_is_a_status():
    result = fit(make("proportional", 2), max_evaluations=2)
    np.testing.assert_array_equal(result.status, EVALUATIONS_EXHAUSTED)
    np.testing.assert_array_equal(result.evaluations, 2)
    assert not result.converged.any()


@pytest.mark.parametrize("kind", [ILR, PLAIN])
def test_replicates_share_a_market(kind):
    markets = make("proportional", 2)
    markets = replace(markets, data=markets.data._replace(kind=kind))
    target = observed_target(one_market(markets.data, 0))
    noisy = target + np.random.default_rng(4).normal(0.0, 0.01, (3, target.size))
    starts = np.repeat(markets.starts[:1], 4, axis=0)
    result = fit(
        replace(markets, starts=starts),
        data_index=[0, 0, 0, 0],
        targets=np.vstack([noisy, target]),
        target_index=[3, 0, 1, 2],
    )
    plain = fit(markets)
    assert result.cost[0] == pytest.approx(plain.cost[0], rel=1e-12)
    assert len(set(result.cost)) == 4


def test_a_strong_prior_decides_a_weak_one_shifts():
    markets = make("proportional", 2)
    free = np.flatnonzero(markets.vary)[0]
    mean, weight = np.zeros(markets.vary.size), np.zeros(markets.vary.size)
    mean[free] = 0.3
    plain = fit(markets)
    weight[free] = 1e6
    strong = fit(markets, prior_mean=mean, prior_weight=weight)
    np.testing.assert_allclose(strong.value[:, free], 0.3, rtol=1e-6)
    weight[free] = 1.0
    weak = fit(markets, prior_mean=mean, prior_weight=weight)
    assert np.all(np.abs(weak.value[:, free] - 0.3) < np.abs(plain.value[:, free] - 0.3))
    each = fit(markets, prior_mean=mean, prior_weight=np.array([np.zeros_like(weight), weight]))
    np.testing.assert_array_equal(each.cost, [plain.cost[0], weak.cost[1]])


def test_absent_firms_leave_shorter_targets():
    markets = make("proportional", 2)
    active, share = markets.data.active.copy(), markets.data.share.copy()
    active[1, :4, 0] = False
    share[1, :4, 0] = np.nan
    share[1, :4, 1:] /= share[1, :4, 1:].sum(axis=1, keepdims=True)
    data = markets.data._replace(active=active, share=share)
    result = fit(replace(markets, data=data))
    assert result.cost[0] == fit(markets).cost[0]
    assert result.converged[1]


@pytest.mark.skipif(not jit_enabled(), reason="plain Python holds the lock")
def test_the_interpreter_runs_on_while_a_batch_is_fitted():
    markets = make("proportional", 2)
    index = np.zeros(2000, np.int64)
    many = replace(markets, starts=np.repeat(markets.starts[:1], index.size, axis=0))
    fit(markets)
    spent = []

    def work():
        start = time.perf_counter()
        fit(many, data_index=index, cost_tolerance=0.0, step_tolerance=0.0, gradient_tolerance=0.0)
        spent.append(time.perf_counter() - start)

    thread = threading.Thread(target=work)
    longest_pause, last = 0.0, time.perf_counter()
    thread.start()
    while thread.is_alive():
        time.sleep(1e-4)
        now = time.perf_counter()
        longest_pause, last = max(longest_pause, now - last), now
    assert longest_pause < 0.5 * spent[0]


def _with_data(field, value):
    return lambda markets: {"markets": markets.data._replace(**{field: value(getattr(markets.data, field))})}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda m: {"starts": m.starts[0]}, r"starts has shape .* expected \(problem, parameter\)"),
        (lambda m: {"starts": m.starts * np.nan}, "start of problem 0 is nan for parameter 0"),
        (lambda m: {"starts": m.starts - 9.0}, r"start of problem 0 is .* outside its bounds"),
        (lambda m: {"lower": m.lower * np.nan}, "outside its bounds from nan"),
        (lambda m: {"upper": m.upper[:2]}, r"upper has shape \(2,\)"),
        (lambda m: {"vary": m.vary[:2]}, r"vary has shape \(2,\), expected"),
        (lambda m: {"vary": m.vary | True}, "returns_to_scale .* is free, but the proportional"),
        (lambda m: {"data_index": [0, 2]}, "data_index runs from 0 to 2, expected indices from 0 to 1"),
        (lambda m: {"data_index": [0.0, 1.0]}, "expected 2 integers"),
        (lambda m: {"starts": m.starts[[0, 0, 1]]}, "3 problems and 2 markets; give data_index"),
        (_with_data("kind", lambda kind: kind + 7), "kind of the markets is 7"),
        (lambda m: {"targets": np.zeros((2, 3))}, r"targets has shape \(2, 3\), expected"),
        (lambda m: {"targets": np.zeros((3, 500))}, "2 problems and 3 targets; give target_index"),
        (lambda m: {"target_index": [0, 1]}, "target_index was given without targets"),
        (lambda m: {"prior_weight": -1.0}, "finite weight of at least 0"),
        (_with_data("duration", lambda a: a[:1]), "duration of the markets has shape"),
        (_with_data("efforts", lambda a: a[0]), "efforts of the markets has shape"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_a_sentence(changes, message):
    markets = make("proportional", 2)
    positional, named = markets.batch_arguments()
    arguments = dict(zip(("spec", "markets", "starts", "lower", "upper"), positional, strict=True))
    with pytest.raises(ValueError, match=message):
        fit_batch(**{**arguments, **named, **changes(markets)})


@pytest.mark.parametrize("kind", [ILR, PLAIN])
def test_default_targets_are_those_of_each_market(kind):
    markets = make("proportional", 3)
    active, share = markets.data.active.copy(), markets.data.share.copy()
    active[1, 5:, 1] = active[2, :, 0] = active[2, 4, 2] = False
    share[~active] = np.nan
    data = markets.data._replace(active=active, share=share, kind=kind)
    targets, row = check_targets(None, None, np.array([2, 1, 2]), data)
    assert targets.shape[0] == 2
    for problem, market in enumerate((2, 1, 2)):
        expected = observed_target(one_market(data, market))
        np.testing.assert_allclose(targets[row[problem], : expected.size], expected, rtol=1e-13, atol=1e-15)


def test_a_missing_share_is_refused():
    markets = make("proportional", 2)
    share = markets.data.share.copy()
    share[1, 3, 0] = np.nan
    with pytest.raises(ValueError, match="share"):
        fit(replace(markets, data=MarketData(*markets.data[:2], share, *markets.data[3:])))


@pytest.mark.skipif(not jit_enabled(), reason="nothing is compiled")
def test_no_kind_of_input_compiles_the_kernels_again():
    from kernels.least_squares.batch import _fit

    markets = make("proportional", 2)
    fit(markets)
    compiled = len(_fit.signatures)
    arrays = [np.asarray(a) for a in markets.data[:6]]
    data = MarketData(*arrays, markets.data.first, PLAIN)
    for array in arrays:
        array.setflags(write=False)
    weight = np.zeros(markets.vary.size)
    weight.setflags(write=False)
    fit(replace(markets, data=data), prior_mean=weight, prior_weight=weight)
    fit(markets, prior_weight=np.zeros((2, weight.size)), data_index=np.array([1, 0], dtype=np.int32))
    fit(replace(markets, data=data._replace(efforts=np.asfortranarray(data.efforts))), max_evaluations=7)
    assert len(_fit.signatures) == compiled
