"""Many calibrations at once: starts to screen, bootstrap replicates, one after the other in compiled code.

All problems of a batch share one response, one equation form and one set of free parameters; they may differ
in market, target, start, bounds and priors. A problem's numbers depend on nothing but the problem: not on the
batch it is in, nor on its place there. (Only starts that are said to be of one problem look at those before
them: see `kernels.least_squares.common_optimum`.) The GIL is released throughout: threads can run batches
side by side.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernels.least_squares.batch_inputs import (
    Batch,
    CheckedMarkets,
    check_bounds,
    check_data_index,
    check_groups,
    check_markets,
    check_priors,
    check_starts,
    check_targets,
    check_vary,
    one_market,
)
from kernels.least_squares.common_optimum import end_early
from kernels.least_squares.levenberg_marquardt import (
    FIRST_RADIUS,
    KNOWN_OPTIMUM,
    RUNNING,
    Progress,
    Settings,
    begin,
    judge,
    propose,
)
from kernels.least_squares.residual import (
    MarketData,
    make_market_workspace,
    n_observations,
    n_rows,
    prepare_market,
    residual_jacobian,
)
from kernels.least_squares.trust_region import make_scratch
from kernels.numeric.jit import jit_making_arrays
from kernels.numeric.rows import copy_to
from kernels.response.workspace import ResponseSpec


@dataclass(frozen=True)
class BatchFit:
    """What a batch of fits came to; B problems of P parameters."""

    value: NDArray[np.float64]
    """(B, P) parameters at the lowest cost found, natural units; fixed ones as given."""
    cost: NDArray[np.float64]
    """(B,) half the sum of squared residuals, prior rows included; infinite where the start failed."""
    status: NDArray[np.int64]
    """(B,) key of `kernels.least_squares.levenberg_marquardt.STATUS`: positive where the fit converged."""
    evaluations: NDArray[np.int64]
    """(B,) how often residual and Jacobian were evaluated."""
    slope: NDArray[np.float64]
    """(B, P) derivative of the cost there, also in held parameters; 0 in fixed ones, nan at failed starts."""

    @property
    def converged(self) -> NDArray[np.bool_]:
        """(B,) whether each fit converged."""
        return self.status > 0


@jit_making_arrays
def _fit(spec, batch, gamma_form, settings, group, leader, order, value, cost, status, evaluations, slope):
    """Fit every problem of a batch, market by market; ``value`` holds the starts and receives the results.

    ``leader`` keeps of every group the problem with the lowest cost so far, -1 before there is one.
    """
    markets, column = batch.markets, batch.column
    position = np.empty(column.size, np.int64)
    n_columns = 0
    for p in range(column.size):
        if column[p] >= 0:
            position[n_columns] = p
            n_columns += 1
    scratch = make_scratch(column.size, n_columns)
    copy_to(scratch.position, position)
    longest = batch.targets.shape[1] + n_columns
    residual_store = np.empty(longest)
    jacobian_store = np.empty(n_columns * longest)
    data = one_market(markets, batch.data_index[0])
    work = make_market_workspace(spec, data, n_columns)
    seen = np.zeros(2)
    prepared = -1
    for b in order:
        if batch.data_index[b] != prepared:
            prepared = batch.data_index[b]
            data = one_market(markets, prepared)
            prepare_market(spec, data, work)
        box = b if batch.lower.shape[0] > 1 else 0
        prior = b if batch.prior_mean.shape[0] > 1 else 0
        mean, weight = batch.prior_mean[prior], batch.prior_weight[prior]
        target = batch.targets[batch.target_index[b], : n_observations(data)]
        rows = n_rows(data, column, weight)
        residual = residual_store[:rows]
        jacobian = jacobian_store[: n_columns * rows].reshape(n_columns, rows)
        theta = value[b]
        known = leader[group[b]] if group[b] >= 0 else -1
        seen[0], seen[1] = 0.0, np.inf
        progress = Progress(RUNNING, np.inf, 0, 0.0, 0.0, False, 0.0, 0.0, 0.0)
        while progress.status == RUNNING:
            before = progress.cost
            point = theta if progress.evaluations == 0 else scratch.theta
            code = residual_jacobian(
                spec, data, target, mean, weight, gamma_form, point, column, work, residual, jacobian
            )
            if progress.evaluations == 0:
                progress = begin(code, residual, jacobian, theta, settings, scratch)
            else:
                progress = judge(progress, code, residual, jacobian, theta, settings, scratch)
            if known >= 0 and progress.status == RUNNING:
                progress = end_early(
                    progress, progress.cost < before, theta, value[known], cost[known], status[known] > 0,
                    batch.lower[box], batch.upper[box], settings, seen, scratch,
                )  # fmt: skip
            if progress.status == RUNNING:
                progress = propose(progress, theta, batch.lower[box], batch.upper[box], settings, scratch)
        cost[b], status[b], evaluations[b] = progress.cost, progress.status, progress.evaluations
        slope[b] = 0.0
        for c in range(n_columns):
            slope[b, position[c]] = scratch.gradient[c] if progress.cost < np.inf else np.nan
        if progress.status == KNOWN_OPTIMUM:
            copy_to(slope[b], slope[known])
        if group[b] >= 0 and progress.cost < (cost[known] if known >= 0 else np.inf):
            leader[group[b]] = b


def fit_batch(
    spec: ResponseSpec,
    markets: MarketData | CheckedMarkets,
    starts: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    *,
    vary: ArrayLike,
    gamma_form: int,
    data_index: ArrayLike | None = None,
    targets: ArrayLike | None = None,
    target_index: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    prior_mean: ArrayLike = 0.0,
    prior_weight: ArrayLike = 0.0,
    cost_tolerance: float = 1e-10,
    step_tolerance: float = 1e-10,
    gradient_tolerance: float = 1e-12,
    promise_tolerance: float = 0.0,
    max_evaluations: int = 400,
) -> BatchFit:
    """Fit B problems of one shape by bounded Levenberg-Marquardt, each from its own start.

    Parameters
    ----------
    spec : ResponseSpec
        The response all problems share.
    markets : MarketData or CheckedMarkets
        One market, or a stack of D markets: each array with a leading axis, ``reference_sales`` (D,),
        ``first``, ``kind`` and ``corrected`` one number. For many batches: what `checked_markets` gives.
    starts : (B, P) array
        Starting values of all parameters, natural units; of the fixed ones, their values.
    lower, upper : (P,) or (B, P) array
        Bounds; may be infinite. Those of fixed parameters are not read.
    vary : (P,) array of bool
        Which parameters are free.
    gamma_form : int
        `INVESTMENT`, `PROPORTIONAL` or `SCALED` of `kernels.motion.course`.
    data_index : (B,) array of int, optional
        Market of each problem. Default: the only market for all, or problem b on market b.
    targets : (S, R) array, optional
        What the model is compared with (bootstrap replicates); rows of markets with fewer observations are
        padded at the end with any number. Default: the observed shares of each market.
    target_index : (B,) array of int, optional
        Row of ``targets`` of each problem. Default: row b for problem b.
    groups : (B,) array of int, optional
        Number, from 0 on, of problems that are starts of one: of the same market, target, bounds and priors.
        A start ends where it leads to the optimum of one before it in its group, or nowhere; -1: it is alone.
    prior_mean, prior_weight : scalar, (P,) or (B, P) array
        Adds the residual ``weight * (theta - mean)`` for each free parameter with ``weight > 0``.
    cost_tolerance, step_tolerance, gradient_tolerance : float
        Tests of convergence: relative reduction of the sum of squares, relative size of the trust region,
        cosine of the angle between the residual and any column of the Jacobian (MINPACK ``lmder``).
    promise_tolerance : float
        Ends a fit, without another evaluation, where the local model promises a relative fall of the cost by
        no more than this.
    max_evaluations : int
        Limit of evaluations for each problem.

    Returns
    -------
    BatchFit

    Raises
    ------
    ValueError
        If shapes do not fit together, a start is not finite or outside its bounds, or a market cannot be
        compared with (a share that is missing, or zero with ``kind=ILR``).

    Notes
    -----
    The algorithm is described in `kernels.least_squares.levenberg_marquardt`, how starts of one problem end
    in `kernels.least_squares.common_optimum`.
    """
    value = check_starts(starts)
    n_problems = value.shape[0]
    stack = markets.stack if isinstance(markets, CheckedMarkets) else check_markets(markets)
    column = check_vary(vary, value, stack, gamma_form)
    index = check_data_index(data_index, n_problems, stack.active.shape[0])
    batch = Batch(
        stack,
        index,
        *check_targets(targets, target_index, index, stack),
        column,
        *check_bounds(lower, upper, value, column),
        *check_priors(prior_mean, prior_weight, value.shape),
    )
    settings = Settings(
        float(cost_tolerance),
        float(step_tolerance),
        float(gradient_tolerance),
        int(max_evaluations),
        FIRST_RADIUS,
        0.3,
        float(promise_tolerance),
    )
    fit = BatchFit(
        value,
        np.empty(n_problems),
        np.empty(n_problems, np.int64),
        np.empty(n_problems, np.int64),
        np.empty(value.shape),
    )
    group = check_groups(groups, index)
    leader = np.full(max(int(group.max()) + 1, 0), -1)
    order = np.argsort(index, kind="stable")
    _fit(
        spec, batch, gamma_form, settings, group, leader, order,
        value, fit.cost, fit.status, fit.evaluations, fit.slope,
    )  # fmt: skip
    return fit
