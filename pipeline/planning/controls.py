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
    ramp : (L,) array
        Largest change from one period to the next, up or down; inf where there is no limit. Bounds leave room
        for it: whoever keeps to them in one period can do so in the next.
    """

    firm: int
    index: NDArray[np.intp]
    low: Floats
    high: Floats
    is_ratio: NDArray[np.bool_]
    price: Floats
    ramp: Floats

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
    widen: float | None = None,
    ramps: Mapping[str, float] | None = None,
) -> Controls:
    """Find what a firm may change.

    Parameters
    ----------
    market : ForecastMarket
    firm : int
        Its position.
    bounds : mapping
        By effort; a side left open is what was seen, down to 0 for money.
    prices : mapping
        Of efforts of kind index, currency per period and unit.
    must_move : bool
        Whether to refuse when no bound leaves any room.
    widen : float, optional
        Times by which what this firm was seen to do is widened, where a bound is left open; by default what
        any firm of this market did counts, as it was.
    ramps : mapping, optional
        By effort, its largest change from one period to the next.

    Raises
    ------
    PlanError
        See `find_priced`; bounds that exclude each other or the domain of the curve; nothing that may change.
    QueryError
        Bounds of another count than the periods.
    """
    ramps = ramps or {}
    index = find_priced(market, dict.fromkeys(ramps, (None, None)) | dict(bounds), prices)
    low, high = np.empty((len(index), market.horizon)), np.empty((len(index), market.horizon))
    for row, effort in enumerate(index):
        seen = _seen(market, effort, None if widen is None else firm, widen or 1.0)
        name = market.efforts[effort]
        low[row], high[row] = _bounds(market, effort, bounds.get(name, (None, None)), seen)
        if name in ramps:
            before = float(market.history[effort, -1, firm])
            low[row], high[row] = _within_ramp(name, low[row], high[row], before, ramps[name])
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
    ramp = np.array([ramps.get(name, np.inf) for name in names])
    return Controls(firm, np.array(index, dtype=np.intp), low, high, is_ratio, np.array(price), ramp)


def _within_ramp(name: str, low: Floats, high: Floats, before: float, ramp: float) -> tuple[Floats, Floats]:
    """Narrow bounds (H,) to what can be come to in steps of the ramp, and gone on from.

    Raises
    ------
    PlanError
        No course keeps both.
    """
    low, high = low.copy(), high.copy()
    low[0], high[0] = max(low[0], before - ramp), min(high[0], before + ramp)
    forth = range(1, low.size)
    for t in forth:
        low[t], high[t] = max(low[t], low[t - 1] - ramp), min(high[t], high[t - 1] + ramp)
    for t in reversed(forth):
        low[t - 1], high[t - 1] = max(low[t - 1], low[t] - ramp), min(high[t - 1], high[t] + ramp)
    if (low > high * (1 + 1e-12) + 1e-300).any():
        raise PlanError(
            f"No course of {name} from its last value {before:g} keeps its bounds and changes by at most "
            f"{ramp:g} a period. Give a larger ramp, or bounds that hold the last value."
        )
    return np.minimum(low, high), high


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


def _seen(market: ForecastMarket, effort: int, firm: int | None, widen: float) -> tuple[float, float]:
    """Smallest and largest effort that a firm, or any, was seen at, within the domain of its curve."""
    there, domain = market.active.copy(), market.domains[effort]
    if firm is not None:
        there[:] = there[:, [firm]] & (np.arange(there.shape[1]) == firm)
    seen = market.history[effort][there]
    low, high = float(seen.min()), float(seen.max())
    if market.kinds[effort] == "index":
        room = 0.5 * (widen - 1.0) * (high - low)
        low, high = low - room, high + room
    else:  # a discount may be negative: a markup
        low, high = widen * min(low, 0.0), widen * high
    smallest = float(seen[seen > domain.minimum].min(initial=np.inf)) if domain.open else domain.minimum
    return max(low, smallest), high


def _bounds(
    market: ForecastMarket, effort: int, given: Bounds, seen: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Lower and upper bound (H,) of an effort; what is not given is what was seen."""
    name, domain = market.efforts[effort], market.domains[effort]
    low, high = (
        one_per_period(default if side is None else side, market.horizon, f"bounds of {name}")
        for side, default in zip(given, seen, strict=True)
    )
    refuse_crossed(name, low, high)
    if (low < domain.minimum).any() or (domain.open and (low <= domain.minimum).any()):
        raise PlanError(f"The lower bound of {name} is {low.min():g}; its curve takes {domain}.")
    return low, high
