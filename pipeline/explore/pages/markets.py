"""The list of markets: searched, filtered, sorted here, a page of it in the browser."""

import numpy as np

from pipeline.explore.fields import chosen_model, number, page_number
from pipeline.explore.market_list import COLUMNS, GROUPS, MarketList, Wanted
from pipeline.explore.reply import Download, Page
from pipeline.explore.visit import Visit
from pipeline.reporting.cells import cell, heading
from pipeline.results.frames.formats import format_table

_ROWS = 50


def markets(visit: Visit) -> Page:
    """Show a page of the markets asked for."""
    model, found, wanted = _asked(visit)
    places = found.find(wanted)
    pages = max(-(-len(places) // _ROWS), 1)
    page = page_number(visit.query, pages)
    table = found.table(places[(page - 1) * _ROWS : page * _ROWS])
    rows = [
        (str(label), visit.link("/market", market=label, model=model), status, numbers)
        for label, status, numbers in zip(
            table["market"].tolist(),
            [word.replace("_", " ") for word in table["status"].tolist()],
            zip(*([cell(value, name) for value in table[name].tolist()] for name in COLUMNS), strict=True),
            strict=True,
        )
    ]
    values = {
        "model": model,
        "models": visit.view.results.models,
        "rows": rows,
        "found": len(places),
        "all": len(found.labels),
        "first": (page - 1) * _ROWS + 1,
        "page": page,
        "pages": pages,
        "columns": {name: (heading(name), meaning) for name, meaning in COLUMNS.items()},
        "statuses": tuple(dict.fromkeys((*GROUPS, *found.statuses))),
        "sort": wanted.sort,
        "csv": "/markets.csv?" + visit.link(page=None).partition("?")[2],
    }
    return Page("markets.html", "Markets", values)


def download(visit: Visit) -> Download:
    """Give all markets asked for as a file."""
    model, found, wanted = _asked(visit)
    text = format_table(found.table(found.find(wanted)), "csv", spreadsheet_safe=True)
    return Download(str(text).encode(), f"markets-{model}.csv", "text/csv")


def _asked(visit: Visit) -> tuple[str, MarketList, Wanted]:
    results, query = visit.view.results, visit.query
    model = chosen_model(query, results.models, visit.view.model)
    found = visit.view.once(("markets", model), lambda: MarketList(results.tables, model))
    low, high = number(query, "low", -np.inf), number(query, "high", np.inf)
    column = query.get("column", "") if np.isfinite([low, high]).any() else ""
    return (
        model,
        found,
        Wanted(
            query.get("search", "").strip(), query.get("status", ""), column, low, high, query.get("sort", "")
        ),
    )
