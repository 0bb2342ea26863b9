"""Benchmarks of speed: one evaluation, whole fits, and how both grow."""

import functools

import numpy as np
from problems import FORMS, random_markets
from references import Residual, diffrax_fitter, fit_lmfit, fit_solve_ivp
from timing import best_of, timed

from kernels.least_squares.batch import fit_batch
from kernels.least_squares.batch_inputs import one_market
from kernels.least_squares.residual import (
    make_market_workspace,
    n_observations,
    observed_target,
    prepare_market,
    residual_jacobian,
)
from kernels.numeric.jit import jit

_CALLS = 200
_FEW = 20


@jit
def _evaluate_often(spec, data, target, zeros, form, theta, column, work, residual, jacobian, calls):
    status = 0
    for call in range(calls):
        # A new point each time, so that nothing can be remembered from the last.
        theta[0] *= 1.0 + 1e-9 * (call % 2)
        theta[1] *= 1.0 + 1e-9 * (call % 2)
        status |= residual_jacobian(
            spec, data, target, zeros, zeros, form, theta, column, work, residual, jacobian
        )
    return status


def time_evaluation(markets, index=0):
    """Seconds for one residual and Jacobian, and the Jacobian's shape (C, R)."""
    data = one_market(markets.data, index)
    column = markets.column
    n_columns = int(column.max()) + 1
    rows = n_observations(data)
    work = make_market_workspace(markets.spec, data, n_columns)
    prepare_market(markets.spec, data, work)
    target = observed_target(data)
    theta = markets.truth[index].copy()
    zeros = np.zeros(theta.size)
    residual, jacobian = np.empty(rows), np.empty((n_columns, rows))

    def run():
        status = _evaluate_often(
            markets.spec,
            data,
            target,
            zeros,
            markets.gamma_form,
            theta,
            column,
            work,
            residual,
            jacobian,
            _CALLS,
        )
        assert status == 0, status

    run()
    return best_of(run, 15) / _CALLS, jacobian.shape


def time_writes(shape):
    """Seconds to fill an array that exists already, and to allocate and fill one."""
    store = np.empty(shape)

    def fill():
        for call in range(_CALLS):
            store.fill(call)

    def ones():
        for _ in range(_CALLS):
            np.ones(shape)

    return best_of(fill, 15) / _CALLS, best_of(ones, 15) / _CALLS


def residual():
    """Residual and Jacobian against one write of an array of the Jacobian's size.

    The write is measured two ways, both by numpy and with the array in cache: `fill` of an array that exists,
    and `np.ones`, which allocates it too.
    """
    print("residual + Jacobian, 10 firms x 104 weeks x 4 expenses, Hill, 8 parameters")
    for form in FORMS:
        seconds, shape = time_evaluation(random_markets(form, 1))
        ratios = ", ".join(
            f"{seconds / write:.1f} x {name} ({write * 1e6:.1f} us)"
            for name, write in zip(("fill", "np.ones"), time_writes(shape), strict=True)
        )
        print(f"  {form:13s} {seconds * 1e6:6.1f} us for {shape} = {ratios}")


def _time_batch(markets, **settings):
    """Seconds for one batch, and its fit."""
    positional, named = markets.batch_arguments()
    fit_batch(*positional, **named, max_evaluations=1)
    return timed(lambda: fit_batch(*positional, **named, **settings))


def _fit_few(markets):
    for index in range(_FEW):
        fit_lmfit(markets, index, "leastsq", covariance=False)


def fits():
    """Fits per second of a batch, against lmfit with the same residual and Jacobian."""
    print("fits per second of one core")
    for form in FORMS:
        markets = random_markets(form, 500)
        seconds, fit = _time_batch(markets)
        per_fit = seconds / fit.status.size
        by_lmfit = timed(functools.partial(_fit_few, markets))[0] / _FEW
        print(
            f"  {form:13s} {1 / per_fit:7.0f} fits/s ({fit.converged.mean():.1%} converged, "
            f"{fit.evaluations.mean():.1f} evaluations each); lmfit with the same residual and Jacobian "
            f"{by_lmfit * 1e3:.2f} ms a fit: ratio {by_lmfit / per_fit:.1f}"
        )


def solve_ivp():
    """One fit by lmfit with `solve_ivp` (proportional form) against one of a batch."""
    markets = random_markets("proportional", 100)
    seconds, fit = _time_batch(markets)
    elapsed, reference = timed(lambda: fit_solve_ivp(markets, 0))
    print("one fit by lmfit with solve_ivp, restarted at each period (proportional)")
    print(
        f"  {elapsed:.2f} s, {reference.nfev} evaluations, cost {0.5 * reference.chisqr:.9g} "
        f"(batch: {fit.cost[0]:.9g}); ratio {elapsed / (seconds / fit.status.size):.0f}"
    )


def diffrax():
    """One fit by diffrax with scipy's `least_squares` (proportional form); needs the benchmark group."""
    markets = random_markets("proportional", 100)
    seconds, fit = _time_batch(markets)
    fitter = diffrax_fitter(markets)
    fitter(0)
    elapsed, costs = timed(lambda: np.array([fitter(index).cost for index in range(_FEW)]))
    ratio = (elapsed / _FEW) / (seconds / fit.status.size)
    print("one fit by diffrax and scipy least_squares, compiled beforehand (proportional)")
    print(
        f"  {elapsed / _FEW * 1e3:.1f} ms: ratio {ratio:.0f}; "
        f"costs differ by at most {np.max(np.abs(costs / fit.cost[:_FEW] - 1.0)):.1e}, relatively"
    )


def _exponent(sizes, seconds):
    return np.polyfit(np.log(sizes), np.log(seconds), 1)[0]


def scaling():
    """Exponents of the cost of an evaluation in periods, firms and parameters, and of a batch in its size."""
    print("growth of cost: exponent of a power law through the sizes (1 is linear)")
    axes = {
        "periods": ("n_times", (104, 208, 416, 832)),
        "firms": ("n_firms", (10, 20, 40, 80)),
        "parameters": ("n_efforts", (4, 8, 16, 32)),
    }
    for form in FORMS:
        for axis, (keyword, sizes) in axes.items():
            seconds = [time_evaluation(random_markets(form, 1, **{keyword: size}))[0] for size in sizes]
            times = ", ".join(f"{s * 1e6:.0f}" for s in seconds)
            print(f"  {form:13s} {axis:10s} {sizes}: {times} us; exponent {_exponent(sizes, seconds):.2f}")
    sizes = (125, 250, 500, 1000)
    markets = [random_markets("proportional", size) for size in sizes]
    seconds = [min(_time_batch(m, max_evaluations=10)[0] for _ in range(3)) for m in markets]
    print(f"  proportional  batch      {sizes}: exponent {_exponent(sizes, seconds):.2f}")


def python_call():
    """One evaluation called from Python: what lmfit pays on top."""
    markets = random_markets("proportional", 1)
    model = Residual(markets, 0)
    values = markets.truth[0, markets.vary]

    def run():
        for call in range(_CALLS):
            model.residual(values * (1.0 + 1e-9 * call))

    run()
    print(f"residual + Jacobian called from Python: {best_of(run) / _CALLS * 1e6:.1f} us")
