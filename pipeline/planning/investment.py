"""Effective investment along simulated shares: the part that holds the share, and the part that moves it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.forecasting.market import ForecastMarket

Floats = NDArray[np.float64]

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_NODES = 0.5 * (_POINTS + 1.0)


@dataclass(frozen=True, eq=False)
class Investment:
    """Effective investment of one firm over H periods, means over each period, currency per period.

    ``own = holding + moving``: ``holding`` is the share times the investment of all firms, ``moving`` is M
    times the change of share per period.
    """

    own: Floats
    holding: Floats
    moving: Floats
    all_firms: Floats


def split_investment(
    market: ForecastMarket, theta: Floats, f: Floats, total: Floats, firm: int
) -> Investment:
    """Split the effective investment of a firm along the shares that some f brings about.

    Parameters
    ----------
    market : ForecastMarket
    theta : (P,) array
    f : (H, N) array
        The market function of all firms.
    total : (H,) array
        Total sales, currency per period.
    firm : int
        Position of the firm.

    Notes
    -----
    Shares move inside a period, so investments ``f X^gamma X_ref^(1 - gamma)`` are means over
    eight moments of it.
    """
    equation, n_nodes = market.equation(theta), _NODES.size
    gamma = equation.returns_to_scale
    steps = np.diff(np.concatenate([[0.0], _NODES, [1.0]]))
    fine = equation.shares(
        market.share,
        np.repeat(f, n_nodes + 1, axis=0),
        np.repeat(total, n_nodes + 1),
        (market.duration[:, np.newaxis] * steps).ravel(),
    ).reshape(market.horizon, n_nodes + 1, -1)
    weight = 0.5 * _WEIGHTS[:, np.newaxis]
    scale = f * total[:, np.newaxis] ** gamma * market.reference_sales ** (1.0 - gamma)
    invested = (fine[:, :-1] ** gamma * weight).sum(axis=1) * scale
    ends = np.concatenate([market.share[np.newaxis], fine[:, -1]])[:, firm]
    moving = equation.jump_price * np.diff(ends) / market.duration
    own = invested[:, firm]
    return Investment(own, own - moving, moving, invested.sum(axis=1))
