"""A variant on the given periods of a market, composed into a least-squares problem."""

import functools
from collections.abc import Mapping

import numpy as np

from kernels.least_squares.lengths import common_length
from kernels.least_squares.market import ILR, PLAIN, MarketData
from kernels.response.catalogue import Curve
from pipeline.config.parameters import AUTOCORRELATION, ENTRY
from pipeline.config.sections.fit import FitSection
from pipeline.config.variants import Variant
from pipeline.models.composing.quantities import compose_response, market_parameters
from pipeline.models.experiments.attach import experiment_rows
from pipeline.models.instruments.controls import control_rows, first_stages
from pipeline.models.market_data import market_data
from pipeline.models.market_model import MarketModel
from pipeline.models.terms import with_terms
from pipeline.panel.market import MarketArrays
from pipeline.store.format.first_stage import PooledSlopes

RESIDUAL_KIND = {"ilr": ILR, "share": PLAIN}


def build_model(
    variant: Variant,
    market: MarketArrays,
    efforts: tuple[str, ...],
    fit: FitSection,
    curves: Mapping[str, Curve],
    pooled: Mapping[str, PooledSlopes | None] | None = None,
) -> MarketModel:
    """Compose a variant for the given periods of a market.

    Parameters
    ----------
    variant : Variant
    market : MarketArrays
        Periods to fit; firms that are in none of them keep the starting values of their constants.
    efforts : tuple of str
        Names along the effort axis of the market.
    fit : FitSection
        Residual, initial state, fixed parameters and bounds.
    curves : mapping of str to Curve
        The study's own curves.
    pooled : mapping of str to PooledSlopes, optional
        Of the endogenous efforts whose first stage is pooled over markets.

    Raises
    ------
    kernels.response.response.DomainError
        An effort lies outside the domain of its curve.
    FirstStageError
        An endogenous effort has no first stage in these periods.
    ValueError
        A share is zero under log-ratios.
    """
    whole, given = market, market.reference_sales
    reference_sales = float(market.total_sales.mean()) if given is None else given
    market, inputs = with_terms(variant, market, efforts)
    stages = first_stages(variant, market, inputs, fit, pooled)
    response = compose_response(variant, market, inputs, curves)
    quantities = market_parameters(variant, response, market, inputs, fit, reference_sales, stages)
    corrected = 0 if variant.gain_under(fit) == 0.0 else len(market.times)
    entries = sum(quantity.name.startswith(f"{ENTRY}.") for quantity in quantities)
    kind, serial = RESIDUAL_KIND[fit.residual], int(quantities[-1].name == AUTOCORRELATION)
    data = market_data(market, fit.initial, reference_sales, kind, corrected, entries)
    unit = _common_length(data.duration.tobytes())
    data = data._replace(serial=serial, controls=control_rows(stages, data), unit=unit)
    model = MarketModel(variant, response, quantities, data, efforts, stages)

    def arranged(course: MarketArrays, until: int, known: int) -> MarketData:
        data = market_data(model.prepared(course), fit.initial, reference_sales, kind, until, known)
        return data._replace(unit=unit)

    model.experiments = experiment_rows(whole, arranged, response, data, model.gamma_form, model.column)
    return model


@functools.lru_cache(maxsize=64)
def _common_length(duration: bytes) -> float:
    """Give the length of a common period: most markets have the same periods."""
    return common_length(np.frombuffer(duration))
