"""Return curves: what a firm sells for what it spends on an effort, and for a further unit of money."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.causes.subject import checked_level, firm_place, intervals_by, one_market
from pipeline.errors import QueryError
from pipeline.names import Label
from pipeline.results.effects.answer import Answer
from pipeline.results.effects.causal_market import CausalMarket
from pipeline.results.effects.returns import LEVELS, QUANTITIES, refuse_without_curves, return_curves
from pipeline.results.totals.season import season_length

if TYPE_CHECKING:
    from pipeline.results.results import Results

NUMBERS = ("value", "stderr", "low", "high")
MARGINAL_SALES, MARGINAL_PROFIT = "marginal_sales", "marginal_profit"
_PERIODS = 12


def returns(
    results: "Results",
    *,
    market: Label | None = None,
    model: str | None = None,
    firms: Sequence[str] | None = None,
    efforts: Sequence[str] | None = None,
    periods: int | None = None,
    margin: float | None = None,
    prices: Mapping[str, float] | None = None,
    level: float = 0.95,
    intervals: str | None = None,
) -> Answer:
    """Estimate what money in each effort brings, from an eighth of the present level to twice as much.

    Parameters
    ----------
    results : Results
        An open store.
    market, model
        As in `pipeline.causes.effects.effects`, one market.
    firms, efforts : sequence, optional
        Those wanted; by default all.
    periods : int, optional
        A level lasts from the end of the data on, and money and sales are compared in the last of so many
        periods; by default those of a year, else 12.
    margin : float, optional
        Part of sales that is earned: then there is ``marginal_profit``, ``margin * marginal_sales - 1``, and
        a curve of the price that firms set (role: price): money is the margin given up against the usual
        price, below 0 above it.
    prices : mapping, optional
        Currency per period of one unit of an effort of kind index. Without one it is left out.
    level, intervals
        As there.

    Returns
    -------
    Answer
        A Dataset that `to_pandas` makes rows of: ``value``, ``stderr``, ``low``, ``high`` (firm, effort,
        quantity, level) of ``money`` in the effort and ``sales`` of the firm (currency per period), its
        ``share``, and ``marginal_sales``, of a further unit of money per period.

    Raises
    ------
    QueryError
        A market, firm, effort or model that the store does not have; no effort that is money.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> told = beed.returns(store, margin=0.38, efforts=["promotion"], intervals="none").value
    >>> told.sel(firm="Altai", quantity="marginal_profit", level=1).values.round(2).tolist()
    [0.38]
    """
    level, by = checked_level(level), intervals_by(intervals)
    one, choice = one_market(results, market, model)
    places = [firm_place(one, firm) for firm in firms or one.fit.arrays.firms.tolist()]
    numbers = [_effort_place(one, name) for name in efforts or one.fit.efforts]
    periods = _checked_periods(one, periods)
    curves = return_curves(
        one,
        periods,
        prices=prices or {},
        firms=places,
        efforts=numbers,
        margin=margin,
        level=level,
        by=by,
    )
    if not curves:
        raise refuse_without_curves(one)
    quantities = [*QUANTITIES, *([MARGINAL_PROFIT] if margin is not None else [])]
    shown = [list(dict.fromkeys(axis)) for axis in zip(*((c.firm, c.effort) for c in curves), strict=True)]
    cubes = np.full((4, len(shown[0]), len(shown[1]), len(quantities), LEVELS.size), np.nan)
    for curve in curves:
        at = (shown[0].index(curve.firm), shown[1].index(curve.effort))
        for row, name in enumerate(NUMBERS):
            values = getattr(curve.found, name)
            if margin is not None:
                profit = margin * values[-1:] - (0.0 if name == "stderr" else 1.0)
                values = np.concatenate([values, profit])
            cubes[row][at] = values
    axes = ("firm", "effort", "quantity", "level")
    return Answer(
        {name: (axes, cube) for name, cube in zip(NUMBERS, cubes, strict=True)},
        coords={
            "firm": one.fit.arrays.firms[shown[0]],
            "effort": [one.fit.efforts[number] for number in shown[1]],
            "quantity": quantities,
            "level": LEVELS,
        },
        attrs={
            "market": one.market,
            "model": one.model,
            "chosen_by": choice.by,
            "choice": list(choice.sentences),
            "periods": periods,
            "intervals": curves[0].found.by,
            "assumption": choice.assumption or "",
        },
    )


def _checked_periods(one: CausalMarket, periods: int | None) -> int:
    """Give the periods that a level lasts: those of a year, where none are said."""
    frequency = str(one.fit.panel["time"].attrs.get("frequency", "1"))
    periods = (season_length(frequency) or _PERIODS) if periods is None else periods
    if periods < 1:
        raise QueryError(f"Got {periods} periods; expected 1 or more.")
    return periods


def _effort_place(one: CausalMarket, effort: str) -> int:
    if effort not in one.fit.efforts:
        raise QueryError(f"There is no effort {effort}; there are {', '.join(one.fit.efforts)}.")
    return one.fit.efforts.index(effort)
