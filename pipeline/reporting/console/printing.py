"""Printing to a terminal, or to a file where there is none: lines, named facts, tables."""

import os
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from pipeline.reporting.cells import cell, heading
from pipeline.results.frames.table import Table

#: Columns of a table in a file or pipe, where there is no terminal to ask.
_WIDTH = 132
#: Rows of a table that are shown; `beed query` gives all.
MOST_ROWS = 12


class _Console(Console):
    """A console that falls silent when nobody reads it any more (`| head`), and lets the work go on."""

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


def make_console() -> Console:
    """Make a console that writes wide lines where it is not a terminal."""
    console = _Console()
    return console if console.is_terminal else _Console(width=_WIDTH)


def print_line(console: Console, text: str) -> None:
    """Print text as it is: never broken, brackets and numbers left alone."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_facts(console: Console, title: str, facts: Mapping[str, str]) -> None:
    """Print named facts under a title, names in one column."""
    console.print(title, style="bold", markup=False, highlight=False)
    width = max(map(len, facts))
    for name, value in facts.items():
        print_line(console, f"  {name:<{width}}  {value}")


def print_table(console: Console, title: str, table: Table, rows: int = MOST_ROWS) -> None:
    """Print the first rows of a table, and how many there are; nothing when it is empty."""
    if not len(table):
        return
    drawn = RichTable(title=title or None, title_justify="left", title_style="bold", header_style="bold")
    for name, column in table.columns.items():
        drawn.add_column(heading(name), justify="right" if column.dtype.kind in "biuf" else "left")
    for row in table.take(slice(rows)).rows():
        drawn.add_row(*(escape(cell(value, name)) for name, value in zip(table.columns, row, strict=True)))
    console.print(drawn)
    if len(table) > rows:
        console.print(f"... and {len(table) - rows} more rows", style="dim", highlight=False)
