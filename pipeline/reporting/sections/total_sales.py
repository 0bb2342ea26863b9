"""The section that compares models of total sales."""

import numpy as np

from pipeline.errors import QueryError
from pipeline.reporting.blocks import Block, Section, Text, grid
from pipeline.reporting.subject import MarketsSubject
from pipeline.reporting.words import shown_markets
from pipeline.results.frames.table import Table

_NOTE = (
    "Root mean square error of the logarithm of the sales of the whole market in periods that a model had "
    "not seen (up to 8 origins in the second half of the data, up to 13 periods ahead). `constant`, the "
    "level of recent periods, is what forecasts, plans and games use unless `total_sales.model` says "
    "otherwise; `response` is demand that answers to the share-weighted f."
)


def total_sales(subject: MarketsSubject) -> Section | None:
    """Compare models of total sales on held-out periods of the markets shown."""
    # What computes is imported where a page is made, not with all that may be on one.
    from pipeline.results.totals.tables import TOTALS, fitted_market, total_rows

    shown = subject.shown
    if shown.model is None:
        return None
    blocks: list[Block] = [Text(shown_markets(shown))]
    rows: list[tuple[object, ...]] = []
    for market, _ in shown.markets:
        try:
            rows += total_rows(fitted_market(subject.results, market, shown.model))
        except QueryError as error:
            blocks.append(Text(f"Market {market}: {error}", "warning"))
    tried = Table.from_rows(TOTALS, [row for row in rows if np.isfinite(float(str(row[3])))])
    if len(tried):
        blocks += grid(
            "Errors in held-out periods", tried.select(("market", "total_model", "error", "cases"))
        )
    blocks.append(Text(_NOTE, "note"))
    return Section("total-sales", "Sales of the whole market", tuple(blocks))
