"""What money in an effort brings: sales against what is spent, and sales per further unit of money."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.numeric.arrays import Vector
from pipeline.errors import QueryError
from pipeline.models.effects.elasticities import INDEX
from pipeline.models.effects.market_course import MarketCourse
from pipeline.results.effects.causal_market import CausalMarket, Estimated, IntervalsBy
from pipeline.results.prices.index import PriceIndex

LEVELS = np.linspace(0.125, 2.0, 16)
"""Levels of an effort, as multiples of the present one; not 0, which some curves do not take."""
PRESENT = 7
"""Place of the present level among them."""
MONEY, SALES, SHARE, MARGINAL = range(4)
QUANTITIES = ("money", "sales", "share", "marginal_sales")


@dataclass(frozen=True, eq=False)
class ReturnCurve:
    """One effort of one firm.

    Attributes
    ----------
    firm : int
        Place of the firm.
    effort : int
    found : Estimated
        Arrays (4, L): by `QUANTITIES` and level. Money and sales are currency per period.
    """

    firm: int
    effort: int
    found: Estimated


def return_curves(
    one: CausalMarket,
    periods: int,
    *,
    prices: Mapping[str, float],
    firms: list[int],
    efforts: list[int],
    margin: float | None = None,
    level: float = 0.95,
    by: IntervalsBy | None = None,
) -> tuple[ReturnCurve, ...]:
    """Let a firm make more or less of an effort from the end of the data on, all else as in the last period.

    Parameters
    ----------
    one : CausalMarket
    periods : int
        After so many periods sales and money are compared.
    prices : mapping
        Currency per period of one unit of an effort of kind index; efforts without one have no curve.
    firms, efforts : lists of int
        Those wanted; firms that are not there in the last period have none.
    margin : float, optional
        Part of sales that is earned at usual prices: then a price that firms set has a curve, too. Its levels
        are multiples of the present price, and its money is the margin given up.
    level, by
        As in `CausalMarket.estimate`.

    Raises
    ------
    QueryError
        Shares cannot be followed.
    """
    present = one.fit.arrays.active[-1]
    set_prices = {price.effort: price for price in one.prices} if margin is not None else {}
    wanted = [
        (firm, effort)
        for firm in firms
        if present[firm]
        for effort in efforts
        if one.kinds[effort] != INDEX or one.fit.efforts[effort] in prices or effort in set_prices
    ]
    if not wanted:
        return ()

    def quantities(theta: Vector) -> NDArray[np.float64]:
        course = one.course(theta, periods)
        return np.stack(
            [
                _price_curve(course, set_prices[effort], firm, margin or 0.0)
                if effort in set_prices
                else _curve(one, course, firm, effort, prices)
                for firm, effort in wanted
            ]
        )

    found = one.estimate(quantities, level, by)
    parts = zip(found.value, found.stderr, found.low, found.high, strict=True)
    return tuple(
        ReturnCurve(firm, effort, Estimated(*arrays, found.by))
        for (firm, effort), arrays in zip(wanted, parts, strict=True)
    )


def _curve(
    one: CausalMarket, course: MarketCourse, firm: int, effort: int, prices: Mapping[str, float]
) -> NDArray[np.float64]:
    """Money, sales, share and sales per further unit of money (4, L) at all levels of an effort."""
    known, market = course.known, course.market
    ahead = slice(known, None)
    unit = np.zeros(market.efforts.shape)
    unit[effort, ahead, firm] = market.efforts[effort, ahead, firm]
    present = float(market.efforts[effort, -1, firm])
    response, moved = [], []
    for level in LEVELS:
        efforts = market.efforts.copy()
        efforts[effort, ahead, firm] = level * present
        point = course.response.at(efforts)
        response.append(point.value[ahead])
        moved.append(course.response.along(point, unit)[effort, firm, ahead])
    share, change = course.lasting_change(np.stack(response), np.stack(moved))
    total = float(market.total_sales[-1])
    sales, slope = share[:, firm] * total, share[:, firm] * change[:, firm] * total
    kind, name = one.kinds[effort], one.fit.efforts[effort]
    if kind == "ratio":
        money = LEVELS * present * sales
        money_slope = present * sales + LEVELS * present * slope
    else:
        cost = prices[name] if kind == INDEX else course.step.equation.reference_sales
        money, money_slope = LEVELS * present * cost, np.full(LEVELS.size, present * cost)
    return _stacked(money, sales, share[:, firm], slope, money_slope)


def _price_curve(course: MarketCourse, price: PriceIndex, firm: int, margin: float) -> NDArray[np.float64]:
    """Margin given up, sales, share and sales per further unit of that margin (4, L) at levels of a price."""
    ahead, market = slice(course.known, None), course.market
    there = np.flatnonzero(market.active[-1])
    own, now = there.tolist().index(firm), price.history[-1, there]
    response, moved = [], []
    for level in LEVELS:
        prices, efforts, unit = now.copy(), market.efforts.copy(), np.zeros(market.efforts.shape)
        prices[own] = level * now[own]
        efforts[price.effort, ahead, there] = price.index(prices)[:, np.newaxis]
        unit[price.effort, ahead, there] = (price.slope(prices)[:, own] * now[own])[:, np.newaxis]
        point = course.response.at(efforts)
        response.append(point.value[ahead])
        moved.append(course.response.along(point, unit)[price.effort].sum(axis=0)[ahead])
    share, change = course.lasting_change(np.stack(response), np.stack(moved))
    total = float(market.total_sales[-1])
    sales, slope = share[:, firm] * total, share[:, firm] * change[:, firm] * total
    relative = price.usual[firm] / (LEVELS * now[own])
    money = (1.0 - margin) * (relative - 1.0) * sales
    money_slope = (1.0 - margin) * ((relative - 1.0) * slope - relative / LEVELS * sales)
    return _stacked(money, sales, share[:, firm], slope, money_slope)


def _stacked(
    money: Vector, sales: Vector, share: Vector, slope: Vector, money_slope: Vector
) -> NDArray[np.float64]:
    """Put a curve together; ``slope`` and ``money_slope`` are derivatives in its level."""
    with np.errstate(divide="ignore", invalid="ignore"):
        marginal = np.where(money_slope != 0.0, slope / money_slope, np.nan)
    return np.stack([money, sales, share, marginal])


def refuse_without_curves(one: CausalMarket) -> QueryError:
    """Make the error that says that no effort of a market has a price."""
    if one.prices:
        names = ", ".join(one.fit.efforts[price.effort] for price in one.prices)
        return QueryError(
            f"No effort of market {one.market} that was asked for is money, but firms set the price behind "
            f"{names}: say which part of sales is earned at usual prices, e.g. --margin 0.3, and a cut costs "
            "what it gives up of that."
        )
    return QueryError(
        f"No effort of market {one.market} that was asked for is money: {', '.join(one.fit.efforts)} are of "
        f"the kinds {', '.join(one.kinds)}. Give an index what a unit of it costs: --price EFFORT=MONEY."
    )
