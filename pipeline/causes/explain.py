"""What moved a share and its sales: causes that add up, between two dates or against a reference course."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.causes.subject import checked_level, firm_place, intervals_by, one_market, period_of
from pipeline.errors import QueryError
from pipeline.forecasting.periods import label_text
from pipeline.names import Label
from pipeline.results.effects.answer import Answer
from pipeline.results.effects.causal_market import CausalMarket
from pipeline.results.effects.contributions import MEASURES, explain_market
from pipeline.results.totals.season import season_length

if TYPE_CHECKING:
    from pipeline.results.results import Results

LAST_YEAR, RIVALS_AT_MEAN, NOTHING = "last-year", "rivals-at-mean", "nothing"
REFERENCES = (LAST_YEAR, RIVALS_AT_MEAN, NOTHING)
NUMBERS = ("value", "stderr", "low", "high")


def explain(
    results: "Results",
    firm: Label,
    *,
    first: str | None = None,
    last: str | None = None,
    reference: str | None = None,
    market: Label | None = None,
    model: str | None = None,
    level: float = 0.95,
    intervals: str | None = None,
) -> Answer:
    """Tell what each cause did to the share and the sales of a firm.

    Parameters
    ----------
    results : Results
        An open store.
    firm
        Whose share.
    first, last : str, optional
        Dates; the first and the last period by default.
    reference : str, optional
        Compare with what other efforts after the first date would have made of the share of the last one:
        ``last-year`` (of a year before, all firms), ``rivals-at-mean`` (of rivals, their mean up to the last
        date), ``nothing`` (none by the firm: 0; its price stays). By default the change from the first date
        to the last one is explained, against efforts, firms and sales that stay as they were at the first.
    market, model, level, intervals
        As in `pipeline.causes.effects.effects`, one market.

    Returns
    -------
    Answer
        A Dataset that `to_pandas` makes rows of.
        ``value``, ``stderr``, ``low``, ``high`` (cause, measure): of ``before``, each effort of each firm,
        ``start`` (what came of the shares and efforts of the first date), ``entries and exits``, ``lasting
        errors``, ``last error``, ``total``, and ``after``, of share and sales. ``kind``, ``effort``,
        ``effort_of`` (cause). Causes and ``before`` add up to ``after``.

    Raises
    ------
    QueryError
        A firm, date, market or model that the store does not have, or a reference that the model cannot be
        evaluated at.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> told = beed.explain(store, "Burabay", first="2024-12", intervals="none").value
    >>> told.sel(measure="share", cause=["before", "product of Charyn", "after"]).values.round(2).tolist()
    [0.36, -0.03, 0.34]
    """
    level, by = checked_level(level), intervals_by(intervals)
    one, choice = one_market(results, market, model)
    times, place = one.fit.arrays.times, firm_place(one, firm)
    begin = 0 if first is None else period_of(times, first, one.market)
    end = len(times) - 1 if last is None else period_of(times, last, one.market)
    if not 0 <= begin < end < len(times):
        raise QueryError(
            f"Got the dates {first or label_text(times[0])} and {last or label_text(times[-1])}; expected an "
            "earlier and a later one, both in the data."
        )
    course = None if reference is None else _reference(one, reference, begin, end, place)
    explained = explain_market(one, begin, end, course, level=level, by=by)
    firms = [str(label) for label in one.fit.arrays.firms.tolist()]
    kinds, efforts, makers = zip(*explained.causes, strict=True)
    names = [f"{effort} of {firms[who]}" if who >= 0 else kind for kind, effort, who in explained.causes]
    return Answer(
        {name: (("cause", "measure"), getattr(explained.found, name)[:, :, place]) for name in NUMBERS},
        coords={
            "cause": names,
            "measure": list(MEASURES),
            "kind": ("cause", list(kinds)),
            "effort": ("cause", list(efforts)),
            "effort_of": ("cause", [firms[who] if who >= 0 else "" for who in makers]),
        },
        attrs={
            "firm": firms[place],
            "market": one.market,
            "from": label_text(times[begin]),
            "to": label_text(times[end]),
            "reference": reference or "",
            "model": one.model,
            "chosen_by": choice.by,
            "choice": list(choice.sentences),
            "level": level,
            "intervals": explained.found.by,
            "assumption": choice.assumption or "",
        },
    )


def _reference(one: CausalMarket, kind: str, first: int, last: int, place: int) -> np.ndarray:
    """Give what firms set (K, T, N) on a reference course after the first period.

    Raises
    ------
    QueryError
        An unknown kind; no year before; a course that the model has no f for.
    """
    arrays = one.fit.arrays
    actual, after = _chosen(one), slice(first + 1, last + 1)
    efforts = actual.copy()
    if kind == NOTHING:
        efforts[:, after, place] = np.where(arrays.active[after, place], 0.0, np.nan)
        for price in one.prices:  # nothing is sold at no price
            efforts[price.effort] = actual[price.effort]
    elif kind == RIVALS_AT_MEAN:
        known = np.where(arrays.active[: last + 1], efforts[:, : last + 1], 0.0).sum(axis=1)
        mean = known / np.maximum(arrays.active[: last + 1].sum(axis=0), 1)
        rivals = np.arange(arrays.firms.size) != place
        efforts[:, after] = np.where(rivals, mean[:, np.newaxis], efforts[:, after])
    elif kind == LAST_YEAR:
        efforts[:, after] = _a_year_before(one, first, last)
    else:
        raise QueryError(f"Got the reference {kind}; expected one of {', '.join(REFERENCES)}.")
    efforts = np.where(arrays.active, efforts, np.nan)
    made = efforts.copy()
    for price in one.prices:
        made[price.effort] = price.index_among(np.nan_to_num(efforts[price.effort]), arrays.active)
    try:
        one.course().response.at(made)
    except ValueError as error:
        raise QueryError(f"The reference {kind} cannot be compared with: {error}") from error
    return efforts


def _chosen(one: CausalMarket) -> np.ndarray:
    """Give what firms set (K, T, N): efforts, but prices in place of their indices."""
    chosen = one.fit.arrays.efforts.copy()
    for price in one.prices:
        chosen[price.effort] = price.history
    return chosen


def _a_year_before(one: CausalMarket, first: int, last: int) -> np.ndarray:
    """Give what firms set (K, W, N) a year before; of those that were not there, what they do now."""
    arrays, chosen = one.fit.arrays, _chosen(one)
    frequency = str(one.fit.panel["time"].attrs.get("frequency", "1"))
    season = season_length(frequency) or (1 if "year" in frequency else None)
    number = np.cumsum(arrays.duration)
    now = np.arange(first + 1, last + 1)
    if season is None or number[now[0]] - season < number[0]:
        raise QueryError(
            f"The efforts of last year are asked for from {label_text(arrays.times[first + 1])} on, and the "
            f"data ({frequency} a period) begin with {label_text(arrays.times[0])}."
        )
    before = np.searchsorted(number, number[now] - season)
    there = arrays.active[before]
    return np.where(there, chosen[:, before], chosen[:, now])
