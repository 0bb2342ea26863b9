"""Writing a table: aligned text, CSV, JSON, Parquet."""

import csv
import io
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import QueryError
from pipeline.results.frames.json_text import json_text
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
    return FORMATS[check_format(style)](table)


def check_format(style: str, known: Collection[str] = ()) -> str:
    """Give the name of a format back.

    Parameters
    ----------
    style
        The name.
    known
        Those that there are; by default the keys of `FORMATS`.

    Raises
    ------
    QueryError
        There is none of this name.
    """
    if style not in (known or FORMATS):
        raise QueryError(f"Got the format {style!r}; expected one of {', '.join(known or FORMATS)}.")
    return style


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
    return json_text(table.records())


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
