"""Choosing between models: Akaike weights, stacking weights, and what γ says of the market's regime."""

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats, Vector
from pipeline.errors import QueryError

REGIMES = ("coexistence", "neutral", "lock-in", "undetermined")
"""What an interval of γ says of a market."""

_ITERATIONS = 2000
_TOLERANCE = 1e-10
_NOTHING = 1e-6


def akaike_weights(criterion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn an information criterion into weights: ``exp(-Δ/2)`` over the models, summing to 1.

    Parameters
    ----------
    criterion : (model, ...) array
        AIC, AICc or BIC of fits to the same residuals; nan for a model without a fit.

    Returns
    -------
    (model, ...) array
        0 for a model without a fit; nan where no model has one.

    Notes
    -----
    Source: Burnham & Anderson (2002), Model Selection and Multimodel Inference.
    """
    values = np.where(np.isnan(criterion), np.inf, criterion)
    smallest = values.min(axis=0, keepdims=True)
    with np.errstate(invalid="ignore"):
        raised = np.exp(-0.5 * (values - smallest))
        weights: NDArray[np.float64] = raised / raised.sum(axis=0, keepdims=True)
    return weights


def stacking_weights(log_density: NDArray[np.float64]) -> Vector:
    """Weights of a mixture of forecasts that would have predicted best.

    Parameters
    ----------
    log_density : (forecast, case) array
        Logarithm of the predictive density that each forecast gave to what came in each case; cases that some
        forecast lacks must be left out before.

    Returns
    -------
    (forecast,) array
        Not negative, summing to 1: they maximise the mean over cases of the log density of the mixture.

    Raises
    ------
    QueryError
        There are no cases.

    Notes
    -----
    Source: stacking of predictive distributions, Yao, Vehtari, Simpson & Gelman (2018), Bayesian Analysis 13,
    917-1007. The problem is concave; the expectation-maximisation step never makes the mixture worse.
    """
    count, cases = log_density.shape
    if not cases:
        raise QueryError("Stacking weights need at least one period that all forecasts predicted.")
    density = np.exp(log_density - log_density.max(axis=0))
    weights = np.full(count, 1.0 / count)
    for _ in range(_ITERATIONS):
        parts = weights[:, None] * density
        update = (parts / parts.sum(axis=0)).mean(axis=1)
        done = np.abs(update - weights).max() < _TOLERANCE
        weights = update
        if done:
            break
    # The steps near 0 but never reach it.
    weights = np.where(weights < _NOTHING, 0.0, weights)
    kept: Vector = weights / weights.sum()
    return kept


def regime(low: Floats | float, high: Floats | float) -> NDArray[np.object_]:
    """Read the interval of γ: below 1 firms coexist, above 1 the largest takes the market.

    Parameters
    ----------
    low, high : (...) arrays
        Ends of the interval; nan when the data do not determine γ.

    Returns
    -------
    (...) array of str
        One of `REGIMES`; ``neutral`` when the interval holds 1: the data cannot tell the two apart.
    """
    places = np.select(
        [np.isnan(low) | np.isnan(high), np.less(high, 1.0), np.greater(low, 1.0)], [3, 0, 2], 1
    )
    words: NDArray[np.object_] = np.array(REGIMES, dtype=object)[places]
    return words
