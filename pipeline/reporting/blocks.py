"""What a report is made of: sections of paragraphs, lists, tables, pictures; the template shows each kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pipeline.reporting.cells import cell, heading
from pipeline.results.frames.table import Table

# Labels of markets may be numbers, and are names all the same.
_LABELS = ("market", "example")


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; words between backquotes are code. The tone is plain, note, warning or lead."""

    kind: ClassVar[str] = "text"
    text: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    kind: ClassVar[str] = "bullets"
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Named facts."""

    kind: ClassVar[str] = "facts"
    items: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Code:
    """Text as it is, in a box that is closed at first."""

    kind: ClassVar[str] = "code"
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; ``numeric`` columns are right-aligned, ``more`` stands below; ``folded``: closed at first."""

    kind: ClassVar[str] = "grid"
    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    more: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing: an element ``<svg>`` that is trusted, made by `pipeline.reporting.plots.svg`."""

    kind: ClassVar[str] = "picture"
    svg: str
    caption: str


Block = Text | Bullets | Facts | Code | Grid | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with an entry in the table of contents."""

    anchor: str
    title: str
    blocks: tuple[Block, ...] = field(default=())


def grid(
    title: str, table: Table, *, rows: int = 20, all_of_them: str = "", folded: bool = False
) -> tuple[Block, ...]:
    """Show the first rows of a table, and say how many there are; nothing when it is empty.

    Columns in which nothing is known are left out.

    Parameters
    ----------
    title
        Shown above it.
    table
        What to show.
    rows
        Rows at most.
    all_of_them
        What gives all rows, when there are more.
    folded
        Show the title alone until a reader opens it.
    """
    if not len(table):
        return ()
    kept = [name for name in table.columns if not _nothing(table[name])]
    headings = tuple(heading(name) for name in kept)
    numeric = tuple(table[name].dtype.kind in "biuf" and name not in _LABELS for name in kept)
    part = table.take(slice(rows))
    written = ([cell(value, name) for value in part[name].tolist()] for name in kept)
    left = len(table) - rows
    more = f"… and {left} more row{'s' if left > 1 else ''}" + (f": {all_of_them}" if all_of_them else "")
    return (
        Grid(
            title,
            headings,
            tuple(zip(*written, strict=True)),
            numeric,
            f"{more}." if left > 0 else "",
            folded,
        ),
    )


def _nothing(column: np.ndarray) -> bool:
    return column.dtype.kind == "f" and bool(np.isnan(column).all())
