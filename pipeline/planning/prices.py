"""What plans and games answer when an effort that is made of prices is given a price or bounds per unit."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipeline.errors import PlanError

if TYPE_CHECKING:
    from pipeline.forecasting.market import ForecastMarket


def refuse_prices(
    market: "ForecastMarket", bounds: Iterable[str], prices: Iterable[str], margin: float = 0.0
) -> None:
    """Refuse money per unit of an index of prices, and bounds of it in its own unit.

    A cut of a price costs the margin that it gives up on everything sold, not so much per unit of an index.

    Parameters
    ----------
    market : ForecastMarket
    bounds, prices : iterables of str
        Efforts that were given bounds, or money per unit.
    margin : float
        Part of sales that is earned at usual prices; above 0, bounds of a price are in currency.

    Raises
    ------
    PlanError
        With what to say instead.
    """
    roles, bounds, prices = {market.efforts[price.effort] for price in market.prices}, [*bounds], [*prices]
    for name in (*bounds, *prices):
        if name in roles and (name in prices or not margin > 0.0):
            raise PlanError(
                f"Firms set the price behind {name}: a cut costs the margin given up, so it has no cost per "
                f"unit. Say which part of sales is earned, e.g. --margin 0.3, and leave --price {name} out; "
                f"bounds are in currency (--bound {name}=LOW:HIGH)."
            )
        if name in market.unpriced:
            raise PlanError(
                f"{name} is an index of prices, and what firms set are prices: a cut costs the margin given "
                "up, not money per unit of the index, and moves the index of every rival. Say so in the "
                f"study, data.efforts.{name}: {{column: <the price>, role: price, formula: <the index>}}, "
                "and run it again; then plans and games set prices in currency, and so do scenarios."
            )


def refuse_free(name: str, lowest: float) -> None:
    """Refuse a lower bound of a price that is not above 0.

    Raises
    ------
    PlanError
        Naming the effort.
    """
    if lowest <= 0.0:
        raise PlanError(
            f"Got {lowest:g} as the lowest price for {name}; expected a price above 0, in currency."
        )
