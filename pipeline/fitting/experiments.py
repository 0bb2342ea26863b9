"""What a fit says of the experiments that it was made with."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Vector
from pipeline.fitting.uncertainty.covariance import covariance_of
from pipeline.models.market_model import MarketModel


@dataclass(frozen=True, slots=True)
class FittedExperiments:
    """E experiments in one fit.

    Attributes
    ----------
    number
        (E,) places among the experiments of the market; those that were over when the fitted periods were.
    lift
        (E,) differences that the model says, in the unit of what was measured; nan where it cannot.
    leverage
        (E,) part of that which the experiment decides itself, from 0 to 1: against all other data the
        residual has the variance ``stderr² (1 - leverage)``.
    """

    number: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    lift: Vector = field(default_factory=lambda: np.empty(0))
    leverage: Vector = field(default_factory=lambda: np.empty(0))


_NONE = FittedExperiments()


def fitted_experiments(model: MarketModel, theta: Vector, inner: NDArray[np.bool_]) -> FittedExperiments:
    """Compare a fit with its experiments.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
        Its optimum.
    inner : (P,) array of bool
        Parameters that are free, and neither at a bound nor tied to others.
    """
    if model.experiments is None:
        return _NONE
    count = model.experiments.effect.size
    found = model.experiments.differences(theta)
    leverage = np.zeros(count)
    if model.tested:
        jacobian = model.jacobian(theta)[inner[model.vary]]
        spanned = covariance_of(jacobian, 1.0, (model.high - model.low)[inner]).basis.T @ jacobian[:, -count:]
        leverage = np.einsum("be,be->e", spanned, spanned)
    return FittedExperiments(
        np.array([one.number for one in model.experiments.experiments], dtype=np.intp),
        np.full(count, np.nan) if found is None else found[0],
        leverage,
    )
