"""The share that a steady budget can hold against rivals who go on as they are."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from pipeline.errors import ForecastError
from pipeline.planning.allocation import largest_response

if TYPE_CHECKING:
    from pipeline.forecasting.market import ForecastMarket
    from pipeline.planning.objective import PlanObjective

Floats = NDArray[np.float64]

_SMALLEST_SHARE = 1e-5
_GRID = 41


def holding_response(market: "ForecastMarket", gamma: float, f: Floats, firm: int, share: float) -> float:
    """Find the f at which a firm holds a share while the others keep their present proportions.

    Parameters
    ----------
    market : ForecastMarket
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


def share_of_budget(objective: "PlanObjective", money: float) -> float:
    """Find the largest share that a steady budget holds.

    Parameters
    ----------
    objective : PlanObjective
        Of a steady market: one period.
    money : float
        Currency per period, for all efforts of the firm that cost money.

    Returns
    -------
    float
        0 where the budget does not pay for the smallest efforts allowed, or holds nothing.
    """
    market, controls, firm = objective.market, objective.controls, objective.controls.firm
    worst, best = (values[:, 0] for values in objective.extremes())
    gamma = objective.response.equation.returns_to_scale
    f = objective.evaluate(best[:, np.newaxis])[0]

    def value(efforts: Floats) -> float:
        return float(objective.evaluate(efforts[:, np.newaxis])[0, firm])

    def slope(efforts: Floats) -> Floats:
        return objective.evaluate_slope(efforts[:, np.newaxis])[:, 0]

    def surplus(log_odds: float) -> float:
        """How far the f that the money buys at a share is above the f that holds it, relative to that."""
        share = 1.0 / (1.0 + np.exp(-log_odds))
        no_efforts = np.zeros((len(worst), 1))
        fixed = float(objective.expenses(no_efforts, np.full((1, market.firms.size), share))[0])
        unit_cost = controls.unit_cost(np.asarray(share * objective.total[0]))
        try:
            bought = value(largest_response(value, slope, unit_cost, money - fixed, worst, best))
        except (ValueError, ForecastError):
            return -1.0
        return bought / holding_response(market, gamma, f, firm, share) - 1.0

    largest = float(np.log((1 - _SMALLEST_SHARE) / _SMALLEST_SHARE))
    levels = np.linspace(-largest, largest, _GRID)
    held = np.flatnonzero(np.array([surplus(level) for level in levels]) >= 0.0)
    if not held.size:
        return 0.0
    last = int(held[-1])
    if last == _GRID - 1:
        return 1.0
    log_odds = brentq(surplus, levels[last], levels[last + 1], xtol=1e-12)
    return float(1.0 / (1.0 + np.exp(-log_odds)))
