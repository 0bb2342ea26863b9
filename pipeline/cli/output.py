"""Tables on the standard output, for people and for programs."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.results.frames.table import Table


def print_formatted(table: "Table", style: str) -> None:
    """Write a table to the standard output: aligned text, CSV, JSON, or the bytes of Parquet.

    Raises
    ------
    QueryError
        An unknown style.
    """
    from pipeline.results.frames.formats import format_table

    text = format_table(table, style)
    if isinstance(text, bytes):
        sys.stdout.buffer.write(text)
    else:
        print(text.removesuffix("\n"))
