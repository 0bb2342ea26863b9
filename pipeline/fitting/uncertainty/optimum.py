"""Where a fit ended, as the assessment of it takes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Matrix, Vector
from pipeline.models.market_model import MarketModel

AT_EDGE = 2
"""Mark of parameters that the bound f >= 0 holds, beside -1 and 1 for bounds of their own."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """The optimum of one fit.

    Attributes
    ----------
    model
        Of P parameters.
    theta
        (P,) its optimum.
    at_bound
        (P,) as in `pipeline.fitting.record.FitRecord`. Parameters held where f would turn negative (2) have
        no standard error or interval. Those of the others are not conditional on them, which would be far too
        short where they trade off, as the level of f and returns to scale do; and they do not come from
        refits, which stop at the edge wherever they come upon it.
    inner
        (P,) parameters that are free, not at a bound, and not tied to others.
    matrix
        (Q, P) takes ``theta`` to what is reported.
    effective
        Parameters that the fit used up; those drawn to a prior count in part.
    seed
        Of the fit.
    repeatable
        Whether refits by least squares within bounds are of the kind that made the optimum.
    """

    model: MarketModel
    theta: Vector
    at_bound: NDArray[np.int8]
    inner: NDArray[np.bool_]
    matrix: Matrix
    effective: float
    seed: np.random.SeedSequence
    repeatable: bool = True
