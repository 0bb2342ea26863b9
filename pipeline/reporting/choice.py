"""Which model and which markets a report shows, where it cannot show all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernels.numeric.spread import evenly_spread
from pipeline.errors import QueryError
from pipeline.names import Label
from pipeline.results.results import Results
from pipeline.results.select import select_markets, select_models
from pipeline.results.summary.summary import Summary
from pipeline.status import is_usable


@dataclass(frozen=True, slots=True)
class Shown:
    """What the pictures of a report are of.

    Attributes
    ----------
    model
        None when no model has a usable fit.
    markets
        Labels, and in words why each was chosen.
    usable
        Markets with a usable fit of the model.
    """

    model: str | None
    markets: tuple[tuple[Label, str], ...]
    usable: int


def choose(
    results: Results,
    summary: Summary,
    *,
    markets: Sequence[Label] | None,
    model: str | None,
    limit: int,
) -> Shown:
    """Choose the model and the markets to show.

    Parameters
    ----------
    results, summary
        Of the sweep.
    markets
        Labels wanted; None: evenly spaced between the one that the model fits best and the one it fits worst.
    model
        Name wanted; None: the one of the verdict.
    limit
        Markets at most, when none are named.

    Raises
    ------
    QueryError
        A market or a model that the sweep does not have.
    """
    if model is not None and model not in select_models(results.sweep, model):
        raise QueryError(f"The report shows one model; got {model!r}, expected one of {results.models}.")
    chosen = model or summary.verdict.model
    if chosen is None:
        return Shown(None, (), 0)
    tables = results.tables
    labels = tables.labels("market").tolist()
    usable = is_usable(tables.status(chosen)[:, 0])
    if markets:
        wanted = np.zeros(len(labels), dtype=np.bool_)
        wanted[select_markets(tables, markets)] = True
        asked = tuple((labels[place], "as asked") for place in np.flatnonzero(wanted & usable))
        return Shown(chosen, asked, int(usable.sum()))
    error = np.where(usable, tables.statistics(chosen)["rmse"], np.inf)
    order = np.argsort(error, kind="stable")[: int(usable.sum())]
    ranks = evenly_spread(order.size, max(limit, 0))
    reasons = tuple((labels[order[rank]], _reason(rank, order.size)) for rank in ranks.tolist())
    return Shown(chosen, reasons, int(usable.sum()))


def _reason(rank: int, count: int) -> str:
    """Say why a market is shown that has this rank among those that the model fits, the best first."""
    if count == 1:
        return "the only one"
    if rank == 0:
        return "fits best"
    if rank == count - 1:
        return "fits worst"
    return "typical" if rank in ((count - 1) // 2, count // 2) else f"rank {rank + 1} of {count}"
