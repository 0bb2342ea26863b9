"""Writing a table: aligned text, CSV, JSON, Parquet."""

import csv
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import QueryError
from pipeline.results.frames.cells import plain_values
from pipeline.results.frames.table import Table
from pipeline.results.frames.text import aligned_text

if TYPE_CHECKING:
    import pyarrow as pa


_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a text begins with that spreadsheets compute when they open a CSV file."""


def format_table(table: Table, style: str = "table", *, spreadsheet_safe: bool = False) -> str | bytes:
    """Write a table.

    Parameters
    ----------
    table
        What to write.
    style
        A key of `FORMATS`: ``table`` (aligned text, six digits), ``csv`` and ``json`` (all digits),
        ``parquet`` (bytes).
    spreadsheet_safe
        With the style csv: put an apostrophe before texts that a spreadsheet would take for a formula (those
        that begin with ``= + - @``, a tab or a return), as OWASP advises. Numbers stay as they are. Not for
        programs: they would read the apostrophe.

    Raises
    ------
    QueryError
        An unknown style, or the option with another style.
    """
    if spreadsheet_safe:
        if style != "csv":
            raise QueryError(
                f"Got --spreadsheet-safe with the format {style!r}; it goes with --format csv only."
            )
        table = Table({_harmless(name): _harmless_column(column) for name, column in table.columns.items()})
    if style not in FORMATS:
        raise QueryError(f"Got the format {style!r}; expected one of {', '.join(FORMATS)}.")
    return FORMATS[style](table)


def to_arrow(table: Table) -> "pa.Table":
    """Turn a table into one of pyarrow, nan into null."""
    import pyarrow as pa

    return pa.table(
        {
            name: pa.array(
                column.tolist() if column.dtype.kind in "OU" else _microseconds(column), from_pandas=True
            )
            for name, column in table.columns.items()
        }
    )


def _csv(table: Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(["" if value is None else value for value in row] for row in table.rows())
    return out.getvalue()


def _harmless_column(column: np.ndarray) -> np.ndarray:
    if column.dtype.kind not in "OU":
        return column
    harmless = np.empty(column.shape, dtype=object)
    for row, value in enumerate(column.tolist()):
        harmless[row] = _harmless(value)
    return harmless


def _harmless(value: Any) -> Any:
    """Put an apostrophe before a text that would be a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _json(table: Table) -> str:
    names = list(table.columns)
    records = [dict(zip(names, map(_jsonable, row), strict=True)) for row in table.rows()]
    return json.dumps(records, indent=1, ensure_ascii=False)


def _jsonable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_jsonable(item) for item in plain_values(value)]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _parquet(table: Table) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(to_arrow(table), sink)
    return sink.getvalue()


def _microseconds(column: np.ndarray) -> np.ndarray:
    return column.astype("datetime64[us]") if column.dtype.kind == "M" else column


FORMATS: dict[str, Callable[[Table], str | bytes]] = {
    "table": lambda table: aligned_text(table.columns),
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}
