"""Follow the shares through the periods to come, with budgets that buy less effort the more a firm sells."""

from dataclasses import dataclass

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.errors import ForecastError
from pipeline.forecasting.efforts import EffortPlan
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.response import ForecastResponse
from pipeline.forecasting.step_length import StepLength
from pipeline.models.predictive import shift_shares
from pipeline.results.totals.answering import AnsweringTotal, TotalSales, reference_sales

_TOLERANCE = 1e-11
_ROUNDS = 1000
_SMALLEST_STEP = 1 / 64
# Periods settle one after the other, so the error may rest for a while before steps are too long.
_PATIENCE = 3


@dataclass(frozen=True, eq=False)
class ShareTrajectory:
    """Shares of N firms over H periods, and what moved them.

    Attributes
    ----------
    share : (H, N) array
        Shares at the end of each period; nan for a firm that is not there yet.
    efforts : (K, H, N) array
    response : (H, N) array
        f, per period or per unit of the numeraire.
    rounds : int
        Evaluations until budgets, shares and total sales agreed.
    total : (H,) array
        Total sales, currency per period.
    chosen : (K, H, N) array
        Efforts, but prices in currency in place of their indices.
    """

    share: Floats
    efforts: Floats
    response: Floats
    rounds: int
    total: Floats
    chosen: Floats


def simulate_trajectory(
    response: ForecastResponse, plan: EffortPlan, total: TotalSales, guess: Floats | None = None
) -> ShareTrajectory:
    """Simulate a market under a plan.

    A ratio effort bought by a budget is E/X with the sales X of the same period, share times total; and total
    sales may answer to efforts, weighted by the shares before each period. All sides are brought to agree to
    a relative 1e-11.

    Parameters
    ----------
    response : ForecastResponse
        The market, under the parameters to simulate it with.
    plan : EffortPlan
    total : (H,) array or AnsweringTotal
        Total sales, currency per period.
    guess : (H, N) array, optional
        Shares to start the search from.

    Raises
    ------
    ForecastError
        f is not finite, or negative where it must not be, or budgets and shares do not come to agree.
    """
    market, step_length = response.market, StepLength(_SMALLEST_STEP, _PATIENCE)
    share = first_guess(market) if guess is None else guess
    sales = reference_sales(total)
    for count in range(1, _ROUNDS + 1):
        chosen = plan.chosen(share, sales)
        efforts = plan.indexed(chosen)
        f = response.evaluate(efforts)
        following = _follow(response, f, sales)
        if not plan.follows_sales and not isinstance(total, AnsweringTotal):
            return ShareTrajectory(following, efforts, f, count, sales, chosen)
        step = np.log(following) - np.log(share)
        wanted = total.sales(share, chosen) if isinstance(total, AnsweringTotal) else sales
        rise = np.log(wanted) - np.log(sales)
        error = float(max(np.nanmax(np.abs(step)), np.abs(rise).max()))
        if error < _TOLERANCE:
            return ShareTrajectory(following, efforts, f, count, sales, chosen)
        step_length.update(error)
        share = share * np.exp(step_length.value * step)
        sales = sales * np.exp(step_length.value * rise)
    raise ForecastError(
        f"Budgets, shares and total sales of market {market.market} did not come to agree in {_ROUNDS} "
        "rounds: a budget buys more effort than f can take. Give values instead of budgets, or smaller "
        "budgets."
    )


def first_guess(market: ForecastMarket) -> Floats:
    """Shares (H, N) that stay as they are, but for those who enter; nan for who is not there yet."""
    share = np.empty((market.horizon, market.firms.size))
    state = np.where(market.present[0], market.share, np.nan)
    for period in range(market.horizon):
        share[period] = state = market.admitted(state, period)
    return share


def _follow(response: ForecastResponse, f: Floats, total: Floats) -> Floats:
    """Shares (H, N) under f (H, N) and total sales (H,), as the last known error fades."""
    market, equation = response.market, response.equation
    fades = market.autocorrelation != 0.0 and market.last_error.any()
    if market.enters is None and not fades:
        return equation.shares(market.share, f, total, market.duration)
    carry, moving = market.errors_under(market.gain), market.moving
    errors = np.cumprod(carry.repeated[1:])[:, np.newaxis] * market.last_error
    errors = errors if fades else np.zeros_like(errors)
    state, shares = market.share, np.empty_like(f)
    for period, error in enumerate(errors):
        at, who = slice(period, period + 1), moving[period]
        modelled = equation.shares(state, np.where(who, f[at], np.nan), total[at], market.duration[at])[0]
        seen = shift_shares(modelled, error) if error.any() else modelled
        state = market.admitted(carry.state(modelled, seen, who, period + 1), period)
        shares[period] = market.admitted(seen, period)
        state = np.nan_to_num(state)
    return shares
