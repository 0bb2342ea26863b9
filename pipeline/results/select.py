"""Choosing markets, models and parameters of a sweep by labels and patterns."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from pipeline.errors import QueryError
from pipeline.results.tables.fits import ALL_MARKETS, Selection, SweepTables
from pipeline.results.tables.frame import Table
from pipeline.store.read import SweepInfo


def select_markets(tables: SweepTables, wanted: Sequence[Any] | None) -> Selection:
    """Find markets by their labels, given as they are or as text.

    Raises
    ------
    QueryError
        A market that the sweep does not have.
    """
    if not wanted:
        return ALL_MARKETS
    places = {str(label): place for place, label in enumerate(tables.labels("market").tolist())}
    unknown = [str(label) for label in wanted if str(label) not in places]
    if unknown:
        raise QueryError(
            f"The sweep {tables.info.name} has no market {', '.join(unknown)}; it has {len(places)}, "
            f"e.g. {', '.join(list(places)[:3])}."
        )
    return np.array(sorted({places[str(label)] for label in wanted}))


def select_models(info: SweepInfo, pattern: str | None) -> tuple[str, ...]:
    """Find models by a pattern with ``*``, ``?`` and ``[...]``.

    Raises
    ------
    QueryError
        Nothing matches.
    """
    found = tuple(model for model in info.models if _matches(model, pattern or "*"))
    if not found:
        raise QueryError(f"No model matches {pattern!r}; the sweep {info.name} has {', '.join(info.models)}.")
    return found


def query_table(
    tables: SweepTables,
    *,
    market: Sequence[Any] | None = None,
    model: str | None = None,
    param: str | None = None,
    window: str | None = None,
    sort: str | None = None,
    limit: int | None = None,
) -> Table:
    """Select fits, or the values of parameters when one is named; reads only the chunks needed.

    Parameters
    ----------
    tables
        Of the sweep asked.
    market
        Labels of markets; all when None.
    model, param
        Patterns (``investment-*``, ``discount*``). With a parameter there is one row for each of its values,
        with the status and the information criteria of its fit; without, one row for each fit.
    window
        Name of the periods calibrated on.
    sort
        A column, descending with a leading dash.
    limit
        Rows at most.

    Raises
    ------
    QueryError
        Something that the sweep does not have.
    """
    models = select_models(tables.info, model)
    markets = select_markets(tables, market)
    table = tables.fits(models, markets)
    if param is not None:
        table = _select_params(tables.params(models, markets), table, param)
    if window is not None:
        if window not in tables.labels("window"):
            known = ", ".join(map(str, tables.labels("window")))
            raise QueryError(f"The sweep {tables.info.name} has no window {window!r}; it has {known}.")
        table = table.take(table["window"] == window)
    if sort is not None:
        table = table.sorted(sort)
    return table if limit is None else table.take(slice(max(limit, 0)))


def _select_params(params: Table, fits: Table, pattern: str) -> Table:
    known = sorted(set(params["param"].tolist()))
    matching = {name for name in known if _matches(name, pattern)}
    if known and not matching:
        raise QueryError(f"No parameter matches {pattern!r}; these models have {', '.join(known)}.")
    params = params.take(np.array([name in matching for name in params["param"]], dtype=bool))
    keys = zip(fits["model"], fits["market"].tolist(), fits["window"], strict=True)
    places = {key: place for place, key in enumerate(keys)}
    rows = zip(params["model"], params["market"].tolist(), params["window"], strict=True)
    found = np.array([places[row] for row in rows], dtype=np.intp)
    return Table(
        {**params.columns, **{name: fits[name][found] for name in ("status", "aic", "aicc", "bic", "rmse")}}
    )


def _matches(name: str, pattern: str) -> bool:
    # Names may hold brackets, which mean something else in a pattern.
    return name == pattern or fnmatchcase(name, pattern)
