"""The best response of one firm to what the others do."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from kernels.numeric.arrays import Floats
from pipeline.errors import ForecastError
from pipeline.results.totals.answering import reference_sales

if TYPE_CHECKING:
    from pipeline.games.payoff import PayoffModel


# Payoffs need not be concave, so the search begins at the best points of a coarse look around.
_LEVELS = (0.0, 0.03, 0.1, 0.25, 0.5, 1.0)
_SEARCHES = 2
_OPTIONS = {"maxiter": 200, "ftol": 1e-15, "gtol": 1e-12}
# Loss of a strategy under which shares cannot be computed.
_REFUSED = 1e6


@dataclass(frozen=True, eq=False)
class BestResponse:
    """A firm's best strategy (L,), and what it pays."""

    strategy: Floats
    payoff: float


def best_response(
    model: "PayoffModel", strategies: Floats, firm: int, *, thorough: bool = True
) -> BestResponse:
    """Find the strategy of largest payoff of one firm, the others' given.

    Parameters
    ----------
    model : PayoffModel
    strategies : (L, N) array
        Of all firms; the search begins at the firm's own, among other points.
    firm : int
    thorough : bool
        Whether to look all around, or only uphill from the firm's own strategy.

    Raises
    ------
    ForecastError
        Shares cannot be computed for any strategy within the bounds.
    """
    search = _Search(model, strategies, firm)
    present = np.clip(model.space.box.scaled(strategies[:, firm]), 0.0, 1.0)
    points = [present, *_coarse(present)] if thorough else [present]
    losses = np.array([search.loss(point) for point in points])
    if losses.min() >= _REFUSED:
        raise ForecastError(
            f"Shares cannot be computed for any strategy of firm {model.response.market.firms[firm]} within "
            "its bounds."
        )
    order = np.argsort(losses, kind="stable")
    best, least = points[order[0]], float(losses[order[0]])
    for number in dict.fromkeys([0, *order[:_SEARCHES].tolist()]):
        if losses[number] >= _REFUSED:
            continue
        jacobian = search.slope if model.has_gradient else "3-point"
        optimum = minimize(
            search.loss,
            points[number],
            jac=jacobian,
            bounds=model.space.box.bounds,
            method="L-BFGS-B",
            options=_OPTIONS,
        )
        if np.isfinite(optimum.fun) and optimum.fun < least:
            best, least = np.clip(optimum.x, 0.0, 1.0), float(optimum.fun)
    return BestResponse(model.space.box.point(best), -least * search.scale)


@dataclass(frozen=True, eq=False)
class _Search:
    """The loss of one firm, about 1 in size, over its strategies in the unit box."""

    model: "PayoffModel"
    strategies: Floats
    firm: int

    @cached_property
    def scale(self) -> float:
        """What the firm would earn with all sales, currency."""
        model = self.model
        return (
            float(
                np.abs(model.margin[self.firm]) * reference_sales(model.total).mean() * model.discount.sum()
            )
            or 1.0
        )

    def _with(self, z: Floats) -> Floats:
        changed = self.strategies.copy()
        changed[:, self.firm] = self.model.space.box.nearest(z)
        return changed

    def loss(self, z: Floats) -> float:
        try:
            return -float(self.model.evaluate(self._with(z)).payoff[self.firm]) / self.scale
        except ForecastError:
            return _REFUSED

    def slope(self, z: Floats) -> Floats:
        try:
            return -self.model.gradient(self._with(z), self.firm)[1] * self.model.space.box.width / self.scale
        except ForecastError:
            return np.zeros(z.size)


def _coarse(present: Floats) -> list[Floats]:
    """Points of the unit box: all efforts alike, and one at a time with the others as they are."""
    points = [np.full(present.size, level) for level in _LEVELS]
    for effort in range(present.size if present.size > 1 else 0):
        for level in (0.0, 0.25, 1.0):
            point = present.copy()
            point[effort] = level
            points.append(point)
    return points
