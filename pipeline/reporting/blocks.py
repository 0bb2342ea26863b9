"""What a report is made of: sections of paragraphs, lists, tables, pictures; the template shows each kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from pipeline.results.tables.frame import Table

MISSING = "–"
_HEADINGS = {
    "aic_lead": "AIC lead",
    "bic_lead": "BIC lead",
    "by_aic": "best by AIC",
    "by_bic": "best by BIC",
    "best_by_aic": "best by AIC in",
    "best_by_bic": "best by BIC in",
    "better_in": "better in",
    "worse_in": "worse in",
    "gamma": "γ",
    "half_life": "half-life",
    "p": "p-value",
}
_LABELS = ("market", "example")
_CRITERIA = {"aic": "AIC", "aicc": "AICc", "bic": "BIC"}


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
    """Text as it is, in a box that opens."""

    kind: ClassVar[str] = "code"
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; ``numeric`` columns stand to the right, ``more`` is said below it; ``folded``: it opens."""

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
    title: str, table: "Table", *, rows: int = 20, all_of_them: str = "", folded: bool = False
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
    # Labels of markets may be numbers, and are names all the same.
    numeric = tuple(table[name].dtype.kind in "biuf" and name not in _LABELS for name in kept)
    part = table.take(slice(rows))
    cells = tuple(
        zip(*([_write(name, value) for value in part[name].tolist()] for name in kept), strict=True)
    )
    left = len(table) - rows
    more = f"… and {left} more row{'s' if left > 1 else ''}" + (f": {all_of_them}" if all_of_them else "")
    return (Grid(title, headings, cells, numeric, f"{more}." if left > 0 else "", folded),)


def heading(name: str) -> str:
    """Turn the name of a column into a heading."""
    if name in _HEADINGS:
        return _HEADINGS[name]
    return " ".join(_CRITERIA.get(word, word) for word in name.split("_"))


def cell(value: Any) -> str:
    """Write a value for people: four digits, a dash where it is missing."""
    if value is None or value != value:
        return MISSING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        if np.isinf(value):
            return "∞" if value > 0.0 else "-∞"
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e6 else f"{value:.4g}"
    return str(value)


def _write(name: str, value: Any) -> str:
    """Write a value of a column; of probabilities and weights, four places are enough."""
    if isinstance(value, float) and (name == "p" or name.startswith(("weight", "stacking"))):
        return "<0.0001" if 0.0 < value < 1e-4 else cell(round(value, 4))
    return cell(value)


def _nothing(column: np.ndarray) -> bool:
    return column.dtype.kind == "f" and bool(np.isnan(column).all())
