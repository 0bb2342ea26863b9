"""The reported fit by the search's own minimiser: the compiled Levenberg-Marquardt of the kernels."""

from collections.abc import Sequence

import numpy as np

from kernels.least_squares.levenberg_marquardt import STATUS, STEPS_FAILED
from kernels.numeric.arrays import Vector
from pipeline.fitting.polish import TOLERANCE, Polished
from pipeline.fitting.search.many_models import fit_models
from pipeline.fitting.uncertainty.covariance import RANK_TOLERANCE
from pipeline.models.market_model import MarketModel

COMPILED = "compiled"
"""The method of `fit` that needs no lmfit."""


# Part of the sum of squares that the local model may still promise at an optimum.
_PROMISED = 1e-8


def polish_compiled(
    models: Sequence[MarketModel], thetas: Sequence[Vector], max_evaluations: int
) -> list[Polished]:
    """Minimise sums of squares, those of one shape in one batch, to the tolerance that lmfit is given.

    Parameters
    ----------
    models : sequence of MarketModel
        Of P parameters each, without expressions between them.
    thetas : sequence of (P,) array
        Starting values of each inside the bounds; parameters that do not vary keep them.
    max_evaluations : int
        Evaluations of residual and Jacobian allowed for each.

    Returns
    -------
    list of Polished
    """
    starts = [
        np.where(model.vary, np.clip(theta, model.lower, model.upper), theta)[np.newaxis]
        for model, theta in zip(models, thetas, strict=True)
    ]
    fits = fit_models(models, starts, max_evaluations, cost_tolerance=TOLERANCE, promise_tolerance=0.0)
    return [
        Polished(
            theta=fit.value[0],
            evaluations=int(fit.evaluations[0]),
            converged=converged(model, fit.value[0], int(fit.status[0])),
            message=STATUS[int(fit.status[0])],
        )
        for model, fit in zip(models, fits, strict=True)
    ]


def converged(model: MarketModel, theta: Vector, status: int) -> bool:
    """Tell whether a fit ended at an optimum: by its status, or because nothing is left to gain.

    Along a direction that the data do not see, steps may fail (f would be negative) though no other point is
    any better.

    Parameters
    ----------
    model : MarketModel
    theta : (P,) array
        Where the fit ended.
    status : int
        A key of `kernels.least_squares.levenberg_marquardt.STATUS`.
    """
    residual = model.residual(theta) if status == STEPS_FAILED else None
    if residual is None:
        return status > 0
    jacobian, free = model.jacobian(theta), model.vary
    slope = jacobian @ residual
    outward = np.where(slope > 0.0, theta[free] <= model.lower[free], theta[free] >= model.upper[free])
    length = np.linalg.norm(jacobian, axis=1)
    rows = jacobian[~outward & (length > 0.0)] / length[~outward & (length > 0.0), np.newaxis]
    if not len(rows):
        return True
    _, singular, directions = np.linalg.svd(rows, full_matrices=False)
    promised = directions[singular > RANK_TOLERANCE * singular[0]] @ residual
    return bool(promised @ promised <= _PROMISED * (residual @ residual))
