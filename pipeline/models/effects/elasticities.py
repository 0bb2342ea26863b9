"""Elasticities of shares in efforts: on impact, after h periods of a lasting change, in the long run.

For an effort that is money or part of sales, ``∂ ln share_i / ∂ ln u_jk`` (for a ratio: of the ratio), for
an index ``∂ ln share_i / ∂ u_jk``; for one of a price that firms set ``∂ ln share_i / ∂ ln p_j``: the
price of j moves the index of every firm that compares with it. All along the course that the market has
taken, errors included; the share of the last period of a change is the one expected, so that its own error
does not weigh.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Cube, Matrix
from pipeline.models.effects.market_course import MarketCourse
from pipeline.models.effects.response_tangent import EffortResponse

INDEX = "index"
"""Kind of an effort that has no natural zero: changes of it are absolute ones."""


def unit_changes(efforts: Cube, kinds: tuple[str, ...]) -> Cube:
    """Give the change (K, T, N) of every effort that elasticities are in: of itself, or of 1 for an index."""
    index = np.array([kind == INDEX for kind in kinds])[:, np.newaxis, np.newaxis]
    return np.where(index, np.where(np.isnan(efforts), np.nan, 1.0), efforts)


def lasting_effects(
    course: MarketCourse,
    kinds: tuple[str, ...],
    origins: NDArray[np.int64],
    horizons: tuple[int, ...],
    prices: Mapping[int, Cube] | None = None,
) -> NDArray[np.float64]:
    """Differentiate ln share at the end of the h-th period of a lasting change of an effort.

    Parameters
    ----------
    course : MarketCourse
    kinds : tuple of str
        Of the K efforts: ``ratio``, ``amount`` or ``index``.
    origins : (S,) array of int
        First periods of the change, at least 1; the last of them plus the longest horizon lies in the course.
    horizons : tuple of int
        Periods h >= 1 that the change has lasted; 1 is the impact of effort that is made for one period.
    prices : mapping, optional
        By effort that is an index of a price: derivatives (T, i, j) of the index of i in ln price of j.

    Returns
    -------
    (H, S, K, N, N) array
        By horizon, origin, effort, firm that makes it (fourth axis), firm whose share it is; nan where one of
        the two is absent.
    """
    point, longest = course.response.at(course.market.efforts), max(horizons)
    change = unit_changes(course.market.efforts, kinds)
    n_efforts, _, n_firms = change.shape
    response = np.empty((origins.size, longest, n_efforts * n_firms, n_firms))
    period, priced = np.arange(change.shape[1])[:, np.newaxis], prices or {}
    if not course.response.lasts:  # then it is the same whenever the change began
        shared = {k: course.response.along_shared(point, k, weight) for k, weight in priced.items()}
    for row, origin in enumerate(origins.tolist()):
        begun = period >= origin
        window = slice(origin, origin + longest)
        moved = course.response.along(point, np.where(begun, change, 0.0))[:, :, window]
        for effort, weight in priced.items():
            if course.response.lasts:
                since = np.where(begun[..., np.newaxis], weight, 0.0)
                shared = {effort: course.response.along_shared(point, effort, since)}
            moved[effort] = shared[effort][:, window]
        response[row] = moved.reshape(-1, longest, n_firms).transpose(1, 0, 2)
    periods = np.arange(1, len(course.market.times))
    by_response, by_state = course.tangents(course.state[:-1], periods, point.value[1:])
    effects = np.empty((len(horizons), *response[:, 0].shape))
    moving, at_start = course.step.moving, np.zeros(response[:, 0].shape)
    for ahead in range(longest):
        at = origins + ahead
        moved = at_start @ by_state[at - 1] + response[:, ahead] @ by_response[at - 1]
        for row in (row for row, horizon in enumerate(horizons) if horizon == ahead + 1):
            effects[row] = course.passed_on(moved, course.modelled[at], course.expected[at], moving[at])
        at_start = course.passed_on(moved, course.modelled[at], course.state[at], moving[at])
    shaped = effects.reshape(len(horizons), origins.size, n_efforts, n_firms, n_firms)
    ends = np.stack([origins + horizon - 1 for horizon in horizons])
    there = course.market.active[origins][np.newaxis, :, :, np.newaxis]
    there = there & course.market.active[ends][:, :, np.newaxis]
    return np.where(there[:, :, np.newaxis], shaped, np.nan)


def long_run_effects(
    course: MarketCourse,
    kinds: tuple[str, ...],
    origins: NDArray[np.int64],
    prices: Mapping[int, Cube] | None = None,
) -> NDArray[np.float64]:
    """Differentiate ln share in the long run of the efforts of each period, shape (S, K, N, N).

    With γ < 1 shares come to ``f^(1/(1-γ))``, and ``∂ ln share_i / ∂ ln f_j = (δ_ij - share_j) / (1 - γ)``
    there. With γ >= 1 there is no long run; then it is the derivative of the growth of ln share per period,
    ``κ (f_i share_i^(γ-1) - Σ_j f_j share_j^γ)``, at the shares of the period. Arguments and axes are those
    of `lasting_effects`.
    """
    market, equation = course.market, course.step.equation
    settled = EffortResponse(course.model, course.theta, market, settled=True)
    point = settled.at(market.efforts)
    along = settled.along(point, unit_changes(market.efforts, kinds))
    for effort, weight in (prices or {}).items():
        along[effort] = settled.along_shared(point, effort, weight)
    moved = along.transpose(2, 0, 1, 3)[origins]
    f, active = point.value[origins], market.active[origins]
    gamma = equation.returns_to_scale
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if gamma < 1.0:
            moved = moved / f[:, np.newaxis, np.newaxis] / (1.0 - gamma)
            weight = _long_run_shares(f, active, gamma)
        else:
            weight = np.where(active, course.expected[origins], 0.0)
            scale = market.total_sales[origins] ** gamma * equation.reference_sales ** (1.0 - gamma)
            rate = (scale / equation.jump_price)[:, np.newaxis] * weight ** (gamma - 1.0)
            moved = moved * rate[:, np.newaxis, np.newaxis]
    mean = np.einsum("skjn,sn->skj", np.where(active[:, None, None], moved, 0.0), weight)
    there = active[:, np.newaxis, :, np.newaxis] & active[:, np.newaxis, np.newaxis]
    return np.where(there, moved - mean[..., np.newaxis], np.nan)


def _long_run_shares(f: Matrix, active: NDArray[np.bool_], gamma: float) -> Matrix:
    level = np.where(active, np.log(f), -np.inf) / (1.0 - gamma)
    raised = np.exp(level - level.max(axis=1, keepdims=True))
    shares: Matrix = raised / raised.sum(axis=1, keepdims=True)
    return shares
