"""Follow the shares through the periods to come, with budgets that buy less effort the more a firm sells."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.motion.shares import simulate_shares
from kernels.response.response import ResponseError
from pipeline.errors import BeedError
from pipeline.forecasting.efforts import EffortPlan
from pipeline.forecasting.market import FutureMarket
from pipeline.forecasting.response import ResponseAhead

Floats = NDArray[np.float64]

_TOLERANCE = 1e-11
_ROUNDS = 1000


class ForecastError(BeedError, ArithmeticError):
    """A course of shares that cannot be computed."""


@dataclass(frozen=True, eq=False)
class Ahead:
    """A course of H periods.

    Attributes
    ----------
    share : (H, N) array
        Shares at the end of each period.
    efforts : (K, H, N) array
    response : (H, N) array
        f, per period or per unit of the numeraire.
    rounds : int
        Evaluations that budgets and shares needed to agree.
    """

    share: Floats
    efforts: Floats
    response: Floats
    rounds: int


def simulate_ahead(
    market: FutureMarket,
    theta: Floats,
    plan: EffortPlan,
    total: Floats,
    *,
    ahead: ResponseAhead | None = None,
    guess: Floats | None = None,
) -> Ahead:
    """Simulate a market under a plan.

    A ratio effort bought by a budget is E/X with the sales X of the same period, share times total: both
    sides are brought to agree to a relative 1e-11.

    Parameters
    ----------
    market : FutureMarket
    theta : (P,) array
        Parameters.
    plan : EffortPlan
    total : (H,) array
        Total sales, currency per period.
    ahead : ResponseAhead, optional
        For these parameters, when it is at hand.
    guess : (H, N) array, optional
        Shares to start the search from.

    Raises
    ------
    ForecastError
        f is not finite, or negative where it must not be, or budgets and shares do not come to agree.
    """
    response = ResponseAhead(market, theta) if ahead is None else ahead
    share = np.tile(market.share, (market.horizon, 1)) if guess is None else guess
    weight, best, stuck = 1.0, np.inf, 0
    for count in range(1, _ROUNDS + 1):
        efforts = plan.efforts(share, total)
        f = evaluate_response(response, market, theta, efforts)
        found = follow_shares(market, theta, f, total)
        if not plan.follows_sales:
            return Ahead(found, efforts, f, count)
        step = np.log(found) - np.log(share)
        error = float(np.abs(step).max())
        if error < _TOLERANCE:
            return Ahead(found, efforts, f, count)
        # Periods settle one after the other, so the error may rest for a while before steps are too long.
        stuck = 0 if error < 0.9 * best else stuck + 1
        best = min(best, error)
        if stuck >= 3:
            weight, best, stuck = max(0.5 * weight, 1 / 64), error, 0
        share = share * np.exp(weight * step)
    raise ForecastError(
        f"Budgets and shares of market {market.market} did not come to agree in {_ROUNDS} rounds: a budget "
        "buys more effort than f can take. Give values instead of budgets, or smaller budgets."
    )


def evaluate_response(
    response: ResponseAhead, market: FutureMarket, theta: Floats, efforts: Floats
) -> Floats:
    """Evaluate f, refused with a sentence where it cannot be used.

    Raises
    ------
    ForecastError
        Not finite, or negative although gamma is not 1.
    """
    try:
        f = response.evaluate(efforts)
    except ResponseError as error:
        raise ForecastError(f"Market {market.market}, model {market.model}: {error}") from error
    if market.returns_to_scale(theta) != 1.0 and f.min() < 0.0:
        period, firm = (int(place) for place in np.argwhere(f < 0)[0])
        raise ForecastError(
            f"f of firm {market.firms[firm]} would be {f[period, firm]:.4g} in period {market.times[period]} "
            f"under the model {market.model}, and only the proportional form takes a negative f."
        )
    return f


def follow_shares(market: FutureMarket, theta: Floats, f: Floats, total: Floats) -> Floats:
    """Shares at the end of each period for given f (H, N), shape (H, N)."""
    return simulate_shares(
        market.share,
        f,
        total,
        market.duration,
        jump_price=market.jump_price(theta),
        reference_sales=market.reference_sales,
        returns_to_scale=market.returns_to_scale(theta),
    )
