"""How strongly to draw parameters to their priors, chosen by forecasts inside the periods fitted."""

from collections.abc import Mapping

import numpy as np

from kernels.response.catalogue import Curve
from kernels.response.response import ResponseError
from pipeline.config.sections.fit import FitSection, ShrinkageSection
from pipeline.config.variants import Variant
from pipeline.fitting.search.screen import screen
from pipeline.models.composing.build import build_model
from pipeline.models.instruments.first_stage import FirstStageError
from pipeline.models.market_model import MarketModel
from pipeline.models.one_step import forecast_shares
from pipeline.models.priors import prior_of
from pipeline.panel.market import MarketArrays, first_periods
from pipeline.store.format.first_stage import PooledSlopes


def choose_factor(
    variant: Variant,
    market: MarketArrays,
    efforts: tuple[str, ...],
    fit: FitSection,
    curves: Mapping[str, Curve],
    pooled: Mapping[str, PooledSlopes | None] | None = None,
) -> float:
    """Choose the factor on the standard deviations of all priors whose forecasts come nearest.

    Every factor is fitted to the periods before each of some origins and forecasts those after it, with
    the efforts given; the sums of squared errors of shares decide. Nothing after the last period of
    ``market`` is looked at.

    Parameters
    ----------
    variant : Variant
    market : MarketArrays
        The periods that the reported fit may use.
    efforts : tuple of str
    fit : FitSection
        With `shrinkage` and priors.
    curves : mapping of str to Curve
        The study's own curves.
    pooled : mapping of str to PooledSlopes, optional
        Of first stages that are pooled over markets.

    Returns
    -------
    float
        The factor; of equals, and where no forecast can be made, the largest: the weakest priors.
    """
    settings = fit.shrinkage
    if settings is None:
        raise ValueError("Got a fit without shrinkage; expected fit.shrinkage, the factors to choose from.")
    factors = np.array(sorted(settings.factors, reverse=True))
    if factors.size == 1:
        return float(factors[0])
    total = np.zeros(factors.size)
    for origin in origins(market.share.shape[0], settings.origins):
        try:
            model = build_model(variant, first_periods(market, origin), efforts, fit, curves, pooled)
        except (ResponseError, FirstStageError):
            continue
        total += [_squared_error(model, market, origin, fit, settings, factor) for factor in factors]
    return float(factors[np.argmin(np.where(np.isfinite(total), total, np.inf))])


def origins(n_times: int, count: int) -> tuple[int, ...]:
    """Numbers of periods before each origin: spread evenly over the second half, at least 2."""
    spread = n_times * (0.5 + 0.5 * np.arange(count) / count)
    return tuple(sorted({round(origin) for origin in spread.tolist() if 2 <= round(origin) < n_times}))


def _squared_error(
    model: MarketModel,
    market: MarketArrays,
    origin: int,
    fit: FitSection,
    settings: ShrinkageSection,
    factor: float,
) -> float:
    """Sum of squared errors of the shares forecast from one origin; infinite where there is no forecast."""
    beliefs = prior_of(model.names, fit.priors).scaled(factor)
    fitted = screen(model, model.start[np.newaxis], beliefs)
    if not np.isfinite(fitted.cost[0]):
        return np.inf
    end = market.share.shape[0] if settings.horizon is None else origin + settings.horizon
    seen = first_periods(market, end)
    share = forecast_shares(model, fitted.value[0], seen, origin, fit.initial, settings.state)
    if share is None:
        return np.inf
    error = (share - seen.share[origin:])[seen.active[origin:]]
    return float(error @ error)
