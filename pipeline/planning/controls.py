"""What one firm can do: the efforts it may change, within which bounds, at what cost."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config.sections.planning import Bounds
from pipeline.errors import PlanError
from pipeline.forecasting.market import FutureMarket

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Levers:
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
        """Currency per period for one unit of each effort, (L, ...) at own sales (...)."""
        shape = (-1,) + (1,) * np.ndim(sales)
        return np.where(self.is_ratio.reshape(shape), sales, self.price.reshape(shape) + np.zeros_like(sales))

    def put(self, efforts: Floats, own: Floats) -> Floats:
        """Efforts of the whole market (K, H, N) with those of this firm replaced by ``own`` (L, H)."""
        changed = efforts.copy()
        changed[self.index, :, self.firm] = own
        return changed


def make_levers(
    market: FutureMarket,
    firm: int,
    bounds: Mapping[str, Bounds],
    prices: Mapping[str, float],
    *,
    must_move: bool = True,
) -> Levers:
    """Find what a firm may change.

    Parameters
    ----------
    market : FutureMarket
    firm : int
        Its position.
    bounds : mapping
        By effort; what is left open is what any firm of this market was seen to do, down to 0 for money.
    prices : mapping
        Of efforts of kind index, currency per period and unit.
    must_move : bool
        Whether to refuse when no bound leaves any room.

    Raises
    ------
    PlanError
        An effort that the market does not have, bounds that exclude each other or the domain of the curve, or
        nothing that may change.
    """
    for name in (*bounds, *prices):
        if name not in market.efforts:
            raise PlanError(f"There is no effort {name}; expected one of {', '.join(market.efforts)}.")
    chosen = [
        place
        for place, (name, kind) in enumerate(zip(market.efforts, market.kinds, strict=True))
        if kind != "index" or name in prices
    ]
    free = [name for name in bounds if market.efforts.index(name) not in chosen]
    if free:
        raise PlanError(
            f"Got bounds of {free[0]}, an effort of kind index: what a unit of it costs is not known. Give "
            f"its price in currency per period and unit, e.g. --price {free[0]}=1000."
        )
    low, high = np.empty((len(chosen), market.horizon)), np.empty((len(chosen), market.horizon))
    for row, place in enumerate(chosen):
        low[row], high[row] = _bounds(market, place, bounds.get(market.efforts[place], (None, None)))
    movable = (high > low).any(axis=1)
    if not chosen or (must_move and not movable.any()):
        raise PlanError(
            f"Firm {market.firms[firm]} has nothing to change: all efforts of market {market.market} are of "
            "kind index and have no price, or their bounds coincide. Give prices, e.g. "
            f"--price {market.efforts[0]}=1000 (currency per period and unit)."
        )
    kinds = np.array([market.kinds[place] for place in chosen])
    price = np.array(
        [
            market.reference_sales
            if market.kinds[place] == "amount"
            else prices.get(market.efforts[place], 0.0)
            for place in chosen
        ]
    )
    return Levers(firm, np.array(chosen, dtype=np.intp), low, high, kinds == "ratio", price)


def _bounds(market: FutureMarket, place: int, given: Bounds) -> tuple[Floats, Floats]:
    name, domain = market.efforts[place], market.domains[place]
    seen = market.history[place][market.active]
    is_money = market.kinds[place] != "index"
    sides = []
    for side, default in zip(
        given, (min(seen.min(), 0.0) if is_money else seen.min(), seen.max()), strict=True
    ):
        values = np.atleast_1d(np.asarray(default if side is None else side, dtype=float))
        if values.size not in (1, market.horizon):
            raise PlanError(
                f"Got {values.size} bounds of {name}; expected one, or one for each of the {market.horizon} "
                "periods."
            )
        sides.append(np.broadcast_to(values, market.horizon).copy())
    low, high = sides
    if given[0] is None:
        smallest = seen[seen > domain.minimum].min(initial=np.inf) if domain.open else domain.minimum
        low = np.maximum(low, smallest)
    if (low > high).any():
        raise PlanError(
            f"The bounds of {name} are [{low.max():g}, {high.min():g}]; the first must not be above."
        )
    if (low < domain.minimum).any() or (domain.open and (low <= domain.minimum).any()):
        raise PlanError(f"The lower bound of {name} is {low.min():g}; its curve takes {domain}.")
    return low, high
