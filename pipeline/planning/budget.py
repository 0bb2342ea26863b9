"""The share that a steady budget can hold against rivals who go on as they are."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from kernels.response.carryover import NONE
from pipeline.forecasting.market import FutureMarket
from pipeline.forecasting.trajectory import ForecastError
from pipeline.planning.allocation import largest_response
from pipeline.planning.objective import Course

Floats = NDArray[np.float64]

_SMALLEST = 1e-5
_GRID = 41


def steady_market(market: FutureMarket) -> FutureMarket:
    """Give the market when efforts have been what they are for so long that carry-over has settled."""
    spec = market.spec
    return replace(
        market,
        spec=spec._replace(carry=np.full_like(spec.carry, NONE)),
        terms=tuple(replace(term, lag=0) for term in market.terms),
        times=market.times[:1],
        duration=np.ones(1),
        period=market.period[:1],
    )


def holding_response(market: FutureMarket, gamma: float, f: Floats, firm: int, share: float) -> float:
    """Find the f at which a firm holds a share while the others keep their present proportions.

    Parameters
    ----------
    market : FutureMarket
    gamma : float
        Returns to scale.
    f : (N,) array
        Market functions; that of the firm is not read.
    firm : int
    share : float
        In (0, 1).

    Notes
    -----
    ``f_i = (share / (1 - share))**(1 - gamma) * sum_j f_j m_j**gamma`` with m_j the others' parts among
    themselves, from ``dshare_i/dt = 0``. In the investment form the proportions do not matter.
    """
    others = np.delete(np.arange(f.size), firm)
    part = market.share[others] / market.share[others].sum()
    return float((share / (1.0 - share)) ** (1.0 - gamma) * (f[others] @ part**gamma))


def share_of_budget(course: Course, money: float) -> float:
    """Find the largest share that a steady budget holds.

    Parameters
    ----------
    course : Course
        On a `steady_market`: one period.
    money : float
        Currency per period, for all efforts of the firm that cost money.

    Returns
    -------
    float
        0 where the budget does not pay for the smallest efforts allowed, or holds nothing.
    """
    market, levers, firm = course.market, course.levers, course.levers.firm
    worst, best = (side[:, 0] for side in course.extremes())
    gamma = market.returns_to_scale(course.theta)
    f = course.response(best[:, np.newaxis])[0]

    def value(own: Floats) -> float:
        return float(course.response(own[:, np.newaxis])[0, firm])

    def slope(own: Floats) -> Floats:
        efforts = levers.put(course.efforts, own[:, np.newaxis])
        return np.asarray(course.ahead.slope(efforts)[1][levers.index, 0, firm])

    def surplus(logit: float) -> float:
        share = 1.0 / (1.0 + np.exp(-logit))
        sales = share * course.total[0]
        nothing = np.zeros((len(worst), 1))
        fixed = course.expenses(nothing, np.full((1, market.firms.size), share))[0]
        unit = levers.unit_cost(np.asarray(sales))
        try:
            bought = value(largest_response(value, slope, unit, money - float(fixed), worst, best))
        except (ValueError, ForecastError):
            return -1.0
        return bought / holding_response(market, gamma, f, firm, share) - 1.0

    edge = float(np.log((1 - _SMALLEST) / _SMALLEST))
    levels = np.linspace(-edge, edge, _GRID)
    gains = np.array([surplus(level) for level in levels])
    held = np.flatnonzero(gains >= 0.0)
    if not held.size:
        return 0.0
    last = int(held[-1])
    if last == _GRID - 1:
        return 1.0
    logit = brentq(surplus, levels[last], levels[last + 1], xtol=1e-12)
    return float(1.0 / (1.0 + np.exp(-logit)))
