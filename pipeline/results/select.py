"""Choosing markets, models and parameters of a sweep by labels and patterns."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np

from pipeline.errors import QueryError
from pipeline.names import Label, did_you_mean
from pipeline.results.frames.table import Table
from pipeline.results.tables.fits import fits, params
from pipeline.results.tables.registry import TABLES
from pipeline.results.tables.sweep_tables import ALL_MARKETS, Selection, SweepTables
from pipeline.store.read import SweepInfo

# What a parameter is shown with of its fit.
_OF_FIT = ("status", "aic", "aicc", "bic", "rmse")


def select_markets(tables: SweepTables, wanted: Sequence[Label] | None) -> Selection:
    """Find markets by their labels, given as they are or as text.

    Raises
    ------
    QueryError
        A market that the sweep does not have.
    """
    if not wanted:
        return ALL_MARKETS
    labels, texts = tables.labels("market"), set(map(str, wanted))
    # There may be a hundred thousand labels and one that is wanted: that one is turned into their kind.
    numbers = labels.dtype.kind in "iu"
    sought = [int(text) for text in texts if _is_whole(text)] if numbers else list(texts)
    places = np.flatnonzero(np.isin(labels, sought))
    unknown = texts - set(map(str, labels[places].tolist()))
    if unknown:
        named = dict.fromkeys(text for text in map(str, wanted) if text in unknown)
        raise QueryError(
            f"The sweep {tables.info.name} has no market {', '.join(named)}; it has {len(labels)}, "
            f"e.g. {', '.join(map(str, labels[:3]))}."
        )
    return places


def select_models(info: SweepInfo, pattern: str | None) -> tuple[str, ...]:
    """Find models by a pattern with ``*``, ``?`` and ``[...]``; all when None.

    Raises
    ------
    QueryError
        Nothing matches.
    """
    matching = tuple(model for model in info.models if _matches(model, pattern or "*"))
    if not matching:
        raise QueryError(f"No model matches {pattern!r}; the sweep {info.name} has {', '.join(info.models)}.")
    return matching


def query_table(
    tables: SweepTables,
    *,
    market: Sequence[Label] | None = None,
    model: str | None = None,
    param: str | None = None,
    window: str | None = None,
) -> Table:
    """Select fits, or parameters when one is named; see `pipeline.results.result_store.ResultStore.select`.

    Raises
    ------
    QueryError
        Something that the sweep does not have.
    """
    models = select_models(tables.info, model)
    markets = select_markets(tables, market)
    table = fits(tables, models, markets)
    if param is not None:
        table = _with_fits(_matching(params(tables, models, markets), param), table)
    if window is None:
        return table
    if window not in tables.labels("window"):
        known = ", ".join(map(str, tables.labels("window")))
        raise QueryError(f"The sweep {tables.info.name} has no window {window!r}; it has {known}.")
    return table.take(table["window"] == window)


def whole_table(
    tables: SweepTables,
    name: str,
    *,
    market: Sequence[Label] | None = None,
    model: str | None = None,
) -> Table:
    """Build a table by its name; see `pipeline.results.result_store.ResultStore.table`.

    Raises
    ------
    QueryError
        Something that the sweep does not have, or a part of a table that is not divided so.
    """
    if name not in TABLES:
        raise QueryError(f"No table {name!r}; there are {', '.join(TABLES)}. {did_you_mean(name, TABLES)}")
    entry = TABLES[name]
    if entry.by == "model":
        return entry.build(tables, select_models(tables.info, model), select_markets(tables, market))
    if model is not None or (market is not None and entry.by == "sweep"):
        raise QueryError(
            f"The table {name} cannot be asked for by model or market; take it whole, and rows of it."
        )
    if entry.by == "sweep":
        return entry.build(tables)
    return entry.build(tables, None, select_markets(tables, market))


def _matching(table: Table, pattern: str) -> Table:
    """Keep the parameters whose names match."""
    known = sorted(set(table["param"].tolist()))
    matching = {name for name in known if _matches(name, pattern)}
    if known and not matching:
        raise QueryError(f"No parameter matches {pattern!r}; these models have {', '.join(known)}.")
    return table.take(np.array([name in matching for name in table["param"]], dtype=bool))


def _with_fits(table: Table, of_fits: Table) -> Table:
    """Put the status and the criteria of its fit beside each parameter."""
    places = {key: place for place, key in enumerate(_keys(of_fits))}
    rows = np.array([places[key] for key in _keys(table)], dtype=np.intp)
    return Table(dict(table.columns) | {name: of_fits[name][rows] for name in _OF_FIT})


def _keys(table: Table) -> list[tuple[object, ...]]:
    return list(zip(table["model"], table["market"].tolist(), table["window"], strict=True))


def _is_whole(text: str) -> bool:
    """Tell whether this is how a whole number is written as a label."""
    return text.removeprefix("-").isdecimal() and text == str(int(text)) and abs(int(text)) < 2**63


def _matches(name: str, pattern: str) -> bool:
    # Names may hold brackets, which mean something else in a pattern.
    return name == pattern or fnmatchcase(name, pattern)
