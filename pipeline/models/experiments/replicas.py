"""Many variations of a problem with experiments: other bounds, other shares, experiments made anew.

Compiled batches do not know rows of experiments: here the same search goes on, each step of it compiled, with
a model that is evaluated from here.
"""

import copy
from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.batch import BatchFit
from kernels.least_squares.batch_inputs import one_market
from kernels.least_squares.levenberg_marquardt import (
    FIRST_RADIUS,
    RUNNING,
    Progress,
    Settings,
    begin,
    judge,
    propose,
)
from kernels.least_squares.residual import MarketData, observed_target
from kernels.least_squares.trust_region import make_scratch
from kernels.numeric.arrays import Matrix, Vector
from pipeline.models.experiments.rows import ExperimentRows

Evaluate = Callable[[Vector], tuple[Vector, Matrix] | None]
"""Takes parameters (P,) to residuals (R,) and derivatives (C, R); None where there are none."""


class Problem(Protocol):
    """What is used of a `pipeline.models.market_model.MarketModel`."""

    lower: Vector
    upper: Vector
    vary: NDArray[np.bool_]
    data: MarketData
    experiments: ExperimentRows | None

    def observe(self, data: MarketData, target: Vector) -> None:
        """Compare with other shares."""

    def residual(self, theta: Vector) -> Vector | None:
        """Give residuals (R,); None where there are none."""

    def jacobian(self, theta: Vector) -> Matrix:
        """Give their derivatives (C, R)."""


def fit_tested(
    model: Problem,
    starts: Matrix,
    bounds: tuple[Matrix | None, Matrix | None],
    data: MarketData | None,
    targets: Matrix | None,
    luck: Matrix | None,
    *,
    max_evaluations: int,
    cost_tolerance: float,
    promise_tolerance: float,
) -> BatchFit:
    """Fit variations of a model whose experiments have rows; arguments as those of `MarketModel.fit_many`."""
    lower, upper = (
        np.broadcast_to(of_model if own is None else own, starts.shape)
        for of_model, own in zip((model.lower, model.upper), bounds, strict=True)
    )

    def variation(row: int) -> Problem:
        if data is None and targets is None and luck is None:
            return model
        market = model.data if data is None else one_market(data, row)
        target = observed_target(market) if targets is None else targets[row]
        return _replica(model, market, target, starts[row], None if luck is None else luck[row])

    return _search_many(
        lambda row: partial(_evaluate, variation(row)),
        starts,
        lower,
        upper,
        model.vary,
        max_evaluations=max_evaluations,
        cost_tolerance=cost_tolerance,
        promise_tolerance=promise_tolerance,
    )


def _evaluate(model: Problem, theta: Vector) -> tuple[Vector, Matrix] | None:
    residual = model.residual(theta)
    return None if residual is None else (residual, model.jacobian(theta))


def _replica(model: Problem, data: MarketData, target: Vector, truth: Vector, luck: Vector | None) -> Problem:
    """Give the model another market, and experiments made in it under the truth."""
    one = copy.copy(model)
    one.observe(data, target)
    if model.experiments is not None:
        one.experiments = model.experiments.anew(data.share, truth, luck)
    return one


def _search_many(
    problems: Callable[[int], Evaluate],
    starts: Matrix,
    lower: Matrix,
    upper: Matrix,
    vary: NDArray[np.bool_],
    *,
    max_evaluations: int,
    cost_tolerance: float,
    promise_tolerance: float,
) -> BatchFit:
    """Fit B problems one after the other, as `kernels.least_squares.batch.fit_batch` does.

    Parameters
    ----------
    problems : callable
        Gives the problem of a number from 0 to B - 1.
    starts, lower, upper : (B, P) arrays
        A parameter with equal bounds is held.
    vary : (P,) array of bool
        Which parameters are free.
    max_evaluations, cost_tolerance, promise_tolerance
        As in `fit_batch`.
    """
    count = len(starts)
    value = np.array(starts, dtype=np.float64)
    fit = BatchFit(
        value, np.empty(count), np.empty(count, np.int64), np.empty(count, np.int64), np.zeros(value.shape)
    )
    tolerances = float(cost_tolerance), 1e-10, 1e-12
    settings = Settings(*tolerances, int(max_evaluations), FIRST_RADIUS, 0.3, float(promise_tolerance))
    for number in range(count):
        found, slope = _search(problems(number), value[number], lower[number], upper[number], vary, settings)
        fit.cost[number], fit.status[number] = found.cost, found.status
        fit.evaluations[number], fit.slope[number, vary] = found.evaluations, slope
    return fit


def _search(
    evaluate: Evaluate,
    theta: Vector,
    lower: Vector,
    upper: Vector,
    vary: NDArray[np.bool_],
    settings: Settings,
) -> tuple[Progress, Vector]:
    """Move ``theta`` to the lowest cost; tell how it ended, and give the slopes there in what is free."""
    position = np.flatnonzero(vary)
    scratch = make_scratch(theta.size, position.size)
    scratch.position[:] = position

    def at(point: Vector) -> tuple[int, Vector, Matrix]:
        found = evaluate(point)
        if found is None:
            return 1, np.empty(0), np.empty((position.size, 0))
        return 0, np.ascontiguousarray(found[0]), np.ascontiguousarray(found[1])

    code, residual, jacobian = at(theta)
    progress = begin(code, residual, jacobian, theta, settings, scratch)
    while progress.status == RUNNING:
        progress = propose(progress, theta, lower, upper, settings, scratch)
        if progress.status == RUNNING:
            code, residual, jacobian = at(scratch.theta)
            progress = judge(progress, code, residual, jacobian, theta, settings, scratch)
    return progress, scratch.gradient if np.isfinite(progress.cost) else np.full(position.size, np.nan)
