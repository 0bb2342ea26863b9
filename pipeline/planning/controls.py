"""What one firm can do: the efforts it may change, within which bounds, at what cost."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from pipeline.config.sections.planning import Bounds
from pipeline.errors import PlanError
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.periods import one_per_period
from pipeline.planning.prices import refuse_prices


@dataclass(frozen=True, eq=False)
class Controls:
    """L efforts of one firm that may change, over H periods.

    Attributes
    ----------
    firm : int
        Position of the firm.
    index : (L,) array of int
        Positions of the efforts.
    low, high : (L, H) arrays
        Bounds.
    is_ratio : (L,) array of bool
        Whether the money is the effort times the firm's own sales.
    price : (L,) array
        Currency per period for one unit of the effort, where it is no ratio.
    """

    firm: int
    index: NDArray[np.intp]
    low: Floats
    high: Floats
    is_ratio: NDArray[np.bool_]
    price: Floats

    def unit_cost(self, sales: Floats) -> Floats:
        """Currency per period for one unit of each effort, (L, ...), at the firm's own sales (...)."""
        shape = (-1,) + (1,) * np.ndim(sales)
        return np.where(self.is_ratio.reshape(shape), sales, self.price.reshape(shape) + np.zeros_like(sales))

    def take(self, efforts: Floats) -> Floats:
        """Values of the controls (L, H) in the efforts of the whole market (K, H, N)."""
        return efforts[self.index, :, self.firm]

    def put(self, efforts: Floats, values: Floats) -> Floats:
        """Efforts of the whole market (K, H, N), the controls replaced by ``values`` (L, H)."""
        changed = efforts.copy()
        changed[self.index, :, self.firm] = values
        return changed


def make_controls(
    market: ForecastMarket,
    firm: int,
    bounds: Mapping[str, Bounds],
    prices: Mapping[str, float],
    *,
    must_move: bool = True,
) -> Controls:
    """Find what a firm may change.

    Parameters
    ----------
    market : ForecastMarket
    firm : int
        Its position.
    bounds : mapping
        By effort; a side left open is what any firm of this market was seen to do, down to 0 for money.
    prices : mapping
        Of efforts of kind index, currency per period and unit.
    must_move : bool
        Whether to refuse when no bound leaves any room.

    Raises
    ------
    PlanError
        See `find_priced`; bounds that exclude each other or the domain of the curve; nothing that may change.
    QueryError
        Bounds of another count than the periods.
    """
    index = find_priced(market, bounds, prices)
    low, high = np.empty((len(index), market.horizon)), np.empty((len(index), market.horizon))
    for row, effort in enumerate(index):
        low[row], high[row] = _bounds(market, effort, bounds.get(market.efforts[effort], (None, None)))
    if not index or (must_move and not (high > low).any()):
        raise PlanError(
            f"Firm {market.firms[firm]} has nothing to change: all efforts of market {market.market} are of "
            f"kind index and have no price, or their bounds coincide. {_give_prices(market)}"
        )
    kinds = [market.kinds[effort] for effort in index]
    names = [market.efforts[effort] for effort in index]
    price = [
        market.reference_sales if kind == "amount" else prices.get(name, 0.0)
        for kind, name in zip(kinds, names, strict=True)
    ]
    is_ratio = np.array([kind == "ratio" for kind in kinds])
    return Controls(firm, np.array(index, dtype=np.intp), low, high, is_ratio, np.array(price))


def _give_prices(market: ForecastMarket) -> str:
    """Say which efforts may be given a price per unit, by an example; those made of prices may not."""
    made_of_prices = {*market.unpriced, *(market.efforts[price.effort] for price in market.prices)}
    free = [name for name in market.efforts if name not in made_of_prices]
    if not free:
        return "They are made of prices, which are set in a scenario or a game."
    return f"Give prices, e.g. --price {free[0]}=1000 (currency per period and unit)."


def find_priced(
    market: ForecastMarket, bounds: Mapping[str, Bounds], prices: Mapping[str, float]
) -> list[int]:
    """Find the efforts of which the cost is known, by their positions.

    Raises
    ------
    PlanError
        A bound or price of an effort that the market does not have, or bounds of one whose cost is not known;
        either of an effort that is made of prices.
    """
    refuse_prices(market, (*bounds, *prices))
    for name in (*bounds, *prices):
        if name not in market.efforts:
            raise PlanError(f"There is no effort {name}; expected one of {', '.join(market.efforts)}.")
    priced = [
        effort
        for effort, (name, kind) in enumerate(zip(market.efforts, market.kinds, strict=True))
        if kind != "index" or name in prices
    ]
    for name in bounds:
        if market.efforts.index(name) not in priced:
            raise PlanError(
                f"Got bounds of {name}, an effort of kind index: what a unit of it costs is not known. Give "
                f"its price in currency per period and unit, e.g. --price {name}=1000."
            )
    return priced


def refuse_crossed(name: str, low: Floats | float, high: Floats | float) -> None:
    """Refuse bounds of which the lower one is above the upper one.

    Raises
    ------
    PlanError
        Naming the effort.
    """
    if np.any(low > high):
        raise PlanError(
            f"The bounds of {name} are [{np.max(low):g}, {np.min(high):g}]; the first must not be above the "
            "second."
        )


def _bounds(market: ForecastMarket, effort: int, given: Bounds) -> tuple[Floats, Floats]:
    """Lower and upper bound (H,) of an effort; what is not given is what firms were seen to do."""
    name, domain = market.efforts[effort], market.domains[effort]
    seen = market.history[effort][market.active]
    smallest = min(seen.min(), 0.0) if market.kinds[effort] != "index" else seen.min()
    low, high = (
        one_per_period(default if side is None else side, market.horizon, f"bounds of {name}")
        for side, default in zip(given, (smallest, seen.max()), strict=True)
    )
    if given[0] is None:
        inside = seen[seen > domain.minimum].min(initial=np.inf) if domain.open else domain.minimum
        low = np.maximum(low, inside)
    refuse_crossed(name, low, high)
    if (low < domain.minimum).any() or (domain.open and (low <= domain.minimum).any()):
        raise PlanError(f"The lower bound of {name} is {low.min():g}; its curve takes {domain}.")
    return low, high
