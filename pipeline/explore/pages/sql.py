"""A box for SQL: one SELECT over the tables of the sweep, its rows, a link that holds it."""

from pipeline.errors import BeedError, QueryError
from pipeline.explore.fields import number
from pipeline.explore.reply import Download, Page
from pipeline.explore.sql.question import Answer, Question
from pipeline.explore.visit import Visit
from pipeline.reporting.blocks import Grid, grid
from pipeline.results.frames.formats import format_table
from pipeline.results.tables.registry import TABLES

_ROWS, _MOST_ROWS, _FILE_ROWS = 200, 5_000, 1_000_000
_SECONDS, _MOST_SECONDS = 20.0, 300.0
_EXAMPLES = {
    "Which models fit best": (
        "select model, count(*) fits, median(rmse) rmse from fits\ngroup by model order by rmse"
    ),
    "The markets that fit worst": (
        "select market, model, rmse, status from fits\norder by rmse desc nulls last limit 20"
    ),
    "A parameter over the markets": (
        "select model, param, median(value) value, quantile_cont(value, 0.1) low,\n"
        "  quantile_cont(value, 0.9) high from params group by model, param order by model, param"
    ),
}


def sql(visit: Visit) -> Page:
    """Show the box, and the answer where something was asked."""
    text = visit.query.get("sql", "").strip()
    found: tuple[Grid, ...] = ()
    error, count = "", 0
    rows = 0
    try:
        rows = _limits(visit)[0]
        if text:
            answer = _ask(visit, text, rows)
            count = answer.count
            assert answer.table is not None
            found = tuple(
                block for block in grid("Answer", answer.table, rows=rows) if isinstance(block, Grid)
            )
    except BeedError as refused:
        error = str(refused)
    values = {
        "sql": text,
        "grids": found,
        "error": error,
        "count": count,
        "shown": min(rows, count),
        "rows": visit.query.get("rows", str(_ROWS)),
        "seconds": visit.query.get("seconds", f"{_SECONDS:g}"),
        "most": (_MOST_ROWS, _MOST_SECONDS),
        "tables": {name: entry.sentence for name, entry in TABLES.items()},
        "examples": {
            title: (visit.link("/sql", sql=example), example) for title, example in _EXAMPLES.items()
        },
        "csv": "/sql.csv?" + visit.link().partition("?")[2],
    }
    return Page("sql.html", "SQL", values, status=400 if error else 200)


def download(visit: Visit) -> Download:
    """Give the answer as a file."""
    text = visit.query.get("sql", "").strip()
    if not text:
        raise QueryError("Got no query; the field sql of the address holds one SELECT.")
    answer = _ask(visit, text, _FILE_ROWS)
    assert answer.table is not None
    written = format_table(answer.table, "csv", spreadsheet_safe=True)
    return Download(str(written).encode(), "answer.csv", "text/csv")


def _limits(visit: Visit) -> tuple[int, float]:
    rows, seconds = number(visit.query, "rows", _ROWS), number(visit.query, "seconds", _SECONDS)
    if not 1 <= rows <= _MOST_ROWS or not 0 < seconds <= _MOST_SECONDS:
        raise QueryError(
            f"Got {rows:g} rows and {seconds:g} s; expected 1 to {_MOST_ROWS} rows, and up to "
            f"{_MOST_SECONDS:g} s."
        )
    return int(rows), seconds


def _ask(visit: Visit, text: str, rows: int) -> Answer:
    results = visit.view.results
    url, sweep = results.store.location.url, results.sweep.name
    question = Question(url, sweep, results.snapshot, text, rows, _limits(visit)[1])
    return visit.explorer.asker.ask(question)
