"""Prices as strategies of a game: set once, in currency per unit, within bounds of their own."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kernels.numeric.arrays import Floats
from pipeline.config.sections.planning import Bounds
from pipeline.forecasting.market import ForecastMarket
from pipeline.games.payoff import StrategySpace
from pipeline.planning.controls import refuse_crossed
from pipeline.planning.prices import refuse_free
from pipeline.results.prices.index import PriceIndex


def with_price(
    market: ForecastMarket,
    price: PriceIndex,
    bounds: Mapping[str, Bounds],
    space: StrategySpace,
    strategies: tuple[Floats, Floats],
) -> tuple[StrategySpace, Floats]:
    """Add a price to what firms may set.

    Parameters
    ----------
    market : ForecastMarket
    price : PriceIndex
    bounds : mapping
        By effort, in currency; by default from the lowest to the highest price of any firm in the data.
    space : StrategySpace
        Of L efforts so far.
    strategies : (L, N) array, (K, N) array
        Present strategies so far, and what firms set at present.

    Returns
    -------
    StrategySpace, (L + 1, N) array

    Raises
    ------
    PlanError
        Bounds that exclude each other, or prices of 0.
    """
    name, seen = market.efforts[price.effort], price.history[price.history > 0.0]
    smallest, largest = bounds.get(name, (None, None))
    low = float(seen.min()) if smallest is None else float(np.max(smallest))
    high = float(seen.max()) if largest is None else float(np.min(largest))
    refuse_crossed(name, low, high)
    refuse_free(name, low)
    present, chosen = strategies
    wider = replace(
        space,
        efforts=np.append(space.efforts, price.effort),
        low=np.append(space.low, low),
        high=np.append(space.high, high),
        buys_ratio=np.append(space.buys_ratio, False),
        scale=np.append(space.scale, 1.0),
        price=np.append(space.price, 0.0),
    )
    return wider, np.concatenate([present, chosen[price.effort : price.effort + 1]])
