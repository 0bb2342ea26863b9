"""Controls: what instruments leave of the endogenous efforts of a market, as its residual knows them."""

from collections.abc import Sequence

import numpy as np

from kernels.least_squares.market import ILR, NO_CONTROLS, MarketData, observed_target
from kernels.numeric.arrays import Matrix, Vector
from pipeline.config.sections.fit import FitSection
from pipeline.config.terms import lag_terms
from pipeline.config.variants import Variant
from pipeline.models.instruments.first_stage import FirstStage, first_stage
from pipeline.panel.market import MarketArrays


def first_stages(
    variant: Variant, market: MarketArrays, inputs: Sequence[str], fit: FitSection
) -> tuple[FirstStage, ...]:
    """Make the first stages of a model in one market; none where it has no endogenous effort.

    Parameters
    ----------
    variant : Variant
    market : MarketArrays
        The periods fitted, with instruments and the inputs of all terms.
    inputs : sequence of str
        Names along its effort axis. Regressors are those that all firms have in common and that are not
        endogenous: efforts, and efforts of the past.
    fit : FitSection
        The instruments of each effort.

    Raises
    ------
    FirstStageError
        See `pipeline.models.instruments.first_stage.first_stage`.
    ValueError
        The market has no instruments.
    """
    if not variant.endogenous:
        return ()
    if market.instruments is None:
        raise ValueError("Got a market without instruments; expected those of fit.endogenous in its panel.")
    common = len(variant.response.curves) + len(lag_terms(variant.response))
    exogenous = [row for row in range(common) if inputs[row] not in variant.endogenous]
    stages = []
    for effort in variant.endogenous:
        own = fit.instrumented[effort].instruments
        values = market.instruments[[fit.instruments.index(text) for text in own]]
        stages.append(
            first_stage(
                effort,
                market.efforts[list(inputs).index(effort)],
                np.concatenate([values, market.efforts[exogenous]]),
                market.active,
                (*own, *(inputs[row] for row in exogenous)),
                len(own),
            )
        )
    return tuple(stages)


def control_rows(stages: Sequence[FirstStage], data: MarketData) -> Matrix:
    """Give the controls of a market in the coordinates of its residual, (E, R).

    Parameters
    ----------
    stages : sequence of FirstStage
    data : MarketData
        The same periods as the kernels have them.
    """
    if not stages:
        return NO_CONTROLS
    return np.stack([rows_of(stage.control, data) for stage in stages])


def rows_of(values: Matrix, data: MarketData) -> Vector:
    """Give deviations of firms (T, N) in the coordinates of the residual rows, (R,)."""
    size = max(float(np.abs(values).max()), np.finfo(float).tiny)
    # Log-ratios of exponentials are what they are exponentials of.
    rows: Vector = size * observed_target(data._replace(share=np.exp(values / size), kind=ILR))
    return rows
