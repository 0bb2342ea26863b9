"""Elasticities as a table of a sweep."""

from collections.abc import Iterator

import numpy as np

from pipeline.errors import QueryError
from pipeline.results.effects.causal_market import CausalMarket, Estimated, read_causal_market
from pipeline.results.effects.contributions import AFTER, BEFORE, MEASURES, Explained, explain_market
from pipeline.results.effects.elasticities import IMPACT, LONG_RUN, Horizon, effect_unit, effects_of_market
from pipeline.results.frames.table import Table
from pipeline.results.results import Results
from pipeline.results.tables.sweep_tables import SweepTables
from pipeline.results.verdict import judge

ELASTICITIES = (
    "model", "market", "horizon", "effort", "unit", "share_of", "effort_of", "value", "stderr", "low", "high"
)  # fmt: skip

CONTRIBUTIONS = (
    "model", "market", "measure", "firm", "cause", "effort", "effort_of", "value", "stderr", "low", "high"
)  # fmt: skip


def elasticities(tables: SweepTables) -> Table:
    """One row for every firm whose share it is and every effort of every firm, mean over periods.

    By the model of the verdict; markets without a usable fit of it are left out.
    """
    rows: list[tuple[object, ...]] = []
    for one in _causal_markets(tables):
        horizons: tuple[Horizon, ...] = (IMPACT, LONG_RUN)
        rows += elasticity_rows(one, horizons, effects_of_market(one, horizons, None))
    return Table.from_rows(ELASTICITIES, rows)


def elasticity_rows(
    one: CausalMarket, horizons: tuple[Horizon, ...], found: Estimated
) -> Iterator[tuple[object, ...]]:
    """Give the rows of `ELASTICITIES` of one market; firms that were never there together have none."""
    firms, efforts = one.fit.arrays.firms.tolist(), one.fit.efforts
    for row, effort, maker, owner in np.argwhere(~np.isnan(found.value)).tolist():
        numbers = (
            getattr(found, name)[row, effort, maker, owner] for name in ("value", "stderr", "low", "high")
        )
        yield (
            one.model, one.market, str(horizons[row]), efforts[effort],
            effect_unit(one, horizons[row], effort), firms[owner], firms[maker], *map(float, numbers),
        )  # fmt: skip


def contributions(tables: SweepTables) -> Table:
    """One row for every cause of what became of a firm's share and sales from the first period to the last.

    By the model of the verdict; markets without a usable fit of it are left out.
    """
    rows: list[tuple[object, ...]] = []
    for one in _causal_markets(tables):
        rows += contribution_rows(one, explain_market(one, 0, len(one.fit.arrays.times) - 1))
    return Table.from_rows(CONTRIBUTIONS, rows)


def contribution_rows(one: CausalMarket, explained: Explained) -> Iterator[tuple[object, ...]]:
    """Give the rows of `CONTRIBUTIONS` of one market; causes that did exactly nothing have none."""
    firms = one.fit.arrays.firms.tolist()
    numbers = [getattr(explained.found, name) for name in ("value", "stderr", "low", "high")]
    kept = (BEFORE, AFTER)
    for row, (kind, effort, maker) in enumerate(explained.causes):
        for measure, name in enumerate(MEASURES):
            for owner, firm in enumerate(firms):
                if kind not in kept and numbers[0][row, measure, owner] == 0.0:
                    continue
                found = (float(values[row, measure, owner]) for values in numbers)
                by = firms[maker] if maker >= 0 else None
                yield one.model, one.market, name, firm, kind, effort or None, by, *found


def _causal_markets(tables: SweepTables) -> Iterator[CausalMarket]:
    results = Results.of_tables(tables)
    model = judge(tables).model
    if model is None:
        return
    for market in tables.labels("market").tolist():
        try:
            yield read_causal_market(results, market, model)
        except QueryError:
            continue
