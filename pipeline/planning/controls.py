"""What one firm can do: the efforts it may change, within which bounds, at what cost."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Floats
from pipeline.config.sections.planning import Bounds
from pipeline.errors import PlanError
from pipeline.forecasting.market import ForecastMarket
from pipeline.forecasting.periods import one_per_period
from pipeline.planning.prices import refuse_free, refuse_prices

_SMALLEST_PART = 1e-6


@dataclass(frozen=True, eq=False)
class Controls:
    """L efforts of one firm that may change, over H periods.

    A price is controlled by the discount on the usual price, as a part of it: ``p0 / p - 1``. The margin that
    is given up at a price is that times sales, and so are the ratios that efforts of money are: in controls,
    money is linear.

    Attributes
    ----------
    firm : int
        Position of the firm.
    index : (L,) array of int
        Positions of the efforts.
    low, high : (L, H) arrays
        Bounds of the controls.
    of_sales : (L,) array
        Part of the firm's own sales that one unit costs: 1 for a ratio of sales, ``1 - margin`` for a
        discount, 0 for the others.
    price : (L,) array
        Currency per period for one unit of the effort, whatever the sales.
    ramp : (L,) array
        Largest change from one period to the next, up or down, of what the firm sets; inf where there is no
        limit. Bounds leave room for it: whoever keeps to them in one period can do so in the next.
    usual : (L,) array
        Usual price of the firm, currency per unit, where the control is a discount on it; else nan.
    """

    firm: int
    index: NDArray[np.intp]
    low: Floats
    high: Floats
    of_sales: Floats
    price: Floats
    ramp: Floats
    usual: Floats

    @property
    def is_price(self) -> NDArray[np.bool_]:
        """Whether a control sets a price, (L,)."""
        return np.isfinite(self.usual)

    def unit_cost(self, sales: Floats) -> Floats:
        """Currency per period for one unit of each control, (L, ...), at the firm's own sales (...)."""
        shape = (-1,) + (1,) * np.ndim(sales)
        return self.of_sales.reshape(shape) * sales + self.price.reshape(shape)

    def chosen(self, values: Floats) -> Floats:
        """Give what the firm sets, (L, ...), at values of the controls (L, ...): prices in currency."""
        usual = self._usual(values)
        return np.where(np.isfinite(usual), usual / (1.0 + values), values)

    def chosen_slope(self, values: Floats) -> Floats:
        """Give the derivative (L, ...) of what the firm sets in the controls (L, ...)."""
        usual = self._usual(values)
        return np.where(np.isfinite(usual), -usual / (1.0 + values) ** 2, 1.0)

    def values(self, chosen: Floats) -> Floats:
        """Give the values of the controls (L, ...) at which the firm sets something (L, ...)."""
        usual = self._usual(chosen)
        return np.where(np.isfinite(usual), usual / chosen - 1.0, chosen)

    def within_ramp(self, before: Floats) -> tuple[Floats, Floats]:
        """Smallest and largest controls (L,) that ramps allow after ``before`` (L,)."""
        limited, now = np.isfinite(self.ramp), self.chosen(before)
        step = np.where(limited, self.ramp, 0.0)
        # No ramp leads to a price of 0.
        down = np.where(self.is_price, np.maximum(now - step, _SMALLEST_PART * now), now - step)
        ends = np.sort([self.values(down), self.values(now + step)], axis=0)
        return np.where(limited, ends[0], -np.inf), np.where(limited, ends[1], np.inf)

    def take(self, chosen: Floats) -> Floats:
        """Values of the controls (L, H) at what all firms set (K, H, N)."""
        return self.values(chosen[self.index, :, self.firm])

    def put(self, chosen: Floats, values: Floats) -> Floats:
        """Give what all firms set (K, H, N), the controls replaced by ``values`` (L, H)."""
        changed = chosen.copy()
        changed[self.index, :, self.firm] = self.chosen(values)
        return changed

    def _usual(self, values: Floats) -> Floats:
        return self.usual.reshape((-1,) + (1,) * (np.ndim(values) - 1))


def make_controls(
    market: ForecastMarket,
    firm: int,
    bounds: Mapping[str, Bounds],
    prices: Mapping[str, float],
    *,
    must_move: bool = True,
    widen: float | None = None,
    ramps: Mapping[str, float] | None = None,
    margin: float = 0.0,
) -> Controls:
    """Find what a firm may change.

    Parameters
    ----------
    market : ForecastMarket
    firm : int
        Its position.
    bounds : mapping
        By effort; a side left open is what was seen, down to 0 for money. Of prices in currency.
    prices : mapping
        Of efforts of kind index, currency per period and unit.
    must_move : bool
        Whether to refuse when no bound leaves any room.
    widen : float, optional
        Times by which what this firm was seen to do is widened, where a bound is left open; by default what
        any firm of this market did counts, as it was.
    ramps : mapping, optional
        By effort, its largest change from one period to the next.
    margin : float
        Part of sales that is earned at usual prices. Above 0 a price that firms set is controlled, too.

    Raises
    ------
    PlanError
        See `find_priced`; bounds that exclude each other or the domain of the curve; nothing that may change.
    QueryError
        Bounds of another count than the periods.
    """
    ramps = ramps or {}
    index = find_priced(market, dict.fromkeys(ramps, (None, None)) | dict(bounds), prices, margin)
    low, high = np.empty((len(index), market.horizon)), np.empty((len(index), market.horizon))
    for row, effort in enumerate(index):
        seen = _seen(market, effort, None if widen is None else firm, widen or 1.0)
        name = market.efforts[effort]
        low[row], high[row] = _bounds(market, effort, bounds.get(name, (None, None)), seen)
        if name in ramps:
            before = float(market.chosen[effort, -1, firm])
            low[row], high[row] = _within_ramp(name, low[row], high[row], before, ramps[name])
    if not index or (must_move and not (high > low).any()):
        raise PlanError(
            f"Firm {market.firms[firm]} has nothing to change: all efforts of market {market.market} are of "
            f"kind index and have no price, or their bounds coincide. {_give_prices(market)}"
        )
    return _controls(market, firm, index, (low, high), prices, ramps, margin)


