"""Controls: what instruments leave of the endogenous efforts of a market, as its residual knows them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernels.least_squares.market import ILR, NO_CONTROLS, MarketData, observed_target
from kernels.numeric.arrays import Cube, Matrix, Vector
from pipeline.config.sections.fit import FitSection
from pipeline.config.terms import lag_terms
from pipeline.config.variants import Variant
from pipeline.models.instruments.first_stage import FirstStage, first_stage
from pipeline.models.instruments.pooled import market_stage
from pipeline.panel.market import MarketArrays
from pipeline.store.format.first_stage import PooledSlopes


@dataclass(frozen=True, eq=False)
class StageData:
    """What the first stage of one effort is made from in a market of T periods and N firms.

    Attributes
    ----------
    effort
        Its name.
    explained
        (T, N) values.
    regressors
        (J, T, N) instruments and then exogenous inputs; nan for absent firms.
    labels
        Names of the J regressors.
    n_instruments
        How many of them are instruments.
    """

    effort: str
    explained: Matrix
    regressors: Cube
    labels: tuple[str, ...]
    n_instruments: int


def stage_data(
    variant: Variant, market: MarketArrays, inputs: Sequence[str], fit: FitSection
) -> Iterator[StageData]:
    """Arrange what the first stages of a model are made from in one market; see `first_stages`."""
    if not variant.endogenous:
        return
    if market.instruments is None:
        raise ValueError("Got a market without instruments; expected those of fit.endogenous in its panel.")
    common = len(variant.response.curves) + len(lag_terms(variant.response))
    exogenous = [row for row in range(common) if inputs[row] not in variant.endogenous]
    for effort in variant.endogenous:
        own = fit.instrumented[effort].instruments
        values = market.instruments[[fit.instruments.index(text) for text in own]]
        yield StageData(
            effort,
            market.efforts[list(inputs).index(effort)],
            np.concatenate([values, market.efforts[exogenous]]),
            (*own, *(inputs[row] for row in exogenous)),
            len(own),
        )


def first_stages(
    variant: Variant,
    market: MarketArrays,
    inputs: Sequence[str],
    fit: FitSection,
    pooled: Mapping[str, PooledSlopes | None] | None = None,
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
    pooled : mapping of str to PooledSlopes, optional
        By effort, for those whose first stage is pooled over markets.

    Raises
    ------
    FirstStageError
        See `pipeline.models.instruments.first_stage.first_stage` and `pooled.market_stage`.
    ValueError
        The market has no instruments, or there are no pooled slopes where they are asked for.
    """
    over_markets = fit.pooled_stages
    stages = []
    for data in stage_data(variant, market, inputs, fit):
        of_market = (data.effort, data.explained, data.regressors, market.active, data.labels)
        if data.effort not in over_markets:
            stages.append(first_stage(*of_market, data.n_instruments))
        elif pooled is None:
            raise ValueError(
                f"Got no slopes for the first stage of {data.effort}, which is pooled over markets; expected "
                "those of pipeline.models.instruments.pooled.StagePool over all of them."
            )
        else:
            stages.append(market_stage(pooled[data.effort], *of_market))
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
