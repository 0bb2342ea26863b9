"""Controls: what instruments leave of the endogenous efforts of a market, as further inputs of f."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.config.sections.fit import FitSection
from pipeline.config.terms import CONTROL, lag_terms
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


def with_controls(
    market: MarketArrays, inputs: tuple[str, ...], stages: Sequence[FirstStage], *, fitted: bool = True
) -> tuple[MarketArrays, tuple[str, ...]]:
    """Append the residuals of first stages to the inputs of a market, and name them.

    Parameters
    ----------
    market : MarketArrays
        With the inputs of all other terms.
    inputs : tuple of str
        Names along its effort axis.
    stages : sequence of FirstStage
        Of the first periods of the market.
    fitted : bool
        Whether the market begins with the periods that were fitted. In all others, and without this, nobody
        knows them: they are 0, what is expected.
    """
    if not stages:
        return market, inputs
    controls = np.zeros((len(stages), *market.active.shape))
    if fitted:
        controls[:, : len(stages[0].control)] = [stage.control for stage in stages]
    controls = np.where(market.active, controls, np.nan)
    extended = replace(market, efforts=np.ascontiguousarray(np.concatenate([market.efforts, controls])))
    return extended, (*inputs, *(f"{stage.effort}.{CONTROL}" for stage in stages))