def _controls(
    market: ForecastMarket,
    firm: int,
    index: list[int],
    bounds: tuple[Floats, Floats],
    prices: Mapping[str, float],
    ramps: Mapping[str, float],
    margin: float,
) -> Controls:
    """Put controls together from bounds (L, H) of what the firm sets."""
    usual_of = {price.effort: float(price.usual[firm]) for price in market.prices}
    names, kinds = [market.efforts[effort] for effort in index], [market.kinds[effort] for effort in index]
    usual = np.array([usual_of.get(effort, np.nan) for effort in index])
    price = [
        market.reference_sales if kind == "amount" else prices.get(name, 0.0)
        for kind, name in zip(kinds, names, strict=True)
    ]
    made = Controls(
        firm,
        np.array(index, dtype=np.intp),
        *bounds,
        of_sales=np.where(
            np.isfinite(usual), 1.0 - margin, np.array([kind == "ratio" for kind in kinds], dtype=float)
        ),
        price=np.array(price),
        ramp=np.array([ramps.get(name, np.inf) for name in names]),
        usual=usual,
    )
    # The highest price is the smallest discount.
    ends = np.sort([made.values(bound) for bound in bounds], axis=0)
    return replace(made, low=ends[0], high=ends[1])


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
    """Say what makes an effort one that can be planned, by an example."""
    if market.prices:
        names = ", ".join(market.efforts[price.effort] for price in market.prices)
        return (
            f"Firms set the price behind {names}: say which part of sales is earned, e.g. --margin 0.3, and "
            "it is planned, too."
        )
    free = [name for name in market.efforts if name not in market.unpriced]
    if not free:
        return "They are made of prices, which are set in a scenario."
    return f"Give prices, e.g. --price {free[0]}=1000 (currency per period and unit)."


def find_priced(
    market: ForecastMarket, bounds: Mapping[str, Bounds], prices: Mapping[str, float], margin: float = 0.0
) -> list[int]:
    """Find the efforts of which the cost is known, by their positions.

    A price that firms set costs the margin given up, where there is a margin.

    Raises
    ------
    PlanError
        A bound or price of an effort that the market does not have, or bounds of one whose cost is not known;
        see `refuse_prices` for efforts that are made of prices.
    """
    refuse_prices(market, bounds, prices, margin)
    for name in (*bounds, *prices):
        if name not in market.efforts:
            raise PlanError(f"There is no effort {name}; expected one of {', '.join(market.efforts)}.")
    set_prices = [price.effort for price in market.prices] if margin > 0.0 else []
    priced = [
        effort
        for effort, (name, kind) in enumerate(zip(market.efforts, market.kinds, strict=True))
        if kind != "index" or name in prices or effort in set_prices
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
    """Smallest and largest that a firm, or any, was seen to set of an effort, within its domain."""
    there = market.active.copy()
    if firm is not None:
        there[:] = there[:, [firm]] & (np.arange(there.shape[1]) == firm)
    seen = market.chosen[effort][there]
    low, high = float(seen.min()), float(seen.max())
    if market.kinds[effort] == "index":
        room = 0.5 * (widen - 1.0) * (high - low)
        low, high = low - room, high + room
    else:  # a discount may be negative: a markup
        low, high = widen * min(low, 0.0), widen * high
    if (lowest := _lowest_price(market, effort)) is not None:
        return max(low, lowest), high
    domain = market.domains[effort]
    smallest = float(seen[seen > domain.minimum].min(initial=np.inf)) if domain.open else domain.minimum
    return max(low, smallest), high


def _lowest_price(market: ForecastMarket, effort: int) -> float | None:
    """Give a price that is low, where an effort is the index of one."""
    return next((price.lowest for price in market.prices if price.effort == effort), None)


def _bounds(
    market: ForecastMarket, effort: int, given: Bounds, seen: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Lower and upper bound (H,) of what is set of an effort; what is not given is what was seen."""
    name, domain = market.efforts[effort], market.domains[effort]
    low, high = (
        one_per_period(default if side is None else side, market.horizon, f"bounds of {name}")
        for side, default in zip(given, seen, strict=True)
    )
    refuse_crossed(name, low, high)
    if _lowest_price(market, effort) is not None:
        refuse_free(name, float(low.min()))
    elif (low < domain.minimum).any() or (domain.open and (low <= domain.minimum).any()):
        raise PlanError(f"The lower bound of {name} is {low.min():g}; its curve takes {domain}.")
    return low, high
