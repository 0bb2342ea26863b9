"""Standard errors of quantities that follow from parameters, some of which the data hardly tell apart.

What the data know of a quantity they may know though they do not know its parameters: where shares adjust
within a period slopes and γ trade off, and elasticities do not move along that ridge. So errors here are
those along the principal directions of all free parameters. What moves along a direction that the data do
not see at all has none.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Matrix, Vector
from pipeline.models.market_model import MarketModel
from pipeline.models.parameter_spread import principal_steps
from pipeline.models.priors import Prior

# Directions of curvature smaller than this, relative, are not seen.
_UNSEEN = 1e-7
# Steps of derivatives, relative to the parameters, and the least that these count as.
_SMALL = 0.05
_LEAST_SIZE = 0.1
_AT_BOUND = 1e-9
# A quantity follows a direction that is not seen when it changes by this part of itself while parameters
# double.
_FOLLOWS = 0.01


@dataclass(frozen=True, eq=False)
class Directions:
    """What is not known of P parameters.

    Attributes
    ----------
    steps : (P, D) array
        Of a standard error each: their products sum to the covariance.
    unseen : (P, U) array
        Directions along which parameters may be anything.
    """

    steps: Matrix
    unseen: Matrix


def principal_directions(
    model: MarketModel, theta: Vector, covariance: Matrix, believed: Prior
) -> Directions:
    """Give the directions of a covariance (P, P), also of parameters that the data do not determine.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
        The estimates.
    covariance : (P, P) array
        0 where fixed, nan where undetermined or at a bound; where nothing is nan, all is taken from it, else
        from the Jacobian at the estimates, scaled to what it says.
    believed : Prior
        What is believed of the parameters beside the data.

    Returns
    -------
    Directions
        0 for parameters that are fixed or at a bound.
    """
    none = np.zeros((theta.size, 0))
    if not np.isnan(covariance[np.ix_(model.vary, model.vary)]).any():
        return Directions(principal_steps(covariance), none)
    residual = model.residual(theta)
    if residual is None:
        return Directions(principal_steps(covariance), none)
    with np.errstate(invalid="ignore"):
        room = _AT_BOUND * np.maximum(np.abs(theta), 1.0)
        inside = (theta - model.lower > room) & (model.upper - theta > room)
    free = np.flatnonzero(model.vary & inside)
    deviation = np.sqrt(float(residual @ residual) / max(residual.size - free.size, 1))
    beliefs = np.diag(believed.weight(deviation)[free])
    rows = [model.jacobian(theta)[model.column[free]], beliefs]
    if model.experiments is not None and not model.tested:
        found = model.experiments.differences(theta)
        if found is not None:
            rows.append(found[1][model.column[free]] * (deviation / model.experiments.stderr))
    jacobian = np.concatenate(rows, axis=1) / deviation
    size = np.sqrt(np.einsum("pr,pr->p", jacobian, jacobian))
    free, jacobian, size = free[size > 0.0], jacobian[size > 0.0], size[size > 0.0]
    _, singular, axes = np.linalg.svd((jacobian / size[:, np.newaxis]).T, full_matrices=False)
    seen = singular > _UNSEEN * singular.max(initial=0.0)
    scaled = axes.T / size[:, np.newaxis]
    steps, unseen = np.zeros((theta.size, int(seen.sum()))), np.zeros((theta.size, int((~seen).sum())))
    steps[free], unseen[free] = scaled[:, seen] / singular[seen], scaled[:, ~seen]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.diag(covariance) / (steps**2).sum(axis=1)
    known = np.isfinite(ratio) & (ratio > 0.0)
    return Directions(steps * np.sqrt(np.median(ratio[known]) if known.any() else 1.0), unseen)


def delta_errors(
    quantities: Callable[[Vector], NDArray[np.float64]],
    theta: Vector,
    directions: Directions,
    bounds: tuple[Vector, Vector],
) -> NDArray[np.float64]:
    """Give standard errors of quantities by the delta method.

    Parameters
    ----------
    quantities : callable
        Takes parameters (P,) to an array; it may raise a value or arithmetic error away from the estimates.
    theta : (P,) array
        The estimates.
    directions : Directions
        What is not known of them.
    bounds : pair of (P,) arrays
        Parameters do not leave them.

    Returns
    -------
    array
        Of the shape of the quantities; nan for what follows a direction that is not seen, and for all where
        they cannot be followed.
    """
    value, size = quantities(theta), np.maximum(np.abs(theta), _LEAST_SIZE)
    total = np.zeros_like(value)

    def slope(step: Vector, part: float) -> NDArray[np.float64]:
        up, down = (np.clip(theta + side * part * step, *bounds) for side in (1.0, -1.0))
        moved = float(np.linalg.norm((up - down) / size) / np.linalg.norm(step / size))
        if moved == 0.0:
            return np.zeros_like(value)
        change: NDArray[np.float64] = (quantities(up) - quantities(down)) / moved
        return change

    try:
        for step in directions.steps.T:
            if step.any():
                largest = float(np.max(np.abs(step) / size))
                total += slope(step, _SMALL / max(1.0, largest)) ** 2
        for step in directions.unseen.T:
            step = step / np.max(np.abs(step) / size)
            follows = np.abs(slope(step, _SMALL)) > _FOLLOWS * (np.abs(value) + _FOLLOWS * _largest(value))
            total = np.where(follows, np.nan, total)
    except (ValueError, ArithmeticError):
        return np.full_like(value, np.nan)
    return np.sqrt(total)


def _largest(value: NDArray[np.float64]) -> float:
    return float(np.max(np.abs(value[np.isfinite(value)]), initial=0.0))
