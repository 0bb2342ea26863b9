"""The edge at which the market function would turn negative: f >= 0 is a bound on several parameters at once.

Only γ = 1 takes a negative f. In all other forms least squares refuses steps beyond the edge, and a search
that comes upon it askew stops there, though the cost would fall along it. From there on the fit is one under
constraints, f(t, i) >= 0 for all firms and periods that are fitted, for which scipy's SLSQP is used
(Kraft 1988, DFVLR-FB 88-28).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from kernels.least_squares.market import moving_firms
from kernels.least_squares.residual import PROPORTIONAL
from kernels.numeric.arrays import Floats, Matrix, Vector
from kernels.response.response import ResponseError
from pipeline.models.market_model import MarketModel

AT_EDGE = 2
"""Mark of parameters that the bound f >= 0 holds, beside -1 and 1 for bounds of their own."""

# f is at its edge where it is less than this part of its mean: searches that are refused stop far nearer.
_EDGE = 1e-6
# What is kept of the mean, so that rounding does not make f negative.
_MARGIN = 1e-9
# A parameter takes part where its whole range moves f by more than this part of the mean of f; what is zero
# for another reason, such as an effort that is not made, does not count.
_MOVES = 1e-3
_TOLERANCE = 1e-12
# What SLSQP sees where the model cannot be evaluated.
_REFUSED = 1e12


@dataclass(frozen=True, slots=True)
class Followed:
    """Where a search along the edge stopped."""

    theta: Vector
    evaluations: int
    converged: bool


def edge_parameters(model: MarketModel, theta: Vector) -> NDArray[np.bool_]:
    """Tell which free parameters (P,) could move f below zero where it is zero already.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
        Its optimum.

    Returns
    -------
    (P,) array of bool
        All False where f stays clear of zero, or may be negative.
    """
    involved = np.zeros(theta.size, dtype=np.bool_)
    if model.gamma_form == PROPORTIONAL or model.variant.response.link == "exp":
        return involved
    response = _Cells(model)
    value = response.value(theta)
    mean = float(np.mean(value))
    at_edge = value < _EDGE * mean
    if mean <= 0.0 or not at_edge.any():
        return involved
    slope = response.slope(theta)[:, at_edge]
    extent = (model.high - model.low)[: len(slope)]
    involved[: len(slope)] = np.any(np.abs(slope) * extent[:, None] > _MOVES * mean, axis=1)
    return involved & model.vary


def follow_edge(model: MarketModel, theta: Vector, max_evaluations: int) -> Followed:
    """Lower the cost along the edge, f kept nonnegative in all fitted periods.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
        Where the search without constraints came upon the edge.
    max_evaluations : int
        Steps at most.
    """
    free = np.flatnonzero(model.vary)
    cells = _Cells(model)
    # Both f and the parameters are scaled, so that steps are of one size.
    size = max(float(np.mean(cells.value(theta))), np.finfo(float).tiny)
    length = np.linalg.norm(model.jacobian(theta), axis=1)
    unit = 1.0 / np.where(length > 0.0, length, 1.0)

    def natural(point: Vector) -> Vector:
        values = theta.copy()
        values[free] = np.clip(point * unit, model.lower[free], model.upper[free])
        return values

    def cost(point: Vector) -> float:
        residual = model.residual(natural(point))
        return _REFUSED if residual is None else 0.5 * float(residual @ residual)

    def gradient(point: Vector) -> Vector:
        values = natural(point)
        residual = model.residual(values)
        if residual is None:
            return np.zeros(point.size)
        slope: Vector = unit * (model.jacobian(values) @ residual)
        return slope

    def room(point: Vector) -> Vector:
        return cells.value(natural(point)) / size - _MARGIN

    def room_slope(point: Vector) -> Matrix:
        slope = np.zeros((theta.size, cells.count))
        found = cells.slope(natural(point))
        slope[: len(found)] = found
        return (slope[free] * unit[:, None] / size).T

    start = theta[free] / unit
    try:
        found = optimize.minimize(
            cost,
            start,
            jac=gradient,
            method="SLSQP",
            bounds=list(zip(model.lower[free] / unit, model.upper[free] / unit, strict=True)),
            constraints={"type": "ineq", "fun": room, "jac": room_slope},
            options={"maxiter": max_evaluations, "ftol": _TOLERANCE},
        )
    except ResponseError:
        # A step to where f is not finite.
        return Followed(theta, 0, converged=False)
    if not found.fun <= cost(start):
        return Followed(theta, int(found.nfev), converged=False)
    return Followed(natural(found.x), int(found.nfev), bool(found.success))


class _Cells:
    """f and its derivatives where the model is fitted: firms and periods that move, in one row."""

    def __init__(self, model: MarketModel) -> None:
        self._data, self._response = model.data, model.response
        self._moving = moving_firms(np.asarray(model.data.active))
        self._moving[: model.data.first] = False
        self.count = int(self._moving.sum())

    def value(self, theta: Vector) -> Vector:
        """Give f, one row of cells."""
        data = self._data
        value: Vector = self._response.evaluate(theta, data.efforts, data.duration, data.active)[self._moving]
        return value

    def slope(self, theta: Vector) -> Floats:
        """Differentiate f in the parameters of the response, (R, cells)."""
        data = self._data
        slope: Floats = self._response.gradient(theta, data.efforts, data.duration, data.active)
        return slope[:, self._moving]
