"""What plans and games answer when an effort that is made of prices is given a price or bounds per unit."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pipeline.errors import PlanError

if TYPE_CHECKING:
    from pipeline.forecasting.market import ForecastMarket


def refuse_prices(market: "ForecastMarket", names: Iterable[str]) -> None:
    """Refuse money per unit of an index of prices, and bounds of it in its own unit.

    A cut of a price costs the margin that it gives up on everything sold, not so much per unit of an index.

    Raises
    ------
    PlanError
        With what to say instead.
    """
    roles = {market.efforts[price.effort] for price in market.prices}
    for name in names:
        if name in roles:
            raise PlanError(
                f"Firms set the price behind {name}: a cut costs the margin given up, so it has no cost per "
                "unit. Flight plans leave prices as they are; set them in a scenario, in currency, or let a "
                f"game find them (bounds in currency: --bound {name}=LOW:HIGH)."
            )
        if name in market.unpriced:
            raise PlanError(
                f"{name} is an index of prices, and what firms set are prices: a cut costs the margin given "
                "up, not money per unit of the index, and moves the index of every rival. Say so in the "
                f"study, data.efforts.{name}: {{column: <the price>, role: price, formula: <the index>}}, "
                "and run it again; then a game sets prices in currency, and so do scenarios."
            )
