"""Elasticities of shares in all efforts of all firms, by market, as labelled arrays."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from pipeline.causes.subject import causal_markets, checked_level, intervals_by, period_of
from pipeline.errors import QueryError
from pipeline.names import Label
from pipeline.results.effects.answer import Answer
from pipeline.results.effects.elasticities import IMPACT, LONG_RUN, Horizon, effect_unit, effects_of_market

if TYPE_CHECKING:
    from pipeline.results.results import Results

NUMBERS = ("value", "stderr", "low", "high")


def effects(
    results: "Results",
    *,
    markets: Sequence[Label] | None = None,
    model: str | None = None,
    horizons: Sequence[Horizon] = (IMPACT, LONG_RUN),
    date: str | None = None,
    level: float = 0.95,
    intervals: str | None = None,
) -> Answer:
    """Estimate how shares follow efforts: own and cross elasticities, on impact, later, in the long run.

    Parameters
    ----------
    results : Results
        An open store.
    markets : sequence of labels, optional
        ``["all"]`` for all; may be left out where there is just one.
    model : str, optional
        Pattern of names, or ``best`` for the smallest AICc; by default the model of the verdict.
    horizons : sequence
        ``impact``: effort is raised for one period, the share at its end. A number h: at the end of the h-th
        period of a lasting change. ``long_run``: where shares come to in the end, all efforts as in the
        period; where γ >= 1 there is no such end, and it is the change of growth per period.
    date : str, optional
        Period that the change begins in; ``next``: the one after the data, efforts and sales as in the last
        one. By default the mean over the periods.
    level : float
        Probability of the intervals.
    intervals : str, optional
        ``replicates``, ``delta`` or ``none``; by default replicates where the store has them, else delta.

    Returns
    -------
    Answer
        A Dataset that `to_pandas` makes rows of.
        ``value``, ``stderr``, ``low``, ``high`` (market, horizon, effort, effort_of, share_of). For expenses,
        prices in money and ratios ``d ln share / d ln effort``, for an index ``d ln share / d effort``: see
        ``unit`` (market, horizon, effort). Coordinates ``model`` and ``chosen_by`` (market).

    Raises
    ------
    QueryError
        A market, model, date or horizon that the store does not have.

    Examples
    --------
    >>> import beed
    >>> store = beed.open_store("runs/ledger")
    >>> found = beed.effects(store, intervals="none").value
    >>> own = found.sel(horizon="long_run", effort="product", effort_of="Burabay", share_of="Burabay")
    >>> own.values.round(2).tolist()
    [0.18]
    """
    wanted = tuple(dict.fromkeys(_checked(horizon) for horizon in horizons))
    level, by = checked_level(level), intervals_by(intervals)
    cubes: list[xr.Dataset] = []
    sentences: dict[str, None] = {}
    assumed: set[str] = set()
    for one, choice in causal_markets(results, markets, model):
        origin = None if date is None else _origin(one.fit.arrays.times, date, one.market)
        found = effects_of_market(one, wanted, origin, level=level, by=by)
        firms = one.fit.arrays.firms
        axes = ("horizon", "effort", "effort_of", "share_of")
        units = [
            [effect_unit(one, horizon, effort) for effort in range(len(one.kinds))] for horizon in wanted
        ]
        cubes.append(
            xr.Dataset(
                {name: (axes, getattr(found, name)) for name in NUMBERS},
                coords={
                    "market": one.market,
                    "horizon": [str(horizon) for horizon in wanted],
                    "effort": list(one.fit.efforts),
                    "effort_of": firms,
                    "share_of": firms,
                    "kind": ("effort", list(one.kinds)),
                    "unit": (("horizon", "effort"), units),
                    "model": choice.model,
                    "chosen_by": choice.by,
                    "intervals": found.by,
                },
            )
        )
        sentences |= dict.fromkeys(choice.sentences)
        assumed |= {choice.assumption} if choice.assumption else set()
    if not cubes:
        raise QueryError("No market has a usable fit; `beed show` says why.")
    made = xr.concat(
        cubes,
        "market",
        join="outer",
        coords=["market", "model", "chosen_by", "intervals", "unit"],
        compat="equals",
    )
    made.attrs = {
        "date": "mean over periods" if date is None else date,
        "level": level,
        "choice": list(sentences),
        "assumption": next(iter(assumed), ""),
    }
    return Answer.of(made)


def chosen_effects(
    found: Answer, *, firms: Sequence[str] | None = None, efforts: Sequence[str] | None = None
) -> Answer:
    """Keep the efforts of some firms, and some efforts; all shares stay.

    Raises
    ------
    QueryError
        A firm or an effort that is not there.
    """
    for axis, wanted in (("effort_of", firms), ("effort", efforts)):
        known = [str(label) for label in found[axis].values]
        unknown = [str(label) for label in wanted or () if str(label) not in known]
        if unknown:
            what = "firm" if axis == "effort_of" else "effort"
            raise QueryError(f"There is no {what} {', '.join(unknown)}; there are {', '.join(known)}.")
        if wanted:
            found = found.isel({axis: [known.index(str(label)) for label in dict.fromkeys(wanted)]})
    return found


def _origin(times: np.ndarray, date: str, market: Label) -> int:
    origin = period_of(times, date, market)
    if origin == 0:
        raise QueryError(
            f"Got the date {date}, the first period of market {market}: what was before it is not known, so "
            "changes begin in the second one."
        )
    return origin


def _checked(horizon: Horizon) -> Horizon:
    text = str(horizon).replace("-", "_")
    if text in (IMPACT, LONG_RUN):
        return text
    if text.isdigit() and int(text) >= 1:
        return int(text)
    raise QueryError(
        f"Got the horizon {horizon}; expected impact, long_run, or a number of periods from 1 on."
    )
