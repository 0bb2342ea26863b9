"""Least squares under f >= 0 in all fitted cells: points, and damped Gauss-Newton steps that keep it."""

from dataclasses import dataclass

import numpy as np

from kernels.numeric.arrays import Matrix, Vector
from pipeline.fitting.edge.least_distance import least_distance
from pipeline.fitting.uncertainty.residual_space import residual_space
from pipeline.models.market_model import MarketModel

# What is kept of the first mean of f in every cell, so that rounding does not make f negative.
_MARGIN = 1e-10
# Times that the end of a step is looked at where f bends under it.
_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Point:
    """A point that was evaluated; C free parameters, K cells.

    Attributes
    ----------
    theta
        (P,) parameters.
    cost
        Half the sum of squares.
    slope, normal
        (C,) its gradient, and (C, C) its Gauss-Newton Hessian.
    room, rows
        (K,) what f may fall by in each cell, and its derivatives (K, C).
    """

    theta: Vector
    cost: float
    slope: Vector
    normal: Matrix
    room: Vector
    rows: Matrix


@dataclass(frozen=True, slots=True)
class _LocalModel:
    """The cost around a point, in variables w (C,) in which it is half the square of a distance.

    Attributes
    ----------
    stretch
        (C, C); makes changes of the free parameters of w.
    pull
        (C,) the best w without constraints.
    rows
        (K + S, C) derivatives of what must not become negative: f of cells, then distances from bounds.
    room
        (K + S,) what that is at the point.
    """

    stretch: Matrix
    pull: Vector
    rows: Matrix
    room: Vector

    def best(self) -> tuple[Vector, float] | None:
        """Give the best w (C,) under the constraints, and what it promises; None where rounding hides it."""
        away = least_distance(self.rows, -(self.rows @ self.pull + self.room))
        return None if away is None else (self.pull + away, 0.5 * float(self.pull @ self.pull - away @ away))


class Surface:
    """The cost of a model where f is not negative.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
        Where f is positive in the mean.
    """

    def __init__(self, model: MarketModel, theta: Vector) -> None:
        self._model, self._free = model, np.flatnonzero(model.vary)
        self._lower, self._upper = model.lower[self._free], model.upper[self._free]
        self._below, self._above = np.isfinite(self._lower), np.isfinite(self._upper)
        eye = np.eye(self._free.size)
        self._sides = np.concatenate([eye[self._below], -eye[self._above]])
        self._scale = np.zeros(self._free.size)
        self._diagonal = np.arange(self._free.size)
        found = cells_of(model, theta)
        self._margin = 0.0 if found is None else _MARGIN * float(found[0].mean())

    def at(self, theta: Vector) -> Point | None:
        """Evaluate the model; None where it cannot be."""
        residual, found = self._model.residual(theta), cells_of(self._model, theta)
        if residual is None or found is None:
            return None
        jacobian = self._model.jacobian(theta)
        normal = jacobian @ jacobian.T
        self._scale = np.maximum(self._scale, np.sqrt(normal.diagonal()))
        cost, slope = 0.5 * float(residual @ residual), jacobian @ residual
        return Point(theta, cost, slope, normal, found[0] - self._margin, found[1].T)

    def step(self, here: Point, damping: float) -> tuple[Vector, float] | None:
        """Find the next point to evaluate: the best one of the local model, brought back to where f >= 0.

        Parameters
        ----------
        here : Point
        damping : float
            On the square of the step's length, in units of the columns of the Jacobian.

        Returns
        -------
        theta : (P,) array
        promised : float
            The fall of the cost that the local model expects.

        None where f bends so much that none is found: more damping makes the step shorter.
        """
        local = self._local(here, damping)
        found = local.best()
        if found is None:
            return None
        (white, promised), rows, count = found, local.rows.copy(), here.room.size
        for _ in range(_LOOKS):
            theta = self._moved(here.theta, local.stretch @ white)
            cells = cells_of(self._model, theta)
            if cells is None:
                return None
            if cells[0].min() >= 0.0:
                return theta, promised
            # Newton's method for the constraints: by the slopes found there, the shortest way back.
            rows[:count] = cells[1].T @ local.stretch
            room = np.concatenate([cells[0] - self._margin, local.room[count:] + rows[count:] @ white])
            back = least_distance(rows, -room)
            if back is None:
                return None
            white = white + back
        return None

    def promised(self, here: Point, damping: float) -> float:
        """Give the fall of the cost that the local model expects of its best step."""
        found = self._local(here, damping).best()
        return np.inf if found is None else found[1]

    def _local(self, here: Point, damping: float) -> _LocalModel:
        unit = 1.0 / np.where(self._scale > 0.0, self._scale, 1.0)
        damped = here.normal * unit * unit[:, np.newaxis]
        damped[self._diagonal, self._diagonal] += damping
        stretch = unit[:, np.newaxis] * np.linalg.inv(np.linalg.cholesky(damped)).T
        values = here.theta[self._free]
        sides = np.concatenate([(values - self._lower)[self._below], (self._upper - values)[self._above]])
        rows = np.concatenate([here.rows, self._sides]) @ stretch
        return _LocalModel(stretch, -(here.slope @ stretch), rows, np.concatenate([here.room, sides]))

    def _moved(self, theta: Vector, change: Vector) -> Vector:
        """Change the free parameters by (C,), inside their bounds."""
        there = theta.copy()
        there[self._free] = np.minimum(np.maximum(theta[self._free] + change, self._lower), self._upper)
        return there


def cells_of(model: MarketModel, theta: Vector) -> tuple[Vector, Matrix] | None:
    """Give f (K,) where firms move in fitted periods, and its derivatives (C, K); None where not finite."""
    found = model.market_function(theta)
    if found is None:
        return None
    value, slope = found[0][model.data.first :], found[1][:, model.data.first :]
    space = residual_space(model.data)
    if space.whole:
        return value.ravel(), slope.reshape(len(slope), -1)
    return value[space.active], slope[:, space.active]
