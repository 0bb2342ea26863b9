"""Which markets a question about causes is asked of, by which model."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import QueryError
from pipeline.forecasting.members import ModelChoice
from pipeline.forecasting.model_choice import choose_model, pattern_of
from pipeline.forecasting.open_market import choose_market
from pipeline.forecasting.periods import label_text
from pipeline.names import Label
from pipeline.results.effects.causal_market import INTERVALS, CausalMarket, IntervalsBy, read_causal_market
from pipeline.results.opened import require_opened
from pipeline.results.select import select_markets, select_models
from pipeline.results.verdict import judge

if TYPE_CHECKING:
    from pipeline.results.results import Results

ALL = "all"
"""In place of the label of a market: all of them."""
NEXT = "next"
"""In place of a date: the period after the data."""


def causal_markets(
    results: "Results", markets: Sequence[Label] | None, model: str | None
) -> Iterator[tuple[CausalMarket, ModelChoice]]:
    """Read the markets asked for, each under the model of the verdict or the one asked for.

    Parameters
    ----------
    results
        Where the fits are.
    markets
        Labels; `ALL`, or None where there is just one.
    model
        A pattern of names; ``best``; None: of all.

    Raises
    ------
    QueryError
        No such market or model; several markets and none named; a market that was named has no usable fit.
    """
    require_opened(results)
    everywhere = bool(markets) and [str(market) for market in markets or ()] == [ALL]
    if not markets:
        labels = [choose_market(results, None)]
    else:
        chosen = select_markets(results.tables, None if everywhere else markets)
        labels = results.tables.labels("market")[chosen].tolist()
    models, verdict = select_models(results.sweep, pattern_of(model)), judge(results.tables)
    for label in labels:
        try:
            choice = choose_model(results, label, models, model, verdict)
        except QueryError:
            if not everywhere:
                raise
            continue
        yield read_causal_market(results, label, choice.model), choice


def one_market(
    results: "Results", market: Label | None, model: str | None
) -> tuple[CausalMarket, ModelChoice]:
    """Read the one market that is asked for; takes what `causal_markets` does, one label."""
    require_opened(results)
    return next(causal_markets(results, None if market is None else [choose_market(results, market)], model))


def period_of(times: np.ndarray, date: str, market: Label) -> int:
    """Find a period by its label, the first one of a month or year, or `NEXT`: the one after the data.

    Parameters
    ----------
    times : (T,) array
        Labels of the periods.
    date
        As ``2025-03-31``, ``2025-03``, ``120``, ``next``.
    market
        For the message.

    Raises
    ------
    QueryError
        No such period.
    """
    if date == NEXT:
        return len(times)
    labels = [label_text(time) for time in times]
    if date in labels:
        return labels.index(date)
    matching = [place for place, label in enumerate(labels) if label.startswith(f"{date}-")]
    if not matching:
        raise QueryError(
            f"Market {market} has no period {date}; its periods go from {labels[0]} to {labels[-1]}."
        )
    return matching[0]


def firm_place(one: CausalMarket, firm: object) -> int:
    """Find a firm of a market by its label or the text of it.

    Raises
    ------
    QueryError
        It is not there.
    """
    labels = [str(label) for label in one.fit.arrays.firms.tolist()]
    if str(firm) not in labels:
        raise QueryError(f"Market {one.market} has no firm {firm}; it has {', '.join(labels)}.")
    return labels.index(str(firm))


def intervals_by(text: str | None) -> IntervalsBy | None:
    """Read where intervals come from; None leaves it to what the store has.

    Raises
    ------
    QueryError
        Anything else than `INTERVALS`.
    """
    for known in INTERVALS:
        if text == known:
            return known
    if text is not None:
        raise QueryError(f"Got the intervals {text}; expected one of {', '.join(INTERVALS)}.")
    return None


def checked_level(level: float) -> float:
    """Give a probability of intervals back.

    Raises
    ------
    QueryError
        It is none.
    """
    if not 0.0 < level < 1.0:
        raise QueryError(f"Got the level {level:g}; expected a probability between 0 and 1.")
    return level
