"""Parameters through the vintages of a store."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from pipeline.config.parameters import of_states
from pipeline.errors import QueryError
from pipeline.names import Label
from pipeline.results.estimates import Estimates
from pipeline.results.frames.table import Table
from pipeline.results.intervals import normal_interval
from pipeline.results.select import select_markets, select_models
from pipeline.results.tables.choice import POOLED
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.results.vintages import Vintage, sweep_of, vintages_of
from pipeline.store.index import read_heads
from pipeline.store.read import read_sweep
from pipeline.store.store import Store

_COLUMNS = ("date", "market", "model", "param", "value", "stderr", "low", "high")


def history(
    store: Store,
    *,
    study: str | None = None,
    market: Sequence[Label] | None = None,
    model: str | None = None,
    param: str | None = None,
) -> Table:
    """Follow parameters of the fits to all periods through the vintages.

    Parameters
    ----------
    store
        Where the vintages are.
    study
        Which; needed when the store has vintages of several.
    market
        Labels of markets; by default all of them together.
    model, param
        Patterns; by default the model that is best in most markets of the newest vintage, and all
        parameters but the shares at the beginning.

    Returns
    -------
    Table
        One row a vintage, market, model and parameter, the oldest first: value, stderr, and the ends ``low``
        and ``high`` of its 95 % interval. For all markets together (``(all)``) value is the median, low and
        high are the quartiles.

    Raises
    ------
    QueryError
        No vintages, or nothing of that name in any of them.
    """
    vintages = _vintages(store, study)
    session = store.session()
    heads = read_heads(session)
    tables = [
        SweepTables(session, read_sweep(session, sweep_of(heads, vintage).name)) for vintage in vintages
    ]
    pattern = model or _favourite(tables[-1])
    rows: list[tuple[Any, ...]] = []
    for vintage, of_vintage in zip(vintages, tables, strict=True):
        rows += _rows(vintage, of_vintage, pattern, market, param)
    if not rows:
        wanted = ", ".join(f"{name} {value}" for name, value in (("model", model), ("param", param)) if value)
        last = tables[-1]
        params = ", ".join(str(name) for name in last.params_of(last.info.models[0]))
        raise QueryError(
            f"No vintage has estimates of {wanted or pattern}; the models are {', '.join(last.info.models)}, "
            f"and the first one has the parameters {params}."
        )
    return Table.from_rows(_COLUMNS, rows)


def _vintages(store: Store, study: str | None) -> tuple[Vintage, ...]:
    known = vintages_of(store.tags(), study)
    studies = list(dict.fromkeys(vintage.study for vintage in known))
    if not known:
        of = f" of the study {study}" if study else ""
        raise QueryError(
            f"The store at {store.location.url} has no vintage{of}; `beed recalibrate STUDY` makes one."
        )
    if len(studies) > 1:
        raise QueryError(f"The store has vintages of {', '.join(studies)}; say which with --study.")
    return known


def _favourite(tables: SweepTables) -> str:
    """Name the model that is best in most markets."""
    best = Estimates(tables).best(tables.labels("market"))
    names, counts = np.unique(best[best != ""], return_counts=True)
    return str(names[counts.argmax()]) if names.size else tables.info.models[0]


def _rows(
    vintage: Vintage,
    tables: SweepTables,
    pattern: str,
    market: Sequence[Label] | None,
    param: str | None,
) -> list[tuple[Any, ...]]:
    try:
        models = select_models(tables.info, pattern)
        chosen = select_markets(tables, market)
    except QueryError:  # a market or model that came later
        return []
    labels = tables.labels("market")[chosen].tolist()
    rows: list[tuple[Any, ...]] = []
    for model in models:
        arrays = tables.arrays(model)
        value, stderr = (np.asarray(arrays[name][:, 0])[chosen] for name in ("value", "stderr"))
        for column, name in enumerate(map(str, tables.params_of(model))):
            wanted = not of_states(name) if param is None else fnmatchcase(name, param)
            if not wanted or np.isnan(value[:, column]).all():
                continue
            date, centre, error = vintage.date.key, value[:, column], stderr[:, column]
            if market is None:
                low, middle, high = np.nanquantile(centre, (0.25, 0.5, 0.75)).tolist()
                rows.append((date, POOLED, model, name, middle, None, low, high))
            else:
                columns = [cells.tolist() for cells in (centre, error, *normal_interval(centre, error))]
                rows += [
                    (date, label, model, name, *cells) for label, *cells in zip(labels, *columns, strict=True)
                ]
    return rows
