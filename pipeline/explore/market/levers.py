"""What firms can do with their efforts in a what-if: ranges that were seen, units, the state of a link."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import QueryError

if TYPE_CHECKING:
    from pipeline.forecasting.market import ForecastMarket

_DIGITS = 6
# A price of which a firm never saw another is moved by so much.
_AROUND = 0.25


@dataclass(frozen=True, slots=True)
class Lever:
    """One effort of one firm, as it can be set for the periods to come.

    Attributes
    ----------
    effort, firm
        Their positions in the market.
    key
        Its name in links and forms: ``effort@firm``.
    last
        What the firm did in the last period, and goes on doing unless it is set otherwise.
    low, high
        Range that is offered: what was seen in the market, or of prices what the firm itself was seen to ask.
    own
        Range that the firm itself was seen in.
    """

    effort: int
    firm: int
    key: str
    last: float
    low: float
    high: float
    own: tuple[float, float]

    def offers(self, value: float) -> bool:
        """Tell whether a value lies in the range that is offered, as it is written."""
        return self.low <= value <= self.high or self.text(value) in (
            self.text(self.low),
            self.text(self.high),
        )

    def text(self, value: float | None = None) -> str:
        """Write a value, by default the last one, as links and forms have it."""
        return f"{self.last if value is None else value:.{_DIGITS}g}"


def levers_of(market: "ForecastMarket") -> tuple[Lever, ...]:
    """Give the levers of a market, firm by firm; efforts that never varied in it have none."""
    chosen, priced = market.chosen, {price.effort for price in market.prices}
    found = []
    for firm, label in enumerate(market.firms.tolist()):
        for effort, name in enumerate(market.efforts):
            seen = chosen[effort][market.active]
            own = chosen[effort, market.active[:, firm], firm]
            if np.ptp(seen) == 0.0:
                continue
            low, high, last = float(seen.min()), float(seen.max()), float(chosen[effort, -1, firm])
            if effort in priced:
                low, high = float(own.min()), float(own.max())
                if low == high:
                    low, high = (1.0 - _AROUND) * last, (1.0 + _AROUND) * last
            ends = (float(own.min()), float(own.max()))
            found.append(Lever(effort, firm, f"{name}@{label}", last, low, high, ends))
    return tuple(found)


def read_state(levers: Iterable[Lever], query: Mapping[str, str]) -> dict[Lever, float]:
    """Read what a link or form sets; what it leaves as it was in the last period is not among it.

    Parameters
    ----------
    levers
        Of the market.
    query
        By `Lever.key`; keys without an ``@`` are of others.

    Raises
    ------
    QueryError
        No number, or an effort that is not there.
    """
    known = {lever.key: lever for lever in levers}
    state, wrong = {}, []
    for key, text in query.items():
        if "@" not in key or not text.strip():
            continue
        lever = known.get(key)
        value = _number(text)
        if lever is None:
            wrong.append(f"{key} is no effort of a firm that this market can move")
        elif value is None:
            wrong.append(f"{key}: got {text!r}, expected a number")
        elif lever.text(value) != lever.text():
            state[lever] = value
    if wrong:
        raise QueryError(f"The link asks for what there is not: {'; '.join(wrong)}.")
    return state


def write_state(state: Mapping[Lever, float]) -> dict[str, str]:
    """Write what is set as links have it, in the order of the levers."""
    order = sorted(state, key=lambda lever: (lever.firm, lever.effort))
    return {lever.key: lever.text(state[lever]) for lever in order}


def unit_of(market: "ForecastMarket", effort: int, currency: str) -> str:
    """Say in words what the values of an effort are; ``currency`` is the unit of sales, per period."""
    money = currency.partition("/")[0].strip() or "currency"
    if any(price.effort == effort for price in market.prices):
        return f"price, {money}"
    if market.kinds[effort] == "ratio":
        return "part of own sales"
    if market.kinds[effort] == "amount":
        return f"in {market.reference_sales:.4g} {money} a period"
    unit = market.units[effort]
    return "index" if unit in ("", "1") else unit


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
