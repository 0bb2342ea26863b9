"""The edge at which the market function would turn negative: f >= 0 is a bound on several parameters at once.

Only γ = 1 takes a negative f. In all other forms least squares refuses steps beyond the edge, and a search
that comes upon it askew stops there, though the cost would fall along it. From there on the fit is one under
constraints, f(t, i) >= 0 for all firms and periods that are fitted: `pipeline.fitting.edge` has the steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.least_squares.residual import PROPORTIONAL
from kernels.numeric.arrays import Vector
from pipeline.fitting.edge.surface import Surface, cells_of
from pipeline.models.market_model import MarketModel

# f is at its edge where it is less than this part of its mean (searches that are refused stop far nearer), or
# where its mean is less than this part of what the range of a parameter moves it by.
_EDGE = 1e-6
# A parameter takes part where its whole range moves f by more than this part of the mean of f; what is zero
# for another reason, such as an effort that is not made, does not count.
_MOVES = 1e-3
# Part of the cost that a step must promise to be evaluated, and one that an optimum may still promise.
_TOLERANCE = 1e-11
_PROMISED = 1e-8
# Damping of steps, in units of the columns of the Jacobian: the first one, the least one, and one with which
# a step does not move. A step that did as promised leaves a part of it.
_FIRST_DAMPING = 1e-3
_LEAST_DAMPING = 1e-10
_LARGEST_DAMPING = 1e10
_EASED = 0.1
# Part of the promised fall that a step must bring.
_ACCEPTED = 1e-4


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
    found = cells_of(model, theta)
    if found is None:
        return involved
    value, slope = found
    extent = (model.high - model.low)[model.vary]
    reach = np.abs(slope) * extent[:, np.newaxis]
    mean = float(value.mean())
    # Where f has vanished all of it is at the edge.
    at_edge = (value < _EDGE * mean) | (mean <= _EDGE * reach.mean(axis=1).max(initial=0.0))
    if at_edge.any():
        involved[model.vary] = (reach[:, at_edge] > _MOVES * mean).any(axis=1)
    return involved


def follow_edge(model: MarketModel, theta: Vector, max_evaluations: int) -> Followed:
    """Lower the cost along the edge, f kept nonnegative in all fitted periods.

    By Levenberg-Marquardt steps that keep the constraints (Nielsen 1999, IMM-REP-1999-05, for the damping).

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
        Where the search without constraints came upon the edge.
    max_evaluations : int
        Evaluations of residual and Jacobian at most.
    """
    surface = Surface(model, theta)
    here = surface.at(theta)
    if here is None:
        return Followed(theta, 1, converged=False)
    evaluations, damping, growth = 1, _FIRST_DAMPING, 2.0
    while evaluations < max_evaluations and damping < _LARGEST_DAMPING:
        there, fall = None, 0.0
        step = surface.step(here, damping)
        if step is not None:
            theta, fall = step
            if fall <= _TOLERANCE * here.cost:
                break
            there = surface.at(theta)
            evaluations += 1
        if there is None or here.cost - there.cost < _ACCEPTED * fall:
            damping, growth = damping * growth, 2.0 * growth
            continue
        eased = 1.0 - (2.0 * (here.cost - there.cost) / fall - 1.0) ** 3
        damping, growth = max(_LEAST_DAMPING, damping * max(_EASED, eased)), 2.0
        here = there
    converged = surface.promised(here, _LEAST_DAMPING) <= _PROMISED * here.cost
    return Followed(here.theta, evaluations, converged=converged)
