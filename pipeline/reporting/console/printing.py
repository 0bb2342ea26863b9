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
#: Characters that a cell may take before its text is broken into lines rather than put elsewhere.
_WIDEST = 40
#: Rows of a table that are shown; `beed query` gives all.
MOST_ROWS = 12


class _Console(Console):
    """A console that falls silent when nobody reads it any more (`| head`), and lets the work go on."""

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


def make_console(*, stderr: bool = False) -> Console:
    """Make a console that writes wide lines where it is not a terminal and ``COLUMNS`` says nothing else.

    With ``stderr`` it writes to the standard error.
    """
    console = _Console(stderr=stderr)
    asked = os.environ.get("COLUMNS", "")
    return console if console.is_terminal or asked.isdigit() else _Console(width=_WIDTH, stderr=stderr)


def print_line(console: Console, text: str) -> None:
    """Print text as it is: never broken, so that it can be copied; brackets and numbers left alone."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_sentence(console: Console, text: str) -> None:
    """Print text for people, broken between words where the line ends."""
    console.print(text, markup=False, highlight=False)


def print_facts(console: Console, title: str, facts: Mapping[str, str]) -> None:
    """Print named facts under a title, names in one column."""
    console.print(title, style="bold", markup=False, highlight=False)
    width = max(map(len, facts))
    for name, value in facts.items():
        print_line(console, f"  {name:<{width}}  {value}")


def print_table(console: Console, title: str, table: Table, rows: int = MOST_ROWS) -> None:
    """Print the first rows of a table, and how many there are; nothing when it is empty.

    Columns that a line has no room for follow in further tables, beside the first column once more.
    """
    if not len(table):
        return
    shown = table.take(slice(rows))
    for number, names in enumerate(_fitting(console, shown)):
        console.print(_draw(shown.select(names), title if number == 0 else ""))
    if len(table) > rows:
        console.print(f"... and {len(table) - rows} more rows", style="dim", highlight=False)


def _draw(table: Table, title: str) -> RichTable:
    drawn = RichTable(title=title or None, title_justify="left", title_style="bold", header_style="bold")
    for name, column in table.columns.items():
        # Names are wrapped, never cut: a model whose end is missing is another model.
        drawn.add_column(
            heading(name), justify="right" if column.dtype.kind in "biuf" else "left", overflow="fold"
        )
    for row in table.rows():
        drawn.add_row(*(escape(cell(value, name)) for name, value in zip(table.columns, row, strict=True)))
    return drawn


def _fitting(console: Console, table: Table) -> list[list[str]]:
    """Split the columns of a table into groups that fit into a line, each led by the first column."""
    names = list(table.columns)
    widths = {
        name: 3 + min(console.measure(_draw(table.select([name]), "")).maximum - 4, _WIDEST) for name in names
    }
    groups, room = [[names[0]]], console.width - widths[names[0]] - 1
    for name in names[1:]:
        if widths[name] > room and len(groups[-1]) > 1:
            groups.append([names[0]])
            room = console.width - widths[names[0]] - 1
        groups[-1].append(name)
        room -= widths[name]
    return groups
