"""The best answer of one firm to what the others do."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from pipeline.forecasting.trajectory import ForecastError
from pipeline.games.payoff import Table

Floats = NDArray[np.float64]

# Payoffs need not be concave, so the search begins at the best points of a coarse look around.
_LEVELS = (0.0, 0.03, 0.1, 0.25, 0.5, 1.0)
_SEARCHES = 2
_OPTIONS = {"maxiter": 200, "ftol": 1e-15, "gtol": 1e-12}
_REFUSED = 1e6


@dataclass(frozen=True, eq=False)
class Answer:
    """A firm's best strategy (L,), and what it pays."""

    strategy: Floats
    payoff: float


def best_response(
    table: Table, strategies: Floats, firm: int, low: Floats, high: Floats, *, thorough: bool = True
) -> Answer:
    """Find the strategy of largest payoff of one firm, the others' given.

    Parameters
    ----------
    table : Table
    strategies : (L, N) array
        Of all firms; the search begins at the firm's own, among other points.
    firm : int
    low, high : (L,) arrays
        Bounds.
    thorough : bool
        Whether to look all around, or only uphill from the firm's own strategy.

    Raises
    ------
    ForecastError
        No strategy within the bounds has a course.
    """
    width = np.where(high > low, high - low, 1.0)
    scale = float(np.abs(table.margin[firm]) * table.total.mean() * table.discount.sum()) or 1.0

    def loss(z: Floats) -> float:
        changed = strategies.copy()
        changed[:, firm] = low + np.clip(z, 0.0, 1.0) * width
        try:
            return -float(table.outcome(changed).payoff[firm]) / scale
        except ForecastError:
            return _REFUSED

    own = np.clip((strategies[:, firm] - low) / width, 0.0, 1.0)

    def slope(z: Floats) -> Floats:
        changed = strategies.copy()
        changed[:, firm] = low + np.clip(z, 0.0, 1.0) * width
        try:
            return -table.gradient(changed, firm)[1] * width / scale
        except ForecastError:
            return np.zeros(z.size)

    points = [own, *_coarse(own)] if thorough else [own]
    losses = np.array([loss(point) for point in points])
    if losses.min() >= _REFUSED:
        raise ForecastError(
            f"Firm {table.market.firms[firm]} has no strategy within its bounds that has a course."
        )
    order = np.argsort(losses, kind="stable")
    best, value = points[order[0]], float(losses[order[0]])
    bounds = [(0.0, 1.0 if wide else 0.0) for wide in high > low]
    for place in dict.fromkeys([0, *order[:_SEARCHES].tolist()]):
        if losses[place] >= _REFUSED:
            continue
        jacobian = slope if table.has_gradient else "3-point"
        found = minimize(
            loss, points[place], jac=jacobian, bounds=bounds, method="L-BFGS-B", options=_OPTIONS
        )
        if np.isfinite(found.fun) and found.fun < value:
            best, value = np.clip(found.x, 0.0, 1.0), float(found.fun)
    return Answer(low + best * width, -value * scale)


def _coarse(own: Floats) -> list[Floats]:
    """Points of the unit box: all levers alike, and one at a time with the others as they are."""
    points = [np.full(own.size, level) for level in _LEVELS]
    for lever in range(own.size if own.size > 1 else 0):
        for level in (0.0, 0.25, 1.0):
            point = own.copy()
            point[lever] = level
            points.append(point)
    return points
